import type { Command } from 'commander';
import { shownPosition } from '../../../lib/event/position';
import { goneLines } from '../../../lib/operate/gone';
import { verify, type VerifyReport } from '../../../lib/operate/verify/verify';
import type { VerifyFinding, VerifyFindingCount } from '../../../lib/operate/verify/comparison';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { parseSince, parseTime } from '../arguments';
import { argument, columns, count, number, time } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import type { Session } from '../session';
import type { Terminal } from '../terminal';

interface VerifyOptions extends KafkaOptions {
  readonly since: number;
  readonly until?: number;
  readonly key?: readonly string[];
  readonly sparse?: true;
}

export function addVerify(program: Command): void {
  const verification = program
    .command('verify')
    .description('compare table and topics: missing, duplicated, reordered events, wrong receipts (reads Kafka)')
    .requiredOption(
      '--since <time>',
      'committed then or later: 2026-01-31T08:00:00Z, or 2h for two hours ago',
      parseSince,
    )
    .option('--until <time>', 'committed then or earlier (default: now)', parseTime)
    .option('--key <key...>', 'these keys alone, such as order#42 (default: all)')
    .option('--sparse', 'versions of a key have gaps by design: do not report those that are missing');
  withKafkaOptions(verification).action((_options: unknown, command: Command) =>
    runInSession(command, (session) => run(session, command.optsWithGlobals())),
  );
}

async function run(session: Session, options: VerifyOptions): Promise<number> {
  const { terminal, target } = session;
  const list = terminal.json ? terminal.jsonList('findings') : undefined;
  const report = await verify(target, await kafkaOf('verify', () => Promise.resolve(session), options), {
    sinceMs: options.since,
    untilMs: options.until,
    keys: options.key,
    sparse: options.sparse,
    onProgress: ({ scanned, passed, toPass }) =>
      terminal.progress(
        toPass === 0
          ? `${count(scanned, 'item')} of the table read`
          : `${number(passed)} of ${count(toPass, 'message')} read`,
      ),
    onFinding: (finding) => list?.add(finding),
  });
  if (list === undefined) terminal.result(report, () => lines(report, session));
  else await list.end({ ...report, findings: undefined });
  return exitCodeOf(report);
}

/** A message that is not readable yet is no fault, but no proof that all is well either. */
function exitCodeOf({ counts, unreadTopics, missingVersions, moreMissingVersions, gone }: VerifyReport): number {
  if (missingVersions.length + moreMissingVersions + gone.length > 0) return EXIT_CODES.wrong;
  if (unreadTopics.length > 0 || counts.some(({ kind }) => kind !== 'not-readable-yet')) return EXIT_CODES.wrong;
  return counts.length === 0 ? EXIT_CODES.done : EXIT_CODES.undecided;
}

function lines(report: VerifyReport, { terminal, place }: Session): string[] {
  const { tableName, sinceMs, untilMs, items, events, messages, expired, replaced, undecided, unread, unreadable } =
    report;
  return [
    `${terminal.style('bold', tableName)} (${place}), committed from ${time(sinceMs)} to ${time(untilMs)}`,
    '',
    ...columns([
      [
        'items',
        `${number(items.processed)} processed, ${number(items.pending)} pending, ${number(items.parked)} parked, ${number(items.discarded)} discarded`,
      ],
      ['events', `${number(events)} of processed items`],
      [
        'messages',
        `${number(messages.read)} read, ${number(messages.replayed)} of them replays, ${number(messages.unknown)} of no event in question`,
      ],
      ...(expired === 0 ? [] : [['expired', `${count(expired, 'message')} removed by the topic's retention`]]),
      ...(replaced === 0
        ? []
        : [['replaced', `${count(replaced, 'event')} whose first message is gone: a replay has published it again`]]),
      ...(undecided === 0
        ? []
        : [['undecided', `${count(undecided, 'event')}, whose first delivery may have been removed or was not read`]]),
      ...(unreadable === 0 ? [] : [['unreadable', `${count(unreadable, 'item')} that cannot be compared`]]),
      ...(unread === 0 ? [] : [['unread', `${count(unread, 'event')} in topics that could not be read to their end`]]),
      ...report.absentTopics.map((topic) => ['absent', `topic ${topic} does not exist`]),
    ]),
    '',
    ...lossLines(report),
    ...report.unreadTopics.map(
      ({ topic, partition, offset, why }) =>
        `  ${terminal.style('red', 'not read')}  ${topic}${partition === undefined ? '' : `-${partition} from offset ${offset ?? 0} on`}: ${why}`,
    ),
    ...report.counts.flatMap((group) => groupLines(group, report.findings)),
    ...missingLines(report),
    ...(report.counts.length + report.unreadTopics.length === 0 ? [] : ['']),
    ...(report.leftGroup === undefined
      ? []
      : [`The consumer group ${report.leftGroup.groupId} could not be deleted: ${report.leftGroup.why}`]),
    conclusion(report, terminal),
  ];
}

