import type { Command } from 'commander';
import { doctor, type DoctorReport } from '../../../lib/operate/doctor/doctor';
import type { DoctorLine } from '../../../lib/operate/doctor/line';
import { act, EXIT_CODES } from '../act';
import { columns, count } from '../format';
import { openDoctorSession, type Session } from '../session';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('compare what is deployed with what is needed, line by line, and say how to mend what is wrong')
    .action((_options: unknown, command: Command) => act(command, run, openDoctorSession));
}

async function run(session: Session): Promise<number> {
  const { terminal, target, services } = session;
  const report = await doctor({ ...target, ...services }, { sweeperFunctionName: await session.findSweeper?.() });
  terminal.result(report, () => lines(report, session));
  if (report.lines.some(({ verdict }) => verdict === 'wrong')) return EXIT_CODES.wrong;
  // Who cannot see the table has checked nothing.
  return report.lines[0]?.verdict === 'unknown' ? EXIT_CODES.refused : EXIT_CODES.done;
}

const STYLES = { ok: 'green', warn: 'yellow', wrong: 'red', unknown: 'dim' } as const;

function lines(report: DoctorReport, { terminal, place }: Session): string[] {
  const summed = sumUp(report.lines);
  const rows = columns(summed.map(({ verdict, check, found }) => [verdict, check, found]));
  return [
    `${terminal.style('bold', report.tableName)} (${place})`,
    '',
    ...summed.flatMap((line, at) => [colour(terminal, line, rows[at] ?? ''), ...mending(line)]),
  ];
}

/** What could not be checked for one and the same reason is one line for a person. */
function sumUp(all: readonly DoctorLine[]): DoctorLine[] {
  const unknown = Map.groupBy(
    all.filter(({ verdict }) => verdict === 'unknown'),
    ({ found, mend = '' }) => `${found}\n${mend}`,
  );
  return [
    ...all.filter(({ verdict }) => verdict !== 'unknown'),
    ...[...unknown.values()].flatMap(([first, ...others]) => {
      if (first === undefined) return [];
      return others.length === 0 ? [first] : [{ ...first, check: count(others.length + 1, 'other check') }];
    }),
  ];
}

/** After the columns were measured: colours have no width. */
const colour = (terminal: Session['terminal'], { verdict }: DoctorLine, row: string): string =>
  row.replace(verdict, terminal.style(STYLES[verdict], verdict));

const mending = ({ mend }: DoctorLine): string[] => (mend === undefined ? [] : [`           → ${mend}`]);
