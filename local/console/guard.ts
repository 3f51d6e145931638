import { randomBytes, timingSafeEqual } from 'node:crypto';

/** The parts of a request that decide whether the console answers it. */
export interface GuardedRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly token: string | undefined;
}

/** The header in which the page sends its token. A page of another origin cannot set it without being asked first. */
export const TOKEN_HEADER = 'x-console-token';

const CHANGING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

export const newToken = (): string => randomBytes(24).toString('base64url');

/**
 * Why a request is refused, or `undefined`.
 *
 * A name other than the loopback address in `Host` means DNS rebinding: a page from elsewhere whose name was made to
 * resolve to this machine. A request that changes something also needs the token, which only the console's own page has.
 *
 * @param port - the port on which the console listens
 */
export function refusalOf(
  { method, host, origin, token }: GuardedRequest,
  port: number,
  expected: string,
): string | undefined {
  const own = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  if (host === undefined || !own.includes(host)) {
    return `The header Host is "${host ?? ''}"; the console answers only to ${own.join(', ')}.`;
  }
  if (origin !== undefined && !own.some((each) => origin === `http://${each}`)) {
    return `The header Origin is "${origin}"; only the console's own page may call it.`;
  }
  if (!CHANGING.has(method) || sameText(token ?? '', expected)) return undefined;
  return `The header ${TOKEN_HEADER} is missing or wrong; reload the page to get the token of this run.`;
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
