import type { Command } from 'commander';
import { sweepNow } from '../../../lib/operate/sweep';
import type { SweepReport } from '../../../lib/sweep/sweep';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { durationWithin } from '../arguments';
import { count, duration, number } from '../format';
import type { Session } from '../session';

interface SweepOptions {
  readonly after?: number;
}

export function addSweep(program: Command): void {
  program
    .command('sweep')
    .description('do now what the sweeper does on its schedule: ask the relay for what the stream has lost')
    .option(
      '--after <duration>',
      'items pending longer than this are asked for (default: 1h)',
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
  const failures = report.failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  terminal.result({ ...report, failures }, () => lines(report, failures));
  return failures.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

const nothingNew = (pending: number, signals: number): string =>
  pending === 0
    ? 'Nothing is pending.'
    : `Nothing new to ask for: ${count(pending, 'item')} pending, ${count(signals, 'signal')} under way.`;

const DOUBT_SAYS: Readonly<Record<SweepReport['doubt'], readonly string[]>> = {
  none: [],
  began: ['The stream has lost something: the relay looks each key up before it trusts a record.'],
  stands: ['The relay still looks each key up before it trusts a record.'],
  unknown: ['Whether to trust the stream could not be noted: run the sweep again.'],
  ended: ['Nothing is lost any more: the relay trusts the stream again.'],
};

function lines(report: SweepReport, failures: readonly string[]): string[] {
  const { items, readUnits, durationMs, signalsSent, signalsReplaced, doubt, pending, signals } = report;
  const asked =
    signalsSent + signalsReplaced === 0
      ? nothingNew(pending, signals)
      : `The relay is asked for ${count(signalsSent, 'key')}, and again for ${number(signalsReplaced)} that it was asked for before.`;
  return [
    ...[...new Set(failures)].map((failure) => `failed: ${failure}`),
    `${count(items, 'item')} read in ${duration(durationMs)}, ${count(Math.ceil(readUnits), 'read unit')}.`,
    asked,
    ...DOUBT_SAYS[doubt],
  ];
}
