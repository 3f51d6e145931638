import type { Command } from 'commander';
import { status, type StatusReport } from '../../../lib/operate/status';
import { act, EXIT_CODES } from '../act';
import { columns, count, duration, number, time } from '../format';
import type { Session } from '../session';

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('count what is pending, processed, parked and held, and say how old it is (scans the table)')
    .action((_options: unknown, command: Command) => act(command, run));
}

async function run(session: Session): Promise<number> {
  const { terminal, target } = session;
  const report = await status(target, {
    onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`),
  });
  terminal.result(report, () => lines(report, session));
  return EXIT_CODES.done;
}

function lines(report: StatusReport, { terminal, place }: Session): string[] {
  const { at, pending, waiting, parked, heldKeys, oldestPendingAt, oldestHoldAt, streamEdgeMs, signalsSetAside } =
    report;
  const rows = [
    ['pending', number(pending), pendingNote(at, oldestPendingAt, streamEdgeMs)],
    ['waiting', number(waiting), waiting === 0 ? '' : 'behind a parked item of their key'],
    ['parked', number(parked), ''],
    ['held keys', number(heldKeys), oldestHoldAt === undefined ? '' : `the longest for ${duration(at - oldestHoldAt)}`],
    ['processed', number(report.processed), lastMark(report)],
    ['discarded', number(report.discarded), ''],
    ['signals', number(report.signals), report.signals === 0 ? '' : 'the relay has still to act on them'],
    ['set aside', number(signalsSetAside), signalsSetAside === 0 ? '' : 'signals that nobody can act on'],
  ];
  const isBad = parked + heldKeys + signalsSetAside > 0 || (streamEdgeMs ?? Infinity) < 0;
  const doubt =
    report.doubtSince === undefined
      ? []
      : [`The relay looks each key up before it trusts the stream, since ${time(report.doubtSince)}.`];
  return [
    `${terminal.style('bold', report.tableName)} (${place}), ${time(at)}`,
    '',
    ...columns(rows),
    '',
    ...doubt,
    isBad
      ? terminal.style('yellow', adviceFor(report))
      : terminal.style('green', pending === 0 ? 'Everything is published.' : 'Nothing is stuck.'),
  ].filter((line, at, all) => line !== '' || all[at - 1] !== '');
}

function pendingNote(at: number, oldest: number | undefined, edgeMs: number | undefined): string {
  if (oldest === undefined || edgeMs === undefined) return '';
  const edge =
    edgeMs > 0 ? `${duration(edgeMs)} until the stream drops it` : 'the stream has dropped it: the sweeper finds it';
  return `the oldest for ${duration(at - oldest)}, ${edge}`;
}

const lastMark = ({ at, lastProcessedAt }: StatusReport): string =>
  lastProcessedAt === undefined ? '' : `the last one ${duration(at - lastProcessedAt)} ago`;

function adviceFor({ heldKeys, signalsSetAside, parked }: StatusReport): string {
  if (heldKeys > 0) return 'Next: outbox held';
  if (signalsSetAside > 0) return 'Next: outbox show KEY says why a signal was set aside.';
  return parked > 0 ? 'Parked items without a hold: outbox sweep' : 'Next: outbox sweep';
}
