import { namedMessageOf } from '../event/errors';

/** Enough for the important frames, and little compared with a message. */
const STACK_CHARACTERS = 2_000;
const MESSAGE_CHARACTERS = 500;

/** Secrets that an error's text may contain, and that must not leave the process. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // user:password@host
  [/\/\/[^\s/:@]+:[^\s/@]+@/g, '//***@'],
  [/\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi, '$1 ***'],
  [/\b(password|passwd|secret|token|api[-_]?key|authorization|credential)("?\s*[:=]\s*"?)[^\s"',;)}]+/gi, '$1$2***'],
  [/\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, '***'],
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, '***'],
];

const redacted = (text: string): string =>
  SECRETS.reduce((clean, [secret, instead]) => clean.replace(secret, instead), text);

/** The message of an error without credentials, on one line and shortened. */
export const redactedMessage = (error: unknown): string =>
  redacted(namedMessageOf(error)).replace(/\s+/g, ' ').slice(0, MESSAGE_CHARACTERS).toWellFormed();

/** The stack frames of an error, without its message and the machine's folders, which reveal user and host. */
export function redactedStack(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  return error.stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim().replace(/(file:\/\/)?[/\\](?:[^\s()]*[/\\])?(node_modules[/\\])?([^\s()/\\]+)/g, '$2$3'))
    .join('\n')
    .slice(0, STACK_CHARACTERS);
}
