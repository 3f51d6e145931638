import { CommanderError } from 'commander';
import { OutboxError } from '../../lib/event/errors';
import { EXIT_CODES } from './run-in-session';
import { SessionError } from './session';

/** By the name of the error: the AWS SDK's classes differ from client to client. */
const ADVICE: Readonly<Record<string, string>> = {
  CredentialsProviderError: 'Log in to AWS (AWS_PROFILE, aws sso login), or run it where a local stack runs.',
  ExpiredTokenException: 'The credentials have expired: log in to AWS again.',
  ResourceNotFoundException: 'Is the name right, and the region? See --table, --stack, --inbox and --region.',
  AccessDeniedException: 'outbox doctor lists the missing permissions.',
};

/**
 * Reports why a command could not be run, on stderr, and returns the exit code. commander has already printed its own
 * errors, help and the version.
 */
export function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.refused;
  process.stderr.write(`${explain(error)}\n`);
  return EXIT_CODES.refused;
}

/** The message for a person if a command could not be run. */
export function explain(error: unknown): string {
  if (error instanceof OutboxError || error instanceof SessionError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  // Parallel parts of a scan fail for the same reason, so each reason is shown once.
  const reasons = [...new Set(causes.map(String))].map((reason) => `\n  ${reason}`).join('');
  const advice = new Set([error, ...causes].flatMap((each) => adviceOn(each) ?? []));
  return [`${error.name}: ${error.message}${reasons}`, ...advice].join('\n');
}

function adviceOn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isMissingStack = error.name === 'ValidationError' && error.message.includes('does not exist');
  return isMissingStack
    ? 'Name the outbox with --stack or --table, or run it where a local stack runs.'
    : error.name === 'Error' && error.message.includes('Region is missing')
      ? 'Give --region, or set AWS_REGION; or run it where a local stack runs.'
      : error.name === 'ValidationException' && /key schema|schema element/i.test(error.message)
        ? 'The table has other keys than an outbox or an inbox: check --table and --inbox.'
        : ADVICE[error.name];
}
