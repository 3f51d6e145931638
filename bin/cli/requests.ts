import { Option, type Command } from 'commander';
import { parseTimeout } from './arguments';
import { explain } from './failure';
import { columns, count, number } from './format';
import { EXIT_CODES } from './run-in-session';
import type { Session } from './session';

/** Options of every command that asks the relay or a consumer to act. */
export interface RequestOptions {
  readonly why: string;
  readonly follow?: true;
  readonly timeout: number;
}

export const withRequestOptions = (command: Command): Command =>
  command
    .requiredOption('--why <text>', 'the reason, kept with the request (required)')
    .option('--follow', 'wait until each request is done, and report how it ended')
    .addOption(
      new Option('--timeout <duration>', 'how long --follow waits').argParser(parseTimeout).default(600_000, '10m'),
    );

/** The words in which a command reports its requests. */
export interface RequestWords<Outcome extends string> {
  readonly noun: string;
  /** The word for the outcome `released`. */
  readonly done: string;
  readonly outcomes: Readonly<Record<Outcome, string>>;
}

/** How one request ended. */
export interface EndedRequest<Outcome extends string> {
  readonly name: string;
  readonly outcome: Outcome;
  readonly message?: string;
}

/** The requests that a command has sent. */
export interface SentRequests<Followed, Outcome extends string> {
  /** The result for a program, without the outcomes. */
  readonly value: object;
  /** Lines about targets without a request. */
  readonly before: readonly string[];
  /** Printed if nothing was sent and `before` is empty. */
  readonly nothing: string;
  readonly sent: number;
  readonly failed: number;
  /** Printed unless the requests are followed. */
  readonly notFollowed: string;
  readonly words: RequestWords<Outcome>;
  readonly follow: (timeoutMs: number) => Promise<readonly Followed[]>;
  readonly endOf: (followed: Followed) => EndedRequest<Outcome>;
}

/** Ends a command that has sent requests: with the requests, or with their outcomes. Returns the exit code. */
export async function reportRequests<Followed, Outcome extends string>(
  { terminal }: Pick<Session, 'terminal'>,
  requests: SentRequests<Followed, Outcome>,
  { follow, timeout }: Pick<RequestOptions, 'follow' | 'timeout'>,
): Promise<number> {
  const { value, before, nothing, sent, failed, notFollowed, words, endOf } = requests;
  const code = failed === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
  const report = (): void =>
    terminal.result(value, () => (sent > 0 ? [...before, notFollowed] : before.length > 0 ? before : [nothing]));
  if (follow !== true || sent === 0) {
    report();
    return code;
  }
  let followed: readonly Followed[];
  try {
    followed = await requests.follow(timeout);
  } catch (error) {
    // The requests are durable, so they must be reported even if following them fails.
    report();
    terminal.note(`The outcome could not be read. ${explain(error)}`);
    return EXIT_CODES.wrong;
  }
  const ended = followed.map(endOf);
  terminal.result({ ...value, followed }, () => [...before, ...outcomeLines(ended, words)]);
  return ended.every(isDone) ? code : EXIT_CODES.wrong;
}

const isDone = ({ outcome }: EndedRequest<string>): boolean => outcome === 'released' || outcome === 'duplicate';

function outcomeLines<Outcome extends string>(
  ended: readonly EndedRequest<Outcome>[],
  { noun, done, outcomes }: RequestWords<Outcome>,
): string[] {
  const others = ended.filter(({ outcome }) => outcome !== 'released');
  return [
    ...columns(others.map(({ name, outcome, message = '' }) => [name, outcomes[outcome], message])),
    `${number(ended.length - others.length)} of ${count(ended.length, noun)} ${done}.`,
  ];
}
