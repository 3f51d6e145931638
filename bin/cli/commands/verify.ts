import type { Command } from 'commander';
import { shownPosition } from '../../../lib/event/position';
import { verify, type VerifyReport } from '../../../lib/operate/verify';
import type { Finding } from '../../../lib/operate/verify-judge';
import { act, EXIT_CODES } from '../act';
import { parseTime } from '../arguments';
import { columns, count, number, time } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import type { Session } from '../session';

interface VerifyOptions extends KafkaOptions {
  readonly since: number;
  readonly until?: number;
  readonly key?: readonly string[];
}

export function addVerify(program: Command): void {
  const verification = program
    .command('verify')
    .description('compare table and topics: missing, duplicated, reordered events, wrong receipts (reads Kafka)')
    .requiredOption(
      '--since <time>',
      'committed then or later: 2026-01-31T08:00:00Z, or 2h for two hours ago',
      parseTime,
    )
    .option('--until <time>', 'committed then or earlier (default: now)', parseTime)
    .option('--key <key...>', 'these keys alone, such as order#42 (default: all)');
  withKafkaOptions(verification).action((_options: unknown, command: Command) =>
    act(command, (session) => run(session, command.optsWithGlobals())),
  );
}

async function run(session: Session, options: VerifyOptions): Promise<number> {
  const { terminal, target } = session;
  const report = await verify(target, await kafkaOf('verify', () => Promise.resolve(session), options), {
    since: options.since,
    until: options.until,
    keys: options.key,
    onProgress: ({ scanned, passed, toPass }) =>
      terminal.progress(
        toPass === 0
          ? `${count(scanned, 'item')} of the table read`
          : `${number(passed)} of ${count(toPass, 'message')} read`,
      ),
  });
  terminal.result(report, () => lines(report, session));
  return report.findings.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function lines(report: VerifyReport, { terminal, place }: Session): string[] {
  const { tableName, since, until, items, events, messages, findings, expired, undecided, unreadable } = report;
  const isWell = findings.length === 0;
  return [
    `${terminal.style('bold', tableName)} (${place}), committed from ${time(since)} to ${time(until)}`,
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
      ...(undecided === 0
        ? []
        : [['undecided', `${count(undecided, 'event')}, whose first delivery may have been removed`]]),
      ...(unreadable === 0 ? [] : [['unreadable', `${count(unreadable, 'item')} that cannot be compared`]]),
      ...report.absentTopics.map((topic) => ['absent', `topic ${topic} does not exist`]),
    ]),
    '',
    ...columns(findings.map((finding) => [finding.kind, finding.pk, shownPosition(finding.position), detail(finding)])),
    ...(isWell ? [] : ['']),
    ...(report.leftGroup === undefined
      ? []
      : [`The consumer group ${report.leftGroup.groupId} could not be deleted: ${report.leftGroup.why}`]),
    isWell
      ? terminal.style('green', `Nothing is missing, duplicated, reordered or misplaced.${owed(report)}`)
      : terminal.style('red', `${count(findings.length, 'finding')}.`),
  ];
}

/** It is no finding, and yet not all there. */
function owed({ items }: VerifyReport): string {
  const { pending, parked } = items;
  return pending + parked === 0 ? '' : ` Not yet published: ${number(pending)} pending, ${number(parked)} parked.`;
}

function detail(finding: Finding): string {
  const event = `event ${finding.id}`;
  switch (finding.kind) {
    case 'missing':
      return `${event} is not in ${finding.topic}; its receipt says ${finding.receipt ?? 'nothing'}`;
    case 'duplicate':
      return `${event} lies at ${finding.at.join(', ')}`;
    case 'reordered': {
      const { overtakenBy } = finding;
      return `${event} at ${finding.at} came after position ${shownPosition(overtakenBy.position)} at ${overtakenBy.at}`;
    }
    case 'wrong-receipt':
      return `${event} lies at ${finding.at.join(', ')}; its receipt says ${finding.receipt ?? 'nothing'}`;
  }
}
