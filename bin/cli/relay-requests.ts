import type { Command } from 'commander';
import { PARK_REASONS } from '../../lib/event/control';
import { follow, type FollowOutcome } from '../../lib/operate/follow';
import { redrive, type KeySelection, type RedriveOptions, type RedrivePlan } from '../../lib/operate/redrive';
import { count, number } from './format';
import { reportRequests, type RequestOptions, type RequestWords } from './requests';
import { SessionError, type Session } from './session';

/** Options that select held keys. */
export interface SelectionOptions {
  readonly all?: true;
  readonly reason?: string;
}

export const withSelectionOptions = (command: Command): Command =>
  command
    .option('--all', 'every key that is held')
    .option('--reason <code>', `keys that are held for this reason: ${PARK_REASONS.join(', ')}`);

/** Sends the signals of a plan, and reports them or their outcomes. */
export async function sendRedrive(
  session: Session,
  plan: RedrivePlan,
  options: RequestOptions,
  how: Pick<RedriveOptions, 'skip' | 'acceptGone'> = {},
): Promise<number> {
  const { terminal, target } = session;
  const { idle } = plan;
  const request = { by: await session.by(), at: Date.now(), why: options.why };
  const report = await redrive(target, plan, request, {
    ...how,
    onProgress: (done) => terminal.progress(`${number(done)} of ${count(plan.targets.length, 'signal')} sent`),
  });
  const { asked, failed } = report;
  return reportRequests(
    session,
    {
      value: { ...report, idle },
      before: [...idleLines(idle), ...failed.map(({ pk, why }) => `${pk}: no signal was sent: ${why}`)],
      nothing: 'No key is held: there is nothing to redrive.',
      sent: asked.length,
      failed: failed.length,
      notFollowed: `The relay has ${count(asked.length, 'signal')} to act on, which takes some seconds. Next: outbox held`,
      words: WORDS,
      follow: (timeoutMs) =>
        follow(target, asked, {
          timeoutMs,
          onProgress: (settled, all) =>
            terminal.progress(`the relay has acted on ${number(settled)} of ${count(all, 'key')}`),
        }),
      endOf: ({ pk: name, outcome, message }) => ({ name, outcome, message }),
    },
    options,
  );
}

const WORDS: RequestWords<FollowOutcome> = {
  noun: 'key',
  done: 'released',
  outcomes: {
    released: 'released',
    held: 'refused again',
    unprocessable: 'the relay cannot act on the signal',
    waiting: 'not done in time; the signal stays',
  },
};

/** @throws SessionError unless exactly one kind of selection is given. */
export function selectionOf(operation: string, keys: readonly string[], options: SelectionOptions): KeySelection {
  const { all, reason } = options;
  const given = [keys.length > 0, all === true, reason !== undefined].filter(Boolean).length;
  if (given !== 1) throw new SessionError(`${operation}: name keys, or give --all, or --reason CODE: one of them.`);
  if (reason !== undefined) return { reason };
  return all === true ? { all } : { keys };
}

export const idleLines = (idle: readonly string[]): string[] => idle.map((pk) => `${pk}: nothing waits.`);
