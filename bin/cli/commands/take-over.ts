import type { Command } from 'commander';
import { planTakeOver, takeOver } from '../../../lib/operate/take-over';
import { runInSession, EXIT_CODES, needsYes } from '../run-in-session';
import type { Session } from '../session';

interface TakeOverOptions {
  readonly why: string;
  readonly yes?: true;
}

export function addTakeOver(program: Command): void {
  program
    .command('take-over')
    .argument('<id>', 'the outbox whose relay shall publish: OUTBOX_ID of its function, also in its log')
    .description('make another outbox the owner of the table; needs --yes')
    .requiredOption('--why <text>', 'the reason, kept with the owner (required)')
    .option('--yes', 'confirms it')
    .action((id: string, options: TakeOverOptions, command: Command) =>
      runInSession(command, (session) => run(session, id, options)),
    );
}

async function run(session: Session, id: string, { why, yes }: TakeOverOptions): Promise<number> {
  const { terminal, target } = session;
  const plan = await planTakeOver(target, id);
  const former = plan.from === undefined ? 'no outbox' : `"${plan.from}"`;
  if (yes !== true) {
    terminal.result({ wouldTakeOver: plan }, () => [
      `The table ${target.tableName} belongs to ${former}. It would belong to "${plan.to}".`,
      'Before that, disable the event source mapping of the former relay and wait until its last invocation has ended.',
    ]);
    return needsYes(session);
  }
  await takeOver(target, plan, { by: await session.by(), at: Date.now(), why });
  terminal.result({ tookOver: plan }, () => [
    `The table ${target.tableName} belongs to "${plan.to}" now; before, to ${former}.`,
  ]);
  return EXIT_CODES.done;
}
