import type { Command } from 'commander';
import { held, type HeldKey } from '../../../lib/operate/held';
import { shownPosition } from '../../../lib/event/position';
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

function lines(keys: readonly HeldKey[]): string[] {
  const now = Date.now();
  const rows = keys.map((key) => [
    key.pk,
    key.state === 'draining' ? `${key.reason} (being drained)` : key.reason,
    shownPosition(key.position),
    String(key.attempts),
    duration(now - key.since),
    number(key.waiting),
  ]);
  const details = keys.flatMap(({ pk, message, redriven }) => [
    `${pk}: ${message}`,
    ...(redriven === undefined ? [] : [`  redriven ${time(redriven.at)} by ${redriven.by}: ${redriven.why}`]),
  ]);
  return [
    `${count(keys.length, 'key')} held. When the cause is mended: outbox redrive KEY… | --reason CODE | --all`,
    '',
    ...columns([['KEY', 'REASON', 'AT', 'ATTEMPTS', 'FOR', 'WAITING'], ...rows]),
    '',
    ...details,
  ];
}
