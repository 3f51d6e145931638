import type { Hold } from '../event/control';
import { isOpen, itemStateOf } from '../event/item-state';
import { storedKeyOf } from '../event/signal';
import { controlStore } from '../relay/dynamodb/control';
import { forEachKey } from '../relay/key-work';
import { readItem } from './read-item';
import type { Redriven } from './redrive';
import { OPERATOR_CLOCK, pause, type Target } from './target';

/**
 * `released`: the relay has acted and nothing of the key waits. `held`: it has acted, and an item was refused again.
 * `set-aside`: it cannot act on the signal. `waiting`: none of these, until time was over.
 */
export type FollowOutcome = 'released' | 'held' | 'set-aside' | 'waiting';

/** How the redrive of one key ended. */
export interface Followed {
  readonly pk: string;
  readonly outcome: FollowOutcome;
  /** Why, for a key that is held or a signal that was set aside. */
  readonly message?: string;
}

/** How long to follow. */
export interface FollowOptions {
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Called after each look, with how many keys are settled. */
  readonly onProgress?: (settled: number, all: number) => void;
}

const POLL_MS = 500;

/** Waits until the relay has acted on each redrive, and says how each ended, in the order asked. Reads only. */
export async function follow(
  target: Target,
  asked: readonly Redriven[],
  { timeoutMs, onProgress }: FollowOptions,
): Promise<readonly Followed[]> {
  const end = Date.now() + timeoutMs;
  const control = controlStore(target.client, target.tableName, OPERATOR_CLOCK);
  const settled = new Map<string, Followed>();
  for (;;) {
    const { holds } = await control.read();
    // Of a key whose hold is as it was, nothing has happened: one read of all holds saves one of each.
    const changed = asked.filter(
      ({ pk, hold }) => !settled.has(pk) && (hold === undefined || holds.get(pk)?.revision !== hold.revision),
    );
    await forEachKey(changed, async (one) => {
      const followed = await look(target, one, holds.get(one.pk));
      if (followed !== undefined) settled.set(one.pk, followed);
    });
    onProgress?.(settled.size, asked.length);
    if (settled.size === asked.length || Date.now() > end) break;
    await pause(POLL_MS);
  }
  return asked.map(({ pk }) => settled.get(pk) ?? { pk, outcome: 'waiting' });
}

/** The relay removes the signal last: while it is there, the hold says nothing. */
async function look(
  { client, tableName }: Target,
  { pk, from, signal }: Redriven,
  hold: Hold | undefined,
): Promise<Followed | undefined> {
  const sent = await readItem({ client, tableName }, storedKeyOf(signal));
  if (sent !== undefined) {
    const { setAside } = sent;
    return setAside === undefined ? undefined : { pk, outcome: 'set-aside', message: setAside.M?.['why']?.S };
  }
  // Out of time, or the sweeper has put another signal in the place of this one: a later invocation goes on.
  if (hold?.state === 'draining') return undefined;
  if (hold !== undefined) return { pk, outcome: 'held', message: hold.message };
  const first = await readItem({ client, tableName }, { pk, sk: from });
  return first !== undefined && isOpen(itemStateOf(first).state) ? undefined : { pk, outcome: 'released' };
}
