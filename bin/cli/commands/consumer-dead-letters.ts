import { Option, type Command } from 'commander';
import type { ConsumerRequest, ConsumerRequestOutcome, ResendAs } from '../../../lib/consume/request';
import {
  deadLetters,
  placeOf,
  type DeadLetter,
  type DeadLettersOptions,
  type DeadLettersReport,
} from '../../../lib/operate/consumer/dead-letters';
import { deadLetterTopic } from '../../../lib/event/consumer-name';
import { openKafkaMetadata } from '../../../lib/operate/kafka-metadata';
import type { KafkaTarget } from '../../../lib/operate/kafka-target';
import { requireConsumer } from '../../../lib/operate/consumer/inbox-contents';
import { planResend, resendDeadLetters, type ResendPlan } from '../../../lib/operate/consumer/resend';
import { consumerRequests, nameOf } from '../consumer-requests';
import { reportRequests, type RequestWords } from '../requests';
import { EXIT_CODES, needsYes, runOnInbox } from '../run-in-session';
import { parseSince, parseTimeout } from '../arguments';
import { columns, count, number, time } from '../format';
import { Groups } from '../group-by-reason';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { openSession, SessionError, type InboxSession, type Session } from '../session';

interface DeadLetterOptions extends KafkaOptions {
  readonly topic: string;
  readonly consumer: string;
  readonly since?: number;
  readonly reason?: readonly string[];
  readonly key?: readonly string[];
  readonly source?: string;
  readonly aggregate?: string;
  readonly at?: readonly string[];
  readonly resend?: true;
  readonly as?: ResendAs;
  readonly inbox?: string;
  readonly why?: string;
  readonly yes?: true;
  readonly follow?: true;
  readonly timeout?: number;
}

const OF_RESEND = ['as', 'why', 'yes', 'follow', 'timeout'] as const;
const TIMEOUT_MS = 600_000;

export function addConsumerDeadLetters(consumer: Command): void {
  withKafkaOptions(
    consumer
      .command('dead-letters')
      .description(
        "list the consumer's dead letters: why, when, and from where (reads Kafka); with --resend, ask the consumer to apply them",
      )
      .requiredOption('--topic <name>', 'that the consumer reads (required)')
      .requiredOption('--consumer <name>', 'its name (required)')
      .option('--since <time>', 'sent there then or later: 2026-01-31T08:00:00Z, or 2h (default: all)', parseSince)
      .option('--reason <reason...>', 'sent there for this reason, such as handler-failed (default: any)')
      .option('--key <key...>', 'of these keys, such as order#42 (default: all)')
      .option('--source <uri>', 'of this source')
      .option('--aggregate <name>', 'of this aggregate')
      .option('--at <place...>', 'read at this place, such as orders-3@1024 (default: any)')
      .option('--resend', 'ask the consumer to apply them; no other consumer sees them; needs --yes')
      .addOption(
        new Option(
          '--as <order>',
          'with --resend: parked, before the later events of the key, which wait if it fails again; or late, after them',
        ).choices(['parked', 'late']),
      )
      .option('--inbox <table>', "the consumer's table: a name that it does not know is refused; needed for --resend")
      .option('--why <text>', 'with --resend: the reason, kept with the request')
      .option('--yes', 'with --resend: confirms it')
      .option('--follow', 'with --resend: wait until each request is done, and report how it ended')
      .option('--timeout <duration>', 'how long --follow waits (default: 10m)', parseTimeout),
  ).action((_options: unknown, command: Command) =>
    // The outbox is looked for only to find its brokers.
    runOnInbox(command, (session) =>
      run(session, command.optsWithGlobals(), () => openSession(command.optsWithGlobals())),
    ),
  );
}

