import type { Command } from 'commander';
import { PARK_REASONS } from '../../../lib/event/control';
import { follow, type Followed, type FollowOutcome } from '../../../lib/operate/follow';
import {
  planRedrive,
  redrive,
  type RedriveReport,
  type RedriveTarget,
  type Selection,
} from '../../../lib/operate/redrive';
import { shownPosition } from '../../../lib/event/position';
import { act, EXIT_CODES, needsYes } from '../act';
import { parseDuration } from '../arguments';
import { columns, count, number } from '../format';
import { SessionError, type Session } from '../session';

interface RedriveOptions {
  readonly all?: true;
  readonly reason?: string;
  readonly skip?: true;
  readonly follow?: true;
  readonly timeout: number;
  readonly why?: string;
  readonly yes?: true;
}

export function addRedrive(program: Command): void {
  program
    .command('redrive')
    .argument('[key...]', 'such as order#42')
    .description('ask the relay to publish what waits of keys, after the cause is mended; safe to repeat')
    .option('--all', 'every key that is held')
    .option('--reason <code>', `keys that are held for this reason: ${PARK_REASONS.join(', ')}`)
    .option('--skip', 'discard the item that holds each key, for good, and publish what waits behind it; needs --yes')
    .option('--why <text>', 'kept on the item (required)')
    .option('--follow', 'wait until the relay has acted on each key, and say how it ended')
    .option('--timeout <duration>', 'how long --follow waits', parseDuration, 600_000)
    .option('--yes', 'confirms --skip')
    .action((keys: string[], options: RedriveOptions, command: Command) =>
      act(command, (session) => run(session, keys, options)),
    );
}

async function run(session: Session, keys: readonly string[], options: RedriveOptions): Promise<number> {
  const { terminal, target } = session;
  const { skip = false, why } = options;
  const selection = selectionOf(keys, options);
  if (why === undefined) throw new SessionError('redrive: say why with --why "…"; it is kept on the item.');
  const plan = await planRedrive(target, selection);
  if (plan.length === 0) {
    terminal.result({ asked: [], failed: [] }, () => ['No key is held: there is nothing to redrive.']);
    return EXIT_CODES.done;
  }
  if (skip && options.yes !== true) {
    terminal.result({ wouldDiscard: plan }, () => discardLines(plan));
    return needsYes(session);
  }
  const request = { by: await session.by(), at: Date.now(), why };
  const report = await redrive(target, plan, request, {
    skip,
    onProgress: (done) => terminal.progress(`${number(done)} of ${count(plan.length, 'key')} asked for`),
  });
  if (options.follow !== true) {
    terminal.result(report, () => askedLines(report));
    return report.failed.length === 0 ? EXIT_CODES.done : EXIT_CODES.wrong;
  }
  const followed = await follow(target, report.asked, {
    timeoutMs: options.timeout,
    onProgress: (settled, all) =>
      terminal.progress(`the relay has acted on ${number(settled)} of ${count(all, 'key')}`),
  });
  terminal.result({ ...report, followed }, () => [...failures(report), ...followedLines(followed)]);
  const isWell = report.failed.length === 0 && followed.every(({ outcome }) => outcome === 'released');
  return isWell ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function selectionOf(keys: readonly string[], { all, reason }: RedriveOptions): Selection {
  const given = [keys.length > 0, all === true, reason !== undefined].filter(Boolean).length;
  if (given !== 1) throw new SessionError('redrive: name keys, or give --all, or --reason CODE: one of them.');
  if (reason !== undefined) return { reason };
  return all === true ? { all } : { keys };
}

const discardLines = (plan: readonly RedriveTarget[]): string[] => [
  `${count(plan.length, 'item')} would be discarded, for good:`,
  ...columns(
    plan.map(({ pk, position: at, hold }) => [pk, shownPosition(at), hold?.reason ?? '', hold?.message ?? '']),
  ),
];

const failures = ({ failed }: RedriveReport): string[] => failed.map(({ pk, why }) => `${pk}: not asked for: ${why}`);

const askedLines = (report: RedriveReport): string[] => [
  ...failures(report),
  `The relay is asked for ${count(report.asked.length, 'key')}. It takes some seconds: outbox held shows what is left.`,
];

const SAYS: Readonly<Record<FollowOutcome, string>> = {
  released: 'released',
  held: 'refused again',
  'set-aside': 'the signal was set aside',
  waiting: 'not acted on in time; the signal stays',
};

function followedLines(followed: readonly Followed[]): string[] {
  const released = followed.filter(({ outcome }) => outcome === 'released').length;
  const others = followed.filter(({ outcome }) => outcome !== 'released');
  return [
    ...columns(others.map(({ pk, outcome, message = '' }) => [pk, SAYS[outcome], message])),
    `${number(released)} of ${count(followed.length, 'key')} released.`,
  ];
}