/** The topics that have lost acknowledged messages at their end, and the command that publishes them again. */
function lossLines({ shortPartitions, counts, absentTopics, sinceMs }: VerifyReport): string[] {
  const losses = new Set(counts.filter(({ kind }) => kind === 'missing').map(({ topic }) => topic));
  if (losses.size === 0) return [];
  const ends = [...Map.groupBy(shortPartitions, ({ topic }) => topic)].flatMap(([topic, [first, ...others]]) => {
    if (first === undefined || !losses.has(topic)) return [];
    const { partition, end, receipt } = first;
    const more = others.length === 0 ? '' : `; ${count(others.length, 'more partition')}`;
    return [
      `${topic} ends before its receipts: it was made again, or has lost its end (${topic}-${partition} ends at ${end}, its receipts go up to ${receipt}${more}).`,
    ];
  });
  const absent = absentTopics.find((topic) => losses.has(topic));
  const next =
    absent === undefined
      ? `Next: outbox replay --missing --since ${new Date(sinceMs).toISOString()} --why "…"`
      : `Next: outbox topic create ${argument(absent)} --partitions N`;
  return [...ends, `${next} (docs/runbooks/topic-lost.md)`, ''];
}

/** Number of missing versions that are printed; `--json` has all that were read again. */
const SHOWN_VERSIONS = 10;

/** The versions and held items that are missing in the table, and how many were not read again. */
function missingLines({ missingVersions, moreMissingVersions, gone }: VerifyReport): string[] {
  const rows = missingVersions.slice(0, SHOWN_VERSIONS).map(({ pk, from, to }) => {
    const which = from === to ? `version ${from} is` : `versions ${from} to ${to} are`;
    return [
      'missing version',
      pk,
      `${which} not in the table, and no skip explains it. Next: outbox show ${argument(pk)}`,
    ];
  });
  const more = missingVersions.length - rows.length + moreMissingVersions;
  const all = missingVersions.length + moreMissingVersions + gone.length;
  return [
    ...columns([
      ...gone.map((item) => ['gone', item.pk, goneLines(item).join('. Next: ')]),
      ...rows,
      ...(more === 0 ? [] : [['missing version', `and ${number(more)} more`]]),
    ]),
    ...(missingVersions.length + moreMissingVersions === 0
      ? []
      : [
          'In keys without versions a missing item cannot be found. If versions skip numbers by design, give --sparse.',
        ]),
    ...(all === 0 ? [] : ['']),
  ];
}

/** The first findings of a kind in a topic, and how many more there are. */
function groupLines({ kind, topic, count: all }: VerifyFindingCount, findings: readonly VerifyFinding[]): string[] {
  const shown = findings.filter((finding) => finding.kind === kind && finding.topic === topic);
  return [
    ...columns(shown.map((finding) => [finding.kind, finding.pk, shownPosition(finding.position), detail(finding)])),
    ...(all === shown.length
      ? []
      : [`  ${kind}  and ${number(all - shown.length)} more of ${number(all)} in ${topic} (all of them: --json)`]),
  ];
}

function conclusion(report: VerifyReport, terminal: Terminal): string {
  const { counts, unreadTopics, missingVersions, moreMissingVersions, gone } = report;
  const missing = missingVersions.length + moreMissingVersions + gone.length;
  const total = counts.reduce((sum, group) => sum + group.count, 0);
  const parts = [
    ...(total === 0 ? [] : [count(total, 'finding')]),
    ...(missing === 0 ? [] : [`${count(missing, 'gap')} in the table`]),
    ...(unreadTopics.length === 0 ? [] : ['not everything could be read']),
  ];
  switch (exitCodeOf(report)) {
    case EXIT_CODES.done:
      return terminal.style('green', `Nothing is missing, duplicated, reordered or misplaced.${owed(report)}`);
    case EXIT_CODES.undecided:
      return terminal.style(
        'yellow',
        `Undecided: ${count(total, 'event')} cannot be read yet. Run it again when the transaction has ended.`,
      );
    default:
      return terminal.style('red', `${parts.join(', ')}.`.replace(/^n/, 'N'));
  }
}

/** Unpublished items are no finding, but are reported. */
function owed({ items }: VerifyReport): string {
  const { pending, parked } = items;
  return pending + parked === 0 ? '' : ` Not yet published: ${number(pending)} pending, ${number(parked)} parked.`;
}

function detail(finding: VerifyFinding): string {
  const event = `event ${finding.id}`;
  switch (finding.kind) {
    case 'missing':
      return `${event} is not in ${finding.topic}; its receipt names ${finding.receipt ?? 'no place'}`;
    case 'duplicate': {
      const more = finding.copies - finding.at.length;
      return `${event} is at ${finding.at.join(', ')}${more > 0 ? ` and ${number(more)} more places` : ''}`;
    }
    case 'reordered': {
      const { overtakenBy } = finding;
      return `${event} at ${finding.at} came after position ${shownPosition(overtakenBy.position)} at ${overtakenBy.at}`;
    }
    case 'wrong-receipt':
      return `${event} is at ${finding.at.join(', ')}; its receipt names ${finding.receipt ?? 'no place'}`;
    case 'not-readable-yet':
      return `${event} at ${finding.receipt} is held back by an unfinished transaction of another producer${finding.sinceMs === undefined ? '' : ` since ${time(finding.sinceMs)}`}`;
  }
}
