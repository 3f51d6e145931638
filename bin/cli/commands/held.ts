import type { Command } from 'commander';
import { held, type HeldKey } from '../../../lib/operate/held';
import { partitionName } from '../../../lib/event/partition-hold';
import { shownPosition } from '../../../lib/event/position';
import { epochMsOfUuidV7 } from '../../../lib/event/uuid';
import { act, EXIT_CODES } from '../act';
import { columns, count, duration, number, time } from '../format';
import type { Session } from '../session';

export function addHeld(program: Command): void {
  program
    .command('held')
    .description('list the keys that are held: why, since when, and what waits')
    .action((_options: unknown, command: Command) => act(command, run));
}

async function run({ terminal, target }: Session): Promise<number> {
  const keys = await held(target);
  terminal.result(keys, () => (keys.length === 0 ? [terminal.style('green', 'No key is held.')] : lines(keys)));
  return EXIT_CODES.done;
}

/** Not that it goes on: a drain that failed looks the same, until its record is delivered again. */
function drainNote({ revision }: HeldKey, now: number): string {
  const at = epochMsOfUuidV7(revision);
  return at === undefined ? 'drain unfinished' : `drain unfinished, last step ${duration(now - at)} ago`;
}

function reasonOf(key: HeldKey, now: number): string {
  const reason = key.awaits === undefined ? key.reason : `${key.reason}: ${partitionName(key.awaits)}`;
  return key.state === 'draining' ? `${reason} (${drainNote(key, now)})` : reason;
}

function lines(keys: readonly HeldKey[]): string[] {
  const now = Date.now();
  const rows = keys.map((key) => [
    key.pk,
    reasonOf(key, now),
    shownPosition(key.position),
    String(key.attempts),
    duration(now - key.since),
    number(key.waiting),
  ]);
  const details = keys.flatMap(({ pk, message, redriven }) => [
    `${pk}: ${message}`,
    ...(redriven === undefined ? [] : [`  redriven ${time(redriven.at)} by ${redriven.by}: ${redriven.why}`]),
  ]);
  const forPartitions = keys.filter(({ awaits }) => awaits !== undefined).length;
  const others = keys.length - forPartitions;
  return [
    ...(others === 0
      ? []
      : [`${count(others, 'key')} held. When the cause is fixed: outbox redrive KEY… | --reason CODE | --all`]),
    ...(forPartitions === 0
      ? []
      : [`${count(forPartitions, 'key')} held for partitions that take no writes. The relay releases them by itself.`]),
    '',
    ...columns([['KEY', 'REASON', 'AT', 'ATTEMPTS', 'FOR', 'WAITING'], ...rows]),
    '',
    ...details,
  ];
}
