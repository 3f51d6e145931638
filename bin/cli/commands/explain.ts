import type { Command } from 'commander';
import { messageOf } from '../../../lib/event/errors';
import { explain, type ExplainReport, explainKafka } from '../../../lib/operate/explain/explain';
import {
  isSettled,
  type EventAtConsumer,
  type ExplainedConsumer,
  type ExplainedTopic,
  type KeyExplanation,
} from '../../../lib/operate/explain/diagnosis';
import type { DeadLetter } from '../../../lib/operate/consumer/dead-letters';
import { parseSequence, shownPosition } from '../../../lib/event/position';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { consumersToCheck } from '../consumers';
import { columns, count, duration, number, time } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { repeatedOptions, type GlobalOptions, type Session } from '../session';

interface ExplainOptions extends KafkaOptions, GlobalOptions {
  readonly region?: string;
  readonly inbox?: readonly string[];
  readonly consumer?: string;
  /** `--no-kafka` */
  readonly kafka: boolean;
}

const MORE = `
Consumers are found in the tables that --inbox names, in the functions of the stack (--stack), and on a local stack in all
of its tables. Kafka is read where the brokers can be reached; sources that were not checked are named at the end.`;

export function addExplain(program: Command): void {
  withKafkaOptions(
    program
      .command('explain')
      .argument('<key>', 'such as order#42; or 42, for every aggregate with this key (scans the table)')
      .description('follow a key through table, Kafka and consumers, and name the one next command')
      .option(
        '--inbox <table...>',
        "tables of consumers (default: those of the stack's functions, or of the local stack)",
      )
      .option('--consumer <name>', 'only this one (default: every consumer that is found)')
      .option('--no-kafka', 'do not read topics, groups and dead letters'),
  )
    .addHelpText('after', MORE)
    .action((key: string, options: ExplainOptions, command: Command) =>
      runInSession(command, (session) =>
        run(session, key, { ...command.optsWithGlobals<ExplainOptions>(), ...options }),
      ),
    );
}