async function run(session: InboxSession, options: DeadLetterOptions, outbox: () => Promise<Session>): Promise<number> {
  if (options.resend === true) return resend(session, options, outbox);
  const misplaced = OF_RESEND.find((name) => options[name] !== undefined);
  if (misplaced !== undefined) throw new SessionError(`dead-letters: --${misplaced} needs --resend.`);
  const { terminal, client } = session;
  const { inbox, consumer } = options;
  if (inbox !== undefined) await requireConsumer({ client, tableName: inbox }, consumer);
  const kafka = await kafkaOf('dead-letters', outbox, options);
  const now = Date.now();
  let unshown: DeadLetter[] = [];
  let isFirst = true;
  const show = (): void => {
    const rows = table(unshown.toSorted((a, b) => a.deadLetteredAt - b.deadLetteredAt));
    terminal.part(isFirst ? rows : rows.slice(1));
    unshown = [];
    isFirst = false;
  };
  const report = await deadLetters(kafka, {
    ...selectionOf(session, options),
    onLetter: (letter) => {
      unshown.push(letter);
      if (unshown.length >= PORTION) show();
    },
  });
  if (unshown.length > 0) show();
  if (!report.exists) {
    const known = await knownTopics(kafka, options.topic);
    terminal.result({ ...report, ...known }, () => [missing(report.topic, options.topic), ...namesOf(known, options)]);
    // If not even the topic itself exists, nothing was checked.
    return known.isTopicKnown ? EXIT_CODES.wrong : EXIT_CODES.refused;
  }
  terminal.result(report, () => lines(report, now));
  return EXIT_CODES.done;
}

interface KnownTopics {
  readonly isTopicKnown: boolean;
  /** Dead-letter topics of other consumers of the topic. */
  readonly others: readonly string[];
}

/** Creating a dead-letter topic for a mistyped name would hide the fault. */
async function knownTopics(kafka: KafkaTarget, topic: string): Promise<KnownTopics> {
  const look = await openKafkaMetadata(kafka);
  await look.close();
  const [before = '', after = ''] = deadLetterTopic(topic, '*').split('*');
  const others = [...look.topics].filter((name) => name.startsWith(before) && name.endsWith(after)).toSorted();
  return { isTopicKnown: look.topics.has(topic), others };
}

const namesOf = ({ isTopicKnown, others }: KnownTopics, { topic }: DeadLetterOptions): string[] =>
  isTopicKnown
    ? others.length === 0
      ? []
      : [`Is --consumer right? Other consumers of ${topic} have ${others.join(', ')}.`]
    : [`Topic ${topic} does not exist either: check --topic.`];

const selectionOf = (
  { terminal }: InboxSession,
  { topic, consumer, since, reason, key, source, aggregate, at }: DeadLetterOptions,
): DeadLettersOptions => ({
  ...{ topic, consumer, sinceMs: since, source, aggregate },
  ...{ reasons: reason, keys: key, places: at },
  onProgress: (passed, all) => terminal.progress(`${number(passed)} of ${count(all, 'message')} read`),
});

