import type { Command } from 'commander';
import { goneLines } from '../../../lib/operate/gone';
import { SILENT_MS } from '../../../lib/operate/unpublished';
import { status, type StatusReport } from '../../../lib/operate/status';
import { SWEEPER_DEFAULTS } from '../../../lib/sweep/environment';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { argument, columns, count, duration, number, time } from '../format';
import type { Session } from '../session';

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('count pending, processed and parked items and held keys, with their ages (scans the table)')
    .action((_options: unknown, command: Command) => runInSession(command, run));
}

async function run(session: Session): Promise<number> {
  const { terminal, target } = session;
  const report = await status(target, {
    onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`),
  });
  const concerns = [...mappingConcern(session), ...concernsOf(report)];
  terminal.result(report, () => lines(report, concerns, session));
  return concerns.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function lines(report: StatusReport, concerns: readonly string[], { terminal, place }: Session): string[] {
  const {
    atMs,
    pending,
    waiting,
    parked,
    heldKeys,
    oldestPendingAt,
    oldestHoldAt,
    streamEdgeMs,
    unprocessableSignals,
  } = report;
  const rows = [
    ['pending', number(pending), pendingNote(atMs, oldestPendingAt, streamEdgeMs)],
    ['waiting', number(waiting), waiting === 0 ? '' : 'pending, and their key is held'],
    ['parked', number(parked), ''],
    [
      'held keys',
      number(heldKeys),
      oldestHoldAt === undefined ? '' : `the longest for ${duration(atMs - oldestHoldAt)}`,
    ],
    ['processed', number(report.processed), lastMark(report)],
    ['discarded', number(report.discarded), ''],
    ['signals', number(report.signals), report.signals === 0 ? '' : 'the relay has yet to act on them'],
    [
      'unprocessable',
      number(unprocessableSignals),
      unprocessableSignals === 0 ? '' : 'signals that the relay cannot act on',
    ],
  ];
  const gapSuspicion =
    report.gapSuspectedSince === undefined
      ? []
      : [
          `A gap of the stream is suspected since ${time(report.gapSuspectedSince)}: the relay looks each key up before it publishes.`,
        ];
  return [
    `${terminal.style('bold', report.tableName)} (${place}), ${time(atMs)}`,
    '',
    ...columns(rows),
    '',
    ...gapSuspicion,
    ...concerns.map((concern) => terminal.style('yellow', concern)),
    ...(concerns.length > 0 ? [] : [terminal.style('green', allIsWell(report))]),
  ].filter((line, at, all) => line !== '' || all[at - 1] !== '');
}

function pendingNote(at: number, oldest: number | undefined, edgeMs: number | undefined): string {
  if (oldest === undefined || edgeMs === undefined) return '';
  const edge =
    edgeMs > 0 ? `${duration(edgeMs)} until the stream drops it` : 'the stream has dropped it: the sweeper finds it';
  return `the oldest for ${duration(at - oldest)}, ${edge}`;
}

const lastMark = ({ atMs, lastProcessedAt }: StatusReport): string =>
  lastProcessedAt === undefined ? '' : `the last one ${duration(atMs - lastProcessedAt)} ago`;

/** A healthy relay takes seconds. The sweeper also takes care of older items. */
const OVERDUE_MS = SWEEPER_DEFAULTS.overdueAfterSeconds * 1000;

const KEYS_NAMED = 8;

/** The all-clear with its proof, and where to look for an event that a consumer lacks. */
function allIsWell({ atMs, pending, oldestPendingAt = atMs }: StatusReport): string {
  const proof =
    pending === 0
      ? 'Everything is published.'
      : `Nothing shows a fault: the oldest pending item waits for ${duration(atMs - oldestPendingAt)}. If it is still pending in ${duration(SILENT_MS)}, this command says why.`;
  return `${proof} Does a consumer lack an event? outbox explain KEY (one key) or outbox doctor (how far each consumer is)`;
}

/** Reports a disabled mapping of a local stack; on AWS `doctor` checks it. */
const mappingConcern = ({ local }: Session): string[] =>
  local?.mapping === 'Disabled'
    ? [
        'The event source mapping is disabled, so the relay is not invoked. Next: ask the owner of the mapping for the reason; the process that runs the local stack can enable it',
      ]
    : [];

/** The faults, each with the next step. */
function concernsOf(report: StatusReport): string[] {
  const { atMs, oldestPendingAt, oldestPendingKey, streamEdgeMs = 0, heldKeys, parked, unprocessableKeys } = report;
  const concerns: string[] = [];
  const isProved = report.silentMs !== undefined || report.overtaken !== undefined;
  if (!isProved && oldestPendingAt !== undefined && atMs - oldestPendingAt > OVERDUE_MS) {
    concerns.push(
      `${oldestPendingKey ?? 'An item'} should have been published long ago. Next: outbox ${streamEdgeMs > 0 ? 'doctor' : 'sweep'}`,
    );
  }
  concerns.push(
    ...report.unavailablePartitions.map(
      ({ name, sinceMs, keys }) =>
        `${name} has been unavailable since ${time(sinceMs)}: ${count(keys, 'key')} wait${keys === 1 ? 's' : ''} for it, and the relay releases them when it is available. Next: check the replicas of ${name}`,
    ),
  );
  const { silentMs, overtaken } = report;
  if (silentMs !== undefined) {
    concerns.push(
      `Nothing has been published for ${duration(silentMs)} although ${count(report.pending, 'item')} wait. Next: outbox doctor (event source mapping, brokers, topics). If it finds no fault, read the relay's log. If the log has no new lines, the relay is not invoked: docs/runbooks/relay-silent.md`,
    );
  }
  if (overtaken !== undefined) {
    const { items, keys, first } = overtaken;
    const named = first.slice(0, KEYS_NAMED).map(argument).join(', ');
    concerns.push(
      `${count(items, 'item')} of ${count(keys, 'key')} ${items === 1 ? 'was' : 'were'} overtaken: later events of the table are published, these are not: ${named}${keys > KEYS_NAMED ? ', …' : ''}. Next: outbox sweep --after 20s`,
    );
  }
  const { first: gone, count: goneKeys } = report.goneItems;
  concerns.push(...gone.map((item) => `${item.pk}: ${goneLines(item).join('. Next: ')}`));
  if (goneKeys > gone.length)
    concerns.push(`${count(goneKeys, 'key')} wait for items that are gone. Next: outbox held`);
  else if (heldKeys > goneKeys) concerns.push('Next: outbox held');
  else if (parked > 0) concerns.push('Items are parked and hold no key. Next: outbox sweep');
  concerns.push(
    ...unprocessableKeys.map((pk) => `The relay cannot act on a signal. Next: outbox show ${argument(pk)}`),
  );
  return concerns;
}
