import type { Command } from 'commander';
import { consumersIn } from '../../../lib/operate/consumer/inbox-contents';
import type { DoctorReport } from '../../../lib/operate/doctor/doctor';
import type { DoctorOptions } from '../../../lib/operate/doctor/read-deployment';
import type { DoctorLine } from '../../../lib/operate/doctor/lookup';
import type { PagePlan } from '../../../lib/operate/page-test';
import { runInSession, EXIT_CODES, needsYes } from '../run-in-session';
import { consumersToCheck } from '../consumers';
import { examine } from '../examine';
import { explain } from '../failure';
import { columns, count } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { arePagesSound, pageLines, planPages, testPages } from '../page-test';
import { openDoctorSession, SessionError, type Session } from '../session';

interface DoctorCommandOptions extends KafkaOptions {
  readonly inbox?: readonly string[];
  readonly pageTest?: true;
  readonly yes?: true;
}

export function addDoctor(program: Command): void {
  withKafkaOptions(program.command('doctor'))
    .description('compare the deployment with the requirements, line by line, with a fix for each fault')
    .option(
      '--inbox <table...>',
      "tables of consumers (default: those of the stack's functions, or of the local stack)",
    )
    .option('--page-test', 'set off and clear each alarm that notifies, so people get notices; needs --yes')
    .option('--yes', 'confirms --page-test')
    .action((options: DoctorCommandOptions, command: Command) =>
      runInSession(
        command,
        (session) => run(session, { ...command.optsWithGlobals<DoctorCommandOptions>(), ...options }),
        openDoctorSession,
      ),
    );
}

async function run(session: Session, options: DoctorCommandOptions): Promise<number> {
  const { terminal } = session;
  const report = await examine(session, await kafkaToCheck(session, options));
  if (options.pageTest !== true) {
    terminal.result(report, () => lines(report, session));
    return codeOf(report);
  }
  const plan = await planPages(session);
  if (plan === undefined) throw new SessionError('doctor: the local stack has no alarms to test.');
  if (options.yes !== true) {
    terminal.result({ ...report, wouldNotify: plan }, () => [...lines(report, session), '', ...planLines(plan)]);
    return needsYes(session);
  }
  const tested = await testPages(session, plan, { yes: false });
  terminal.result({ ...report, pageTest: tested }, () => [...lines(report, session), '', ...pageLines(tested)]);
  return arePagesSound(tested) ? codeOf(report) : EXIT_CODES.wrong;
}

/** The cluster, or why it is not known, and the consumers to check. */
async function kafkaToCheck(
  session: Session,
  options: DoctorCommandOptions,
): Promise<Pick<DoctorOptions, 'kafkaTarget' | 'consumers'>> {
  const { client } = session.target;
  const { named, inboxes } = await consumersToCheck(session, options.inbox);
  const consumers = [...named];
  for (const tableName of inboxes) consumers.push(...(await consumersIn({ client, tableName })).consumers);
  try {
    return { consumers, kafkaTarget: await kafkaOf('doctor', () => Promise.resolve(session), options) };
  } catch (error) {
    return { consumers, kafkaTarget: { because: explain(error) } };
  }
}

function codeOf({ lines: checks }: DoctorReport): number {
  if (checks.some(({ verdict }) => verdict === 'wrong')) return EXIT_CODES.wrong;
  // A caller who cannot read the table has checked nothing.
  return checks[0]?.verdict === 'unknown' ? EXIT_CODES.refused : EXIT_CODES.done;
}

const planLines = ({ paths, untested }: PagePlan): string[] => [
  `${count(paths.length, 'alarm')} would go off and be cleared, and notify for each of both:`,
  ...columns(paths.map(({ alarm, topics }) => [alarm, topics.join(', ')])),
  ...untested.map(({ alarm, why }) => `${alarm}: not tested: ${why}`),
];

const STYLES = { ok: 'green', warn: 'yellow', wrong: 'red', unknown: 'dim' } as const;

function lines(report: DoctorReport, { terminal, place }: Session): string[] {
  const summed = sumUp(report.lines);
  const rows = columns(summed.map(({ verdict, check, found }) => [verdict, check, found]));
  return [
    `${terminal.style('bold', report.tableName)} (${place})`,
    '',
    ...summed.flatMap((line, at) => [colour(terminal, line, rows[at] ?? ''), ...remedyLines(line)]),
  ];
}

/** For a person, the checks that could not be made for the same reason share one line, which names them. */
function sumUp(all: readonly DoctorLine[]): DoctorLine[] {
  const unknown = Map.groupBy(
    all.filter(({ verdict }) => verdict === 'unknown'),
    ({ found, remedy = '' }) => `${found}\n${remedy}`,
  );
  return [
    ...all.filter(({ verdict }) => verdict !== 'unknown'),
    ...[...unknown.values()].flatMap(([first, ...others]) => {
      if (first === undefined) return [];
      if (others.length === 0) return [first];
      const names = [first, ...others].map(({ check }) => check).join(', ');
      return [{ ...first, check: count(others.length + 1, 'check'), found: `${first.found}: ${names}` }];
    }),
  ];
}

/** Colours have no width, so they are added after the columns were measured. */
const colour = (terminal: Session['terminal'], { verdict }: DoctorLine, row: string): string =>
  row.replace(verdict, terminal.style(STYLES[verdict], verdict));

const remedyLines = ({ remedy }: DoctorLine): string[] => (remedy === undefined ? [] : [`           → ${remedy}`]);
