import { Option, type Command } from 'commander';
import { PARK_REASONS } from '../../../lib/event/control';
import { follow, type Followed, type FollowOutcome } from '../../../lib/operate/follow';
import {
  planRedrive,
  redrive,
  type RedrivePlan,
  type RedriveReport,
  type KeySelection,
} from '../../../lib/operate/redrive';
import { positionOf } from '../../../lib/operate/where';
import { shownPosition } from '../../../lib/event/position';
import { runInSession, EXIT_CODES, needsYes } from '../run-in-session';
import { parseTimeout } from '../arguments';
import { explain } from '../failure';
import { columns, count, number } from '../format';
import { SessionError, type Session } from '../session';

interface RedriveOptions {
  readonly all?: true;
  readonly reason?: string;
  readonly skip?: true;
  readonly at?: string;
  readonly follow?: true;
  readonly timeout: number;
  readonly why: string;
  readonly yes?: true;
}

export function addRedrive(program: Command): void {
  program
    .command('redrive')
    .argument('[key...]', 'such as order#42')
    .description('ask the relay to publish what waits of keys, after the cause is fixed; safe to repeat')
    .option('--all', 'every key that is held')
    .option('--reason <code>', `keys that are held for this reason: ${PARK_REASONS.join(', ')}`)
    .option(
      '--skip',
      'discard the item that holds each key, for good, and publish what waits behind it; needs --yes. With --at, also records the gap of an item that is gone',
    )
    .option('--at <position>', 'the item to discard, of the one key that is named: nothing happens to any other')
    .requiredOption('--why <text>', 'kept on the item (required)')
    .option('--follow', 'wait until the relay has acted on each key, and say how it ended')
    .addOption(
      new Option('--timeout <duration>', 'how long --follow waits').argParser(parseTimeout).default(600_000, '10m'),
    )
    .option('--yes', 'confirms --skip')
    .action((keys: string[], options: RedriveOptions, command: Command) => {
      const selection = selectionOf(keys, options);
      return runInSession(command, (session) => run(session, keys, selection, options));
    });
}

async function run(
  session: Session,
  keys: readonly string[],
  selection: KeySelection,
  options: RedriveOptions,
): Promise<number> {
  const { terminal, target } = session;
  const { skip = false, why } = options;
  const plan = await planRedrive(target, selection);
  if (skip) {
    const refusal = skipRefusal(plan, keys, options);
    if (refusal !== undefined) throw new SessionError(refusal);
    if (options.yes !== true) {
      terminal.result({ wouldDiscard: plan.targets }, () => discardLines(plan));
      return needsYes(session);
    }
  }
  const request = { by: await session.by(), at: Date.now(), why };
  const report = await redrive(target, plan, request, {
    skip,
    // `--at` names one item of one key, and has been compared with the hold.
    acceptGone: options.at !== undefined,
    onProgress: (done) => terminal.progress(`${number(done)} of ${count(plan.targets.length, 'key')} asked for`),
  });
  return options.follow === true && report.asked.length > 0
    ? followed(session, plan, report, options.timeout)
    : asked(session, plan, report);
}

function asked({ terminal }: Session, { idle }: RedrivePlan, report: RedriveReport): number {
  terminal.result({ ...report, idle }, () => askedLines(idle, report));
  return report.failed.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
}

async function followed(
  session: Session,
  plan: RedrivePlan,
  report: RedriveReport,
  timeoutMs: number,
): Promise<number> {
  const { terminal, target } = session;
  let outcomes: readonly Followed[];
  try {
    outcomes = await follow(target, report.asked, {
      timeoutMs,
      onProgress: (settled, all) =>
        terminal.progress(`the relay has acted on ${number(settled)} of ${count(all, 'key')}`),
    });
  } catch (error) {
    // The signals are durable, so they must be reported even if following them fails.
    asked(session, plan, report);
    terminal.note(`How it ended could not be read. ${explain(error)}`);
    return EXIT_CODES.wrong;
  }
  const { idle } = plan;
  terminal.result({ ...report, idle, followed: outcomes }, () => [
    ...idleLines(idle),
    ...failures(report),
    ...followedLines(outcomes),
  ]);
  const isWell = report.failed.length === 0 && outcomes.every(({ outcome }) => outcome === 'released');
  return isWell ? EXIT_CODES.done : EXIT_CODES.wrong;
}

