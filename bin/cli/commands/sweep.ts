import { messageOf } from '../../../lib/event/errors';
import type { Command } from 'commander';
import { sweepNow } from '../../../lib/operate/sweep';
import type { SweepReport } from '../../../lib/sweep/sweep';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { durationWithin } from '../arguments';
import { count, duration } from '../format';
import type { Session } from '../session';

interface SweepOptions {
  readonly after?: number;
}

export function addSweep(program: Command): void {
  program
    .command('sweep')
    .description('run the sweeper now: ask the relay to publish the events that the stream has lost')
    .option(
      '--after <duration>',
      'only items that have been pending longer (default: 1h)',
      durationWithin('1s', '365d'),
    )
    .action((options: SweepOptions, command: Command) => runInSession(command, (session) => run(session, options)));
}

async function run(session: Session, { after }: SweepOptions): Promise<number> {
  const { terminal, target } = session;
  const report = await sweepNow(target, {
    afterMs: after,
    by: await session.by(),
    onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`),
  });
  const failures = report.failures.map(messageOf);
  terminal.result({ ...report, failures }, () => lines(report, failures));
  return failures.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

const nothingNew = (pending: number, signals: number): string =>
  pending === 0
    ? 'Nothing is pending.'
    : `No signal was needed: ${count(pending, 'item')} pending, ${count(signals, 'signal')} in progress.`;

const GAP_LINES: Readonly<Record<SweepReport['gapSuspicion'], readonly string[]>> = {
  none: [],
  began: ['The stream has lost records: the relay looks each key up before it publishes.'],
  continues: ['A gap of the stream is still suspected: the relay looks each key up before it publishes.'],
  unknown: ['The suspected gap of the stream could not be recorded: run the sweep again.'],
  ended: ['No gap of the stream is suspected any more.'],
};

function lines(report: SweepReport, failures: readonly string[]): string[] {
  const { items, readUnits, durationMs, signalsSent, signalsReplaced, gapSuspicion, pending, signals } = report;
  const asked =
    signalsSent + signalsReplaced === 0
      ? nothingNew(pending, signals)
      : `${count(signalsSent, 'signal')} sent to the relay, ${count(signalsReplaced, 'lost signal')} sent again.`;
  return [
    ...[...new Set(failures)].map((failure) => `failed: ${failure}`),
    `${count(items, 'item')} read in ${duration(durationMs)}, ${count(Math.ceil(readUnits), 'read unit')}.`,
    asked,
    ...GAP_LINES[gapSuspicion],
  ];
}
