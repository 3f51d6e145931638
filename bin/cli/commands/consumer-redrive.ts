import { Option, type Command } from 'commander';
import type { ConsumerRequestOutcome, ConsumerRequest } from '../../../lib/consume/request';
import {
  followParked,
  planParkedRedrive,
  redriveParked,
  type ConsumerTarget,
  type FollowedRequest,
  type ParkedRedriveReport,
} from '../../../lib/operate/consumer/redrive-parked';
import { runOnInbox, EXIT_CODES } from '../run-in-session';
import { parseTimeout } from '../arguments';
import { explain } from '../failure';
import { columns, count, number } from '../format';
import { SessionError, type InboxSession } from '../session';

/** Options of every command that sends requests to a consumer. */
export interface AskOptions {
  readonly inbox: string;
  readonly consumer: string;
  readonly topic?: string;
  readonly source?: string;
  readonly aggregate?: string;
  readonly why: string;
  readonly follow?: true;
  readonly timeout: number;
}

interface RedriveOptions extends AskOptions {
  readonly all?: true;
}

export const withAskOptions = (command: Command): Command =>
  command
    .requiredOption('--inbox <table>', "the consumer's table (required)")
    .requiredOption('--consumer <name>', 'its name (required)')
    .option('--topic <name>', 'of the key, when it is parked on several')
    .option('--source <uri>', 'of the key, when it is parked of several')
    .option('--aggregate <name>', 'of the key, when it is parked of several')
    .requiredOption('--why <text>', 'kept with the answer (required)')
    .option('--follow', 'wait until the consumer has done it, and say how it ended')
    .addOption(
      new Option('--timeout <duration>', 'how long --follow waits').argParser(parseTimeout).default(600_000, '10m'),
    );

export function addConsumerRedrive(consumer: Command): void {
  withAskOptions(
    consumer
      .command('redrive')
      .argument('[key...]', 'Kafka keys, such as 42')
      .description('ask the consumer to apply what is parked of keys, after the cause is fixed; safe to repeat')
      .option('--all', 'every key that is parked'),
  ).action((keys: string[], options: RedriveOptions, command: Command) =>
    runOnInbox(command, (session) => run(session, keys, options)),
  );
}

async function run(session: InboxSession, keys: readonly string[], options: RedriveOptions): Promise<number> {
  const { terminal, client } = session;
  const { inbox, consumer, topic, source, aggregate, all = false, why } = options;
  if (all === keys.length > 0) throw new SessionError('redrive: name keys, or give --all: one of them.');
  const target = { client, tableName: inbox, consumer };
  const { targets, idle } = await planParkedRedrive(target, {
    keys: all ? undefined : keys,
    topic,
    source,
    aggregate,
  });
  const request = { by: await session.by(), at: Date.now(), why };
  const report = await redriveParked(target, targets, request, {
    onProgress: (done) => terminal.progress(`${number(done)} of ${count(targets.length, 'key')} asked for`),
  });
  const before = [...idle.map((key) => `${key}: nothing is parked.`), ...failures(report)];
  if (report.asked.length === 0) {
    terminal.result({ ...report, idle }, () =>
      before.length > 0 ? before : ['No key is parked: there is nothing to redrive.'],
    );
    return report.failed.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
  }
  const code = await reportOrFollow(session, target, report.asked, options, { value: { ...report, idle }, before });
  return report.failed.length === 0 ? code : EXIT_CODES.wrong;
}

const failures = ({ failed }: ParkedRedriveReport): string[] =>
  failed.map(({ key, why }) => `${key.key}: not asked for: ${why}`);

/** Ends a command that has sent requests: with the requests, or with their answers. */
export async function reportOrFollow(
  { terminal }: InboxSession,
  target: ConsumerTarget,
  asked: readonly ConsumerRequest[],
  { follow, timeout }: Pick<AskOptions, 'follow' | 'timeout'>,
  {
    value,
    before,
    words = KEYS,
  }: { readonly value: object; readonly before: readonly string[]; readonly words?: Words },
): Promise<number> {
  const tell = (): void =>
    terminal.result(value, () => [
      ...before,
      `The consumer is asked for ${count(asked.length, words.noun)}. It looks every ten seconds unless it is told otherwise: outbox consumer parked shows what is left.`,
    ]);
  if (follow !== true) {
    tell();
    return EXIT_CODES.done;
  }
  let followed: readonly FollowedRequest[];
  try {
    followed = await followParked(target, asked, {
      timeoutMs: timeout,
      onProgress: (done, all) => terminal.progress(`the consumer has done ${number(done)} of ${number(all)}`),
    });
  } catch (error) {
    // The requests are durable, so they must be reported even if following them fails.
    tell();
    terminal.note(`How it ended could not be read. ${explain(error)}`);
    return EXIT_CODES.wrong;
  }
  terminal.result({ ...value, followed }, () => [...before, ...followedLines(followed, words)]);
  const isDone = ({ answer }: FollowedRequest): boolean =>
    answer?.outcome === 'released' || answer?.outcome === 'duplicate';
  return followed.every(isDone) ? EXIT_CODES.done : EXIT_CODES.wrong;
}

/** The words in which a command reports requests and their answers. */
export interface Words {
  readonly noun: string;
  readonly done: string;
  readonly says: Readonly<Record<ConsumerRequestOutcome, string>>;
  /** Names one request. */
  readonly name: (request: ConsumerRequest) => string;
}

const KEYS: Words = {
  noun: 'key',
  done: 'released',
  says: {
    released: 'released',
    refused: 'failed again',
    'not-there': 'that message does not head the key: nothing was done',
    duplicate: 'it had its effect before: nothing was done',
  },
  name: ({ key }) => key.key,
};

function followedLines(followed: readonly FollowedRequest[], { noun, done, says, name }: Words): string[] {
  const released = followed.filter(({ answer }) => answer?.outcome === 'released').length;
  const others = followed.filter(({ answer }) => answer?.outcome !== 'released');
  return [
    ...columns(
      others.map(({ request, answer }) =>
        answer === undefined
          ? [name(request), 'not done in time; the request stays. Does an instance of the consumer run?']
          : [name(request), says[answer.outcome], answer.message ?? ''],
      ),
    ),
    `${number(released)} of ${count(followed.length, noun)} ${done}.`,
  ];
}