/** The item must be named: the same command, run twice, must not discard a second item. */
function skipRefusal(
  { targets }: RedrivePlan,
  keys: readonly string[],
  { at, yes }: RedriveOptions,
): string | undefined {
  const [first, ...others] = targets;
  if (keys.length === 0) return at === undefined ? undefined : 'redrive: --at belongs to one key: name it.';
  if (keys.length > 1 || others.length > 0) return 'redrive: --skip takes one key, or --all, or --reason CODE.';
  const position = first?.hold?.position;
  const holds = position === undefined ? undefined : shownPosition(position);
  if (at === undefined) {
    return yes === true && holds !== undefined
      ? `redrive: say which item is to be discarded: --at ${holds} is the one that holds ${keys.join()} now.`
      : undefined;
  }
  if (position === positionOf(at)) return undefined;
  return `redrive: ${keys.join()} is ${holds === undefined ? 'not held' : `held at ${holds}, not at ${at}`}. Nothing was discarded.`;
}

function selectionOf(keys: readonly string[], { all, reason, at, skip }: RedriveOptions): KeySelection {
  if (at !== undefined && skip !== true) {
    throw new SessionError('redrive: --at names what --skip discards: add --skip.');
  }
  const given = [keys.length > 0, all === true, reason !== undefined].filter(Boolean).length;
  if (given !== 1) throw new SessionError('redrive: name keys, or give --all, or --reason CODE: one of them.');
  if (reason !== undefined) return { reason };
  return all === true ? { all } : { keys };
}

const discardLines = ({ targets, idle }: RedrivePlan): string[] => {
  const held = targets.flatMap(({ pk, hold }) => (hold === undefined ? [] : [{ pk, hold }]));
  const gone = targets.flatMap((one) => one.gone ?? []);
  const at = targets.length === 1 ? held.map(({ hold }) => ` --at ${shownPosition(hold.position)}`).join('') : '';
  return [
    ...idleLines(idle),
    ...(gone.length === 0
      ? []
      : [
          `${count(gone.length, 'item')} ${gone.length === 1 ? 'is' : 'are'} gone already: the gap would be recorded, and later events would go out without. Restore first what can be restored: outbox restore. A gap is recorded key by key, with --at.`,
        ]),
    `${count(held.length, 'item')} would be discarded, for good${at === '' ? '' : ` (with${at})`}:`,
    ...columns(held.map(({ pk, hold }) => [pk, shownPosition(hold.position), hold.reason, hold.message])),
  ];
};

const idleLines = (idle: readonly string[]): string[] => idle.map((pk) => `${pk}: nothing waits.`);

const failures = ({ failed }: RedriveReport): string[] => failed.map(({ pk, why }) => `${pk}: not asked for: ${why}`);

function askedLines(idle: readonly string[], report: RedriveReport): string[] {
  const { length } = report.asked;
  const isIdle = length + report.failed.length + idle.length === 0;
  return [
    ...idleLines(idle),
    ...failures(report),
    ...(isIdle ? ['No key is held: there is nothing to redrive.'] : []),
    ...(length === 0
      ? []
      : [`The relay is asked for ${count(length, 'key')}. It takes some seconds: outbox held shows what is left.`]),
  ];
}

const SAYS: Readonly<Record<FollowOutcome, string>> = {
  released: 'released',
  held: 'refused again',
  'set-aside': 'the signal was set aside',
  waiting: 'not acted on in time; the signal stays',
};

function followedLines(outcomes: readonly Followed[]): string[] {
  const released = outcomes.filter(({ outcome }) => outcome === 'released').length;
  const others = outcomes.filter(({ outcome }) => outcome !== 'released');
  return [
    ...columns(others.map(({ pk, outcome, message = '' }) => [pk, SAYS[outcome], message])),
    `${number(released)} of ${count(outcomes.length, 'key')} released.`,
  ];
}