async function resend(
  session: InboxSession,
  options: DeadLetterOptions,
  outbox: () => Promise<Session>,
): Promise<number> {
  const { terminal, client } = session;
  const { consumer, as, inbox, why, yes, follow, timeout = TIMEOUT_MS } = options;
  if (as === undefined) {
    throw new SessionError(
      'dead-letters: --resend needs --as parked (before the later events of the key) or --as late (after them).',
    );
  }
  if (inbox === undefined) throw new SessionError("dead-letters: --resend needs --inbox, the consumer's table.");
  if (why === undefined)
    throw new SessionError('dead-letters: --resend needs --why, the reason, which is kept with the request.');
  const target = { client, tableName: inbox, consumer };
  const kafka = await kafkaOf('dead-letters', outbox, options);
  const plan = await planResend(kafka, target, { ...selectionOf(session, options), as });
  const { topic, exists, refused, asked, targets } = plan;
  const shown = { topic, exists, as, refused, alreadyAsked: asked, letters: targets.map(({ letter }) => letter) };
  const before = [
    ...refused.map(({ letter, why: reason }) => `${placeOf(letter)}: cannot be sent again: ${reason}`),
    ...asked.map((letter) => `${placeOf(letter)}: the consumer already has a request for it.`),
    ...leftGroupLines(plan),
  ];
  const code = refused.length === 0 && exists ? EXIT_CODES.done : EXIT_CODES.wrong;
  if (targets.length === 0) {
    terminal.result(shown, () => [
      ...before,
      exists ? `Nothing of ${topic} can be sent again.` : missing(topic, options.topic),
    ]);
    return code;
  }
  if (yes !== true) {
    terminal.result({ wouldResend: shown }, () => [...before, ...planLines(plan)]);
    return needsYes(session);
  }
  const request = { by: await session.by(), at: Date.now(), why };
  const report = await resendDeadLetters(target, plan, request, {
    onProgress: (done) => terminal.progress(`${number(done)} of ${count(targets.length, 'request')} sent`),
  });
  const sent = consumerRequests(session, target, report.asked, 'dead letter');
  const ended = await reportRequests(
    session,
    {
      ...sent,
      value: { ...shown, ...report },
      before: [...before, ...report.failed.map(({ place, why: reason }) => `${place}: no request was sent: ${reason}`)],
      nothing: '',
      failed: report.failed.length,
      words: WORDS,
      endOf: (followed) => ({ ...sent.endOf(followed), name: letterName(followed.request) }),
    },
    { follow, timeout },
  );
  return Math.max(code, ended);
}

const WORDS: RequestWords<ConsumerRequestOutcome | 'waiting'> = {
  noun: 'dead letter',
  done: 'applied',
  outcomes: {
    released: 'applied',
    refused: 'failed again',
    'not-there': 'its message has expired in the table: nothing was done',
    duplicate: 'it had its effect before, or was discarded: nothing was done',
    waiting: 'not done in time; the request stays. Does an instance of the consumer run?',
  },
};

const letterName = (request: ConsumerRequest): string =>
  request.asks === 'resend' ? `${request.resent} (${nameOf(request.key)})` : nameOf(request.key);

const ORDER: Readonly<Record<ResendAs, string>> = {
  parked:
    'Each is applied before the events of its key that are parked now or come later. If it fails again, the key waits for it.',
  late: 'Each is applied once, after the events of its key that were applied before. If it fails again, nothing waits for it.',
};

const planLines = ({ topic, as, targets }: ResendPlan): string[] => [
  `${count(targets.length, 'message')} of ${topic} would be sent again, to this consumer alone, as ${as}.`,
  ORDER[as],
  '',
  ...table(targets.map(({ letter }) => letter)),
];

const missing = (name: string, topic: string): string =>
  `Topic ${name} does not exist: a message that the consumer cannot apply blocks its partition. Next: outbox topic create ${name} --like ${topic}`;

/** Dead letters that are printed together while the topic is still read. */
const PORTION = 100;

function lines(report: DeadLettersReport, now: number): string[] {
  const { topic, letters } = report;
  const groups = new Groups(
    letters.map(({ reason, message, deadLetteredAt: since }) => ({ reason, message, since })),
    'message',
    now,
  );
  return [
    ...(letters.length === 0
      ? [`${topic} has no dead letter.`]
      : ['', `${count(letters.length, 'message')} in ${topic}`, ...groups.lines]),
    ...leftGroupLines(report),
  ];
}

const table = (letters: readonly DeadLetter[]): string[] =>
  columns([
    ['SENT', 'REASON', 'KEY', 'TYPE', 'FROM', 'MESSAGE'],
    ...letters.map((letter) => [
      time(letter.deadLetteredAt),
      letter.reason,
      letter.key,
      letter.type ?? '',
      placeOf(letter),
      letter.message,
    ]),
  ]);

const leftGroupLines = ({ leftGroup }: Pick<DeadLettersReport, 'leftGroup'>): string[] =>
  leftGroup === undefined ? [] : [`The consumer group ${leftGroup.groupId} could not be deleted: ${leftGroup.why}`];
