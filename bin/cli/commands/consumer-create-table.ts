import type { Command } from 'commander';
import { createInboxTable } from '../../../lib/operate/consumer/create-inbox-table';
import { EXIT_CODES } from '../run-in-session';
import { openInboxSession, SessionError, type GlobalOptions } from '../session';

export function addConsumerCreateTable(consumer: Command): void {
  consumer
    .command('create-table')
    .description(
      'create the table of a consumer (--table <name>), for local use; on AWS, OutboxConsumer of the CDK creates it',
    )
    .action(async (_options: object, command: Command) => {
      process.exitCode = await run(command.optsWithGlobals<GlobalOptions>());
    });
}

/** `--table` names the new table here, not an outbox, so a local stack that runs is used as well. */
async function run({ table, ...options }: GlobalOptions): Promise<number> {
  if (table === undefined) throw new SessionError('create-table: name the table with --table <name>.');
  const { terminal, client } = openInboxSession(options);
  const outcome = await createInboxTable(client, table);
  terminal.result({ table, outcome }, () => [
    outcome === 'created' ? `Created the table ${table}.` : `The table ${table} exists already, with the right keys.`,
  ]);
  return EXIT_CODES.done;
}
