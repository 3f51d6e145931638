import { Option, type Command } from 'commander';
import { HOLD_REASONS, ITEM_GONE, type Hold, type HoldReason } from '../../../lib/event/control';
import { goneLines } from '../../../lib/operate/gone';
import { held, type HeldKey } from '../../../lib/operate/held';
import { partitionName } from '../../../lib/event/topic-partition';
import { shownPosition } from '../../../lib/event/position';
import { epochMsOfUuidV7 } from '../../../lib/event/uuid';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { argument, columns, count, duration, number, time } from '../format';
import { Groups } from '../group-by-reason';
import type { Session } from '../session';

interface HeldOptions {
  readonly reason?: HoldReason;
}

export function addHeld(program: Command): void {
  program
    .command('held')
    .argument('[key...]', 'such as order#42 (default: all)')
    .description('list the keys that are held: why, since when, and how many items wait')
    .addOption(new Option('--reason <code>', 'keys that are held for this reason (default: any)').choices(HOLD_REASONS))
    .action((named: string[], options: HeldOptions, command: Command) =>
      runInSession(command, (session) => run(session, named, options)),
    );
}

async function run({ terminal, target }: Session, named: readonly string[], { reason }: HeldOptions): Promise<number> {
  const now = Date.now();
  let groups: Groups | undefined;
  let isFirst = true;
  const keys = await held(target, {
    keys: named.length === 0 ? undefined : named,
    reason,
    onHolds: (holds) => {
      if (holds.length === 0) return;
      groups = new Groups(holds, 'key', now);
      terminal.part([...heading(holds), '', ...groups.lines]);
    },
    onKeys: (portion) => {
      const rows = columns([...(isFirst ? [TITLES] : []), ...portion.map((key) => rowOf(key, now))]);
      const details = portion.flatMap((key) => detailsOf(key, groups));
      terminal.part(details.length === 0 ? rows : [...rows, '', ...details]);
      isFirst = false;
    },
  });
  const nothing = reason === undefined ? 'No key is held.' : `No key is held for ${reason}.`;
  const idle = named.filter((name) => !keys.some(({ pk }) => pk === name));
  if (terminal.json || (keys.length === 0 && idle.length === 0)) {
    terminal.result(keys, () => [terminal.style('green', nothing)]);
  } else {
    terminal.part(idle.map((name) => `${name}: not held. Next: outbox explain ${argument(name)}`));
  }
  return keys.some(({ gone }) => gone !== undefined) ? EXIT_CODES.wrong : EXIT_CODES.done;
}

const TITLES = ['KEY', 'REASON', 'AT', 'ATTEMPTS', 'FOR', 'WAITING'];

/** Does not claim that the drain continues: a failed one looks the same, until its record is delivered again. */
function drainNote({ revision }: HeldKey, now: number): string {
  const at = epochMsOfUuidV7(revision);
  return at === undefined ? 'drain unfinished' : `drain unfinished, last step ${duration(now - at)} ago`;
}

function reasonOf(key: HeldKey, now: number): string {
  const reason = key.awaits === undefined ? key.reason : `${key.reason}: ${partitionName(key.awaits)}`;
  return key.state === 'draining' ? `${reason} (${drainNote(key, now)})` : reason;
}

const rowOf = (key: HeldKey, now: number): string[] => [
  key.pk,
  key.gone === undefined ? reasonOf(key, now) : ITEM_GONE,
  shownPosition(key.position),
  String(key.attempts),
  duration(now - key.since),
  number(key.waiting),
];

const detailsOf = (key: HeldKey, groups: Groups | undefined): string[] => [
  ...(key.gone === undefined
    ? groups?.shows(key) === true
      ? []
      : [`${key.pk}: ${key.message}`]
    : [`${key.pk}: ${goneLines(key.gone)[0]}`, `  Next: ${goneLines(key.gone)[1]}`]),
  ...(key.redriven === undefined
    ? []
    : [`  ${key.pk}: redriven ${time(key.redriven.at)} by ${key.redriven.by}: ${key.redriven.why}`]),
];

function heading(holds: readonly Hold[]): string[] {
  const forPartitions = holds.filter(({ awaits }) => awaits !== undefined).length;
  const others = holds.length - forPartitions;
  return [
    ...(others === 0
      ? []
      : [
          `${count(others, 'key')} held. Next, when the cause is fixed: outbox redrive KEY… | --reason CODE | --all --why "…" --follow`,
        ]),
    ...(forPartitions === 0
      ? []
      : [`${count(forPartitions, 'key')} held for unavailable partitions. The relay releases them by itself.`]),
  ];
}
