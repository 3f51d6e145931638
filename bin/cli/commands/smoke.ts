import { randomBytes } from 'node:crypto';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { messageOf } from '../../../lib/event/errors';
import type { PagePlan } from '../../../lib/operate/page-test';
import { findRelay } from '../../../lib/operate/find-outbox';
import { RELAY_DEFAULTS } from '../../../lib/relay/environment';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { parseTimeout } from '../arguments';
import { ask, canAsk } from '../ask';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { planPages, notifiedTopics } from '../page-test';
import { SessionError, type Session } from '../session';
import { AGGREGATE, EVENTS_PER_KEY, KEYS, smokeEvents } from '../smoke/events';
import { cleanUp, smokeSteps, type SmokeSettings } from '../smoke/smoke-steps';
import { runSteps, type StepResult, type StepVerdict } from '../smoke/steps';
import { wrapped } from '../format';

interface SmokeOptions extends KafkaOptions {
  readonly topic?: string;
  readonly timeout: number;
  readonly without: readonly string[];
  readonly keep?: true;
  readonly yes?: true;
}

/** Steps that may be unwanted on an outbox in production. */
const OPTIONAL = ['alarms', 'park', 'read', 'doctor'];

export function addSmoke(program: Command): void {
  const smoke = program
    .command('smoke')
    .description('test a deployed outbox: write 100 events, read them, park one, set the alarms off; one result')
    .option('--topic <name>', 'where the events go; their consumers see them (default: of the stack)')
    .addOption(
      new Option('--timeout <duration>', 'how long the relay may take for each step')
        .argParser(parseTimeout)
        .default(300_000, '5m'),
    )
    .addOption(
      new Option('--without <step...>', `leave a step out: ${OPTIONAL.join(', ')}`)
        .argParser(parseSteps)
        .default([], 'none'),
    )
    .option('--keep', 'leave the events in the table')
    .option('--yes', 'ask nothing, neither before nor whether the notices arrived');
  withKafkaOptions(smoke).action((_options: unknown, command: Command) =>
    runInSession(command, (session) => run(session, command.optsWithGlobals())),
  );
}

function parseSteps(step: string, before: readonly string[]): readonly string[] {
  if (!OPTIONAL.includes(step)) throw new InvalidArgumentError(`It must be one of ${OPTIONAL.join(', ')}.`);
  return [...before, step];
}

async function run(session: Session, options: SmokeOptions): Promise<number> {
  const { terminal } = session;
  const settings = await settingsOf(session, options);
  const { events, topic } = settings;
  const intro = introOf(settings);
  if (!terminal.json) terminal.result(undefined, () => intro);
  if (options.yes !== true && session.local === undefined) {
    if (!canAsk()) {
      terminal.note(`${terminal.json ? `${intro.join('\n')}\n` : ''}Nothing was written. Add --yes to do it.`);
      return EXIT_CODES.refused;
    }
    if (!(await ask('Continue?'))) {
      terminal.note('Nothing was written.');
      return EXIT_CODES.refused;
    }
  }
  const results = await runSteps(session, smokeSteps(settings), (result) => {
    if (!terminal.json) terminal.result(undefined, () => stepLines(session, result));
  });
  const isWell = results.every(({ verdict }) => verdict !== 'failed');
  const remains = await tidy(settings, { keep: options.keep === true || !isWell });
  const { tableName } = session.target;
  terminal.result({ tableName, run: events.run, topic, isWell, steps: results, remains }, () => [
    ...(terminal.json ? [] : ['', ...wrapped(remains, '')]),
    ...verdictLines(session, results),
  ]);
  // An abandoned call must not keep the process alive.
  setTimeout(() => process.exit(), 2_000).unref();
  return isWell ? EXIT_CODES.done : EXIT_CODES.wrong;
}

