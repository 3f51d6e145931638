import type { Command } from 'commander';
import { openInboxSession, openSession, type GlobalOptions, type InboxSession, type Session } from './session';

/**
 * `done`: done, and all is well. `wrong`: done, but something is wrong or failed. `refused`: nothing was done.
 * `undecided`: nothing wrong was found, but something cannot be decided yet.
 */
export const EXIT_CODES = { done: 0, wrong: 1, refused: 2, undecided: 3 } as const;

/** Runs a command within a session. The code that `work` returns is the exit code. */
export async function runInSession(
  command: Command,
  work: (session: Session) => Promise<number>,
  open = openSession,
): Promise<void> {
  process.exitCode = await work(await open(command.optsWithGlobals<GlobalOptions>()));
}

/** The same for a command about a consumer. */
export async function runOnInbox(command: Command, work: (session: InboxSession) => Promise<number>): Promise<void> {
  process.exitCode = await work(openInboxSession(command.optsWithGlobals<GlobalOptions>()));
}

/** Ends a command that has shown its changes, but was not confirmed. */
export const needsYes = ({ terminal }: Pick<Session, 'terminal'>): number => {
  terminal.note('Nothing was changed. Add --yes to do it.');
  return EXIT_CODES.refused;
};