async function run(session: Session, key: string, options: ExplainOptions): Promise<number> {
  const { terminal, target } = session;
  const notLookedAt: string[] = [];
  const { named, inboxes, why } = await consumersToCheck(session, options.inbox);
  notLookedAt.push(...why);
  const kafka = await kafkaFor(session, options, notLookedAt);
  if (target.home !== undefined) {
    notLookedAt.push(`items of other Regions: seen here is what was written in ${target.home.publishesFor.join(', ')}`);
  }
  let report: ExplainReport;
  try {
    report = await explain(target, key, {
      ...{ inboxes, named, consumer: options.consumer, kafka, notLookedAt, globals: repeatedOptions(options) },
      onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`),
    });
  } finally {
    await kafka?.close();
  }
  terminal.result(report, () =>
    report.keys.flatMap((one, at) => [...(at === 0 ? [] : ['']), ...lines(one, session)]).concat(similarLines(report)),
  );
  return Math.max(...report.keys.map(codeOf));
}

const similarLines = ({ similar }: ExplainReport): string[] =>
  similar.length === 0 ? [] : [`Known with the same name: ${similar.join(', ')}`];

function codeOf({ verdict }: KeyExplanation): number {
  if (verdict === 'applied') return EXIT_CODES.done;
  if (verdict === 'unknown-key') return EXIT_CODES.refused;
  return verdict === 'undecided' ? EXIT_CODES.undecided : EXIT_CODES.wrong;
}

async function kafkaFor(session: Session, options: ExplainOptions, notLookedAt: string[]) {
  const { terminal } = session;
  if (!options.kafka) {
    notLookedAt.push('Kafka: --no-kafka');
    return undefined;
  }
  try {
    const target = await kafkaOf('explain', () => Promise.resolve(session), options);
    return await explainKafka(target, (passed, all) =>
      terminal.progress(`${number(passed)} of ${count(all, 'dead letter')} read`),
    );
  } catch (error) {
    notLookedAt.push(`Kafka: ${messageOf(error)}`);
    return undefined;
  }
}

function lines(explanation: KeyExplanation, { terminal }: Session): string[] {
  const { pk, verdict, why, next, consumers, notLookedAt } = explanation;
  const style = verdict === 'applied' ? 'green' : 'yellow';
  return [
    terminal.style('bold', pk),
    ...(verdict === 'unknown-key' ? [] : [...tableLines(explanation), ...consumers.flatMap(consumerLines)]),
    ...(notLookedAt.length === 0 ? [] : ['', ...notLookedAt.map((one) => `Not checked: ${one}`)]),
    '',
    terminal.style(style, why),
    ...(next === undefined ? [] : [`Next: ${next}`]),
  ];
}

/** Only the newest: a key may have thousands. */
const ITEMS_SHOWN = 20;

function tableLines({ pk, items, hold, signals }: KeyExplanation): string[] {
  const hidden = Math.max(0, items.length - ITEMS_SHOWN);
  const rows = items
    .slice(-ITEMS_SHOWN)
    .map(({ position, state, committedAt, events, receipts }) => [
      shownPosition(position),
      hold !== undefined && state === 'pending' && position >= hold.position ? 'waiting' : state,
      committedAt === undefined ? '?' : time(committedAt),
      events.map(({ type = '?' }) => type).join(' '),
      receipts.join(' '),
    ]);
  return [
    `In the table: ${count(items.length, 'item')}${hidden === 0 ? '' : `, the newest ${ITEMS_SHOWN} shown`}${hold === undefined ? '' : `, held at ${shownPosition(hold.position)}`}${signals.length === 0 ? '' : `, ${count(signals.length, 'signal')} (outbox show ${pk})`}`,
    ...(rows.length === 0 ? [] : columns([['AT', 'STATE', 'COMMITTED', 'EVENTS', 'IN KAFKA'], ...rows])),
  ];
}

function consumerLines({ consumer, inbox, topics, events, members }: ExplainedConsumer): string[] {
  const open = events.filter(({ state }) => state !== 'applied');
  const running = members === undefined ? '' : `, ${count(members, 'member')} in its group`;
  return [
    `At consumer ${consumer} (table ${inbox}${running}):`,
    ...topics.map((topic) => `  ${topicLine(topic, events)}`),
    ...columns(open.slice(0, ITEMS_SHOWN).map(eventRow), '    '),
    ...(open.length > ITEMS_SHOWN ? [`    and ${number(open.length - ITEMS_SHOWN)} more`] : []),
  ];
}

function topicLine(
  { topic, appliedUpTo, appliedAt, parked, deadLetters, deadLettered, messagesBehind }: ExplainedTopic,
  events: readonly EventAtConsumer[],
): string {
  const sequence = appliedUpTo === undefined ? undefined : parseSequence(appliedUpTo);
  const parts = [
    appliedUpTo === undefined
      ? appliedAt === undefined
        ? 'no applied event recorded'
        : 'applied events without versions'
      : `applied up to ${sequence === undefined ? appliedUpTo : `${sequence.version}.${sequence.index}`}`,
    ...(appliedAt === undefined ? [] : [`the last one ${duration(Date.now() - appliedAt)} ago`]),
    ...(parked === undefined
      ? []
      : [`parked since ${time(parked.since)}: ${parked.why} (${count(parked.waiting, 'event')} behind it)`]),
    ...(deadLetters === undefined ? [] : [deadLettersNote(deadLetters, events)]),
    ...(deadLettered === 0 || deadLetters !== undefined ? [] : [count(deadLettered, 'dead letter')]),
    ...(messagesBehind === undefined
      ? []
      : [`${messagesBehind} ${messagesBehind === '1' ? 'message' : 'messages'} before its newest event`]),
  ];
  return `${topic}: ${parts.join(', ')}`;
}

/** A dead letter stays on its topic after the consumer has applied it. */
function deadLettersNote(letters: readonly DeadLetter[], events: readonly EventAtConsumer[]): string {
  const settled = letters.filter(({ id }) => isSettled({ events }, id)).length;
  return `${count(letters.length, 'dead letter')}${settled === 0 ? '' : `, ${settled} of them applied or discarded since`}`;
}

const STATES: Readonly<Record<EventAtConsumer['state'], string>> = {
  applied: 'applied',
  parked: 'parked',
  'dead-letter': 'dead letter: no effect',
  discarded: 'discarded by an operator',
  'not-yet': 'not applied yet',
  passed: 'read past, not applied',
  missed: 'not applied, later ones are',
  'not-read': 'nothing shows that it reads this topic',
  unknown: 'unknown',
};

const eventRow = ({ position, type = '?', topic, receipt, state }: EventAtConsumer): string[] => [
  shownPosition(position),
  type,
  receipt ?? topic,
  STATES[state],
];