async function settingsOf(session: Session, options: SmokeOptions): Promise<SmokeSettings> {
  const { target, services, local } = session;
  const kafka = await kafkaOf('smoke', () => Promise.resolve(session), options);
  const topics = local?.topics ?? (await session.findTopics?.()) ?? [];
  const topic = options.topic ?? (topics.includes(AGGREGATE) ? AGGREGATE : topics[0]);
  if (topic === undefined) {
    throw new SessionError('smoke: give --topic: the topics that the relay may write to are not known.');
  }
  const relay = services === undefined ? undefined : await findRelay(target, services.lambda);
  return {
    session,
    topic,
    kafka,
    events: smokeEvents(target, {
      run: randomBytes(4).toString('hex'),
      topic,
      region: await target.client.config.region(),
    }),
    retentionSeconds: relay?.retentionSeconds ?? RELAY_DEFAULTS.retentionSeconds,
    pages: options.without.includes('alarms') ? undefined : await planPages(session),
    timeoutMs: options.timeout,
    yes: options.yes === true,
    without: options.without,
  };
}

function introOf({ session, events, topic, pages, without }: SmokeSettings): string[] {
  const { terminal, target, place } = session;
  const parts = [
    `write ${KEYS * EVENTS_PER_KEY} events of type outbox.smoke to topic ${topic}: every consumer of it reads them`,
    ...(without.includes('park') ? [] : [`park one event under a key of its own and release it${ticketPart(session)}`]),
    ...alarmParts(pages),
  ];
  return [
    `${terminal.style('bold', `Smoke test ${events.run}`)} of ${target.tableName} (${place})`,
    '',
    'It will',
    ...parts.flatMap((part) => wrapped(part, '    ').map((line, at) => (at === 0 ? `  - ${line.trimStart()}` : line))),
    '',
  ];
}

const ticketPart = ({ local }: Session): string =>
  local === undefined ? ': the alarm item-parked opens a ticket' : '';

const alarmParts = (pages: PagePlan | undefined): string[] =>
  pages === undefined || pages.paths.length === 0
    ? []
    : [`set off ${pages.paths.length} alarms and clear them: ${notifiedTopics(pages).join(', ')} notify people`];

async function tidy(settings: SmokeSettings, { keep }: { keep: boolean }): Promise<string> {
  const { events, topic, session } = settings;
  const inKafka = `The messages stay in ${topic} until its retention removes them.`;
  if (keep) {
    return `The events stay in the table, under keys ${AGGREGATE}#${events.run}-…: those that were published expire, the others wait. ${inKafka}`;
  }
  try {
    const { removed, left } = await cleanUp(settings);
    const rest = left === 0 ? '' : ` ${left} are not published yet and stay.`;
    return `${removed} items were deleted from the table.${rest} ${inKafka}`;
  } catch (error) {
    session.terminal.note(messageOf(error));
    return `The events could not be deleted from the table; those that were published expire. ${inKafka}`;
  }
}

const STYLES = { ok: 'green', failed: 'red', skipped: 'yellow' } as const satisfies Record<StepVerdict, string>;
const STEP_INDENT = ' '.repeat(19);

function stepLines({ terminal }: Session, { step, verdict, found, next, seconds }: StepResult): string[] {
  const [first = '', ...rest] = found
    .split('\n')
    .flatMap((line) => wrapped(line, STEP_INDENT))
    .map((line) => line.slice(STEP_INDENT.length));
  const took = seconds >= 2 ? ` (${seconds} s)` : '';
  const lines = [first, ...rest];
  return [
    `  ${terminal.style(STYLES[verdict], verdict.padEnd(7))}  ${step.padEnd(8)}${lines[0] ?? ''}${lines.length === 1 ? took : ''}`,
    ...lines.slice(1).map((line) => `${STEP_INDENT}${line}`),
    ...(verdict === 'failed' && next !== undefined ? wrapped(`→ ${next}`, STEP_INDENT) : []),
  ];
}

function verdictLines({ terminal }: Session, results: readonly StepResult[]): string[] {
  const namesOf = (wanted: StepVerdict): string =>
    results.flatMap(({ step, verdict }) => (verdict === wanted ? [step] : [])).join(', ');
  const [failed, skipped] = [namesOf('failed'), namesOf('skipped')];
  const untried = skipped === '' ? '' : ` Not tried: ${skipped}.`;
  return failed === ''
    ? [terminal.style('green', `WORKS.${untried}`)]
    : [terminal.style('red', `DOES NOT WORK: ${failed}.${untried}`)];
}
