import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { messageOf } from '../../../lib/event/errors';
import { refusalOf } from '../../../lib/event/control';
import { planRestore, restore, type RestorePlan, type RestoreSource } from '../../../lib/operate/restore';
import { shownPosition } from '../../../lib/event/position';
import { runInSession, EXIT_CODES, needsYes } from '../run-in-session';
import { argument, columns, count } from '../format';
import { SessionError, type Session } from '../session';

interface RestoreOptions {
  readonly from?: string;
  readonly fromTable?: string;
  readonly yes?: true;
}

export function addRestore(program: Command): void {
  program
    .command('restore')
    .argument('<key>', 'such as order#42')
    .argument('<position>', 'of the item that the key waits for, as "held" prints it')
    .description('put back a parked item that was deleted, from a copy of it; needs --yes. Then redrive the key')
    .option('--from <file>', "the item in DynamoDB's JSON, as the AWS CLI prints it from a table or the stream")
    .option('--from-table <name>', 'a table of the same account and region that holds it, restored to a point in time')
    .option('--yes', 'confirms it')
    .action((key: string, position: string, options: RestoreOptions, command: Command) =>
      runInSession(command, (session) => run(session, key, position, options)),
    );
}

async function run(session: Session, key: string, position: string, options: RestoreOptions): Promise<number> {
  const { terminal, target } = session;
  const plan = await planRestore(target, key, position, sourceOf(options));
  const shown = { pk: plan.pk, position: plan.position, state: plan.state, events: plan.events };
  if (options.yes !== true) {
    terminal.result({ wouldRestore: shown }, () => planLines(plan));
    return needsYes(session);
  }
  await restore(target, plan);
  terminal.result({ restored: shown }, () => [
    `The item of ${plan.pk} at ${shownPosition(plan.position)} is in the table again, and not published yet. ${nextLine(plan)}`,
  ]);
  return EXIT_CODES.done;
}

function sourceOf({ from, fromTable }: RestoreOptions): RestoreSource {
  if (from !== undefined && fromTable === undefined) return { json: readText(from) };
  if (from === undefined && fromTable !== undefined) return { tableName: fromTable };
  throw new SessionError('restore: give the copy by --from FILE or by --from-table NAME: one of them.');
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SessionError(`restore: ${file} cannot be read: ${messageOf(error)}`);
  }
}

/** A redrive of an item whose cause is not fixed is refused again. */
function nextLine({ pk, hold }: RestorePlan): string {
  const refused = refusalOf(hold);
  const redrive = `outbox redrive ${argument(pk)} --why "…" --follow`;
  return refused === undefined
    ? `Next: ${redrive}`
    : `It was refused before: ${refused.reason}: ${refused.message} Next: fix that cause, then ${redrive}`;
}

const planLines = ({ pk, position, events, hold }: RestorePlan): string[] => [
  `${pk} waits for the item at ${shownPosition(position)}, which is gone${hold.id === undefined ? '' : ` (id ${hold.id})`}. The copy is that item: ${count(events.length, 'event')}.`,
  ...columns(events.map(({ type, id, topic }) => [type, id, topic])),
  'It would be put back as the copy has it, and is parked. The key stays held; a redrive then publishes the item and what waits behind it. Ask the owner of the data first: an event that was replaced by hand would have its effect twice.',
];
