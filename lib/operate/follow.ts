import type { Hold } from '../event/control';
import { isOpen, itemStateOf } from '../event/item-state';
import { storedKeyOf } from '../event/signal';
import { controlStore } from '../relay/dynamodb/control';
import { forEachKey } from '../timing/for-each';
import type { RelayRedrive } from './redrive';
import { wait } from '../timing/wait';
import { type OutboxTarget, readItem } from './target';

/**
 * `released`: the relay has acted, and nothing of the key waits. `held`: the relay has acted, and an item was refused
 * again. `unprocessable`: the relay cannot act on the signal. `waiting`: none of these before the timeout.
 */
export type FollowOutcome = 'released' | 'held' | 'unprocessable' | 'waiting';

/** How the redrive of one key ended. */
export interface FollowedKey {
  readonly pk: string;
  readonly outcome: FollowOutcome;
  /** The cause, for a key that is held or an unprocessable signal. */
  readonly message?: string;
}

/** How long {@link follow} and {@link followParked} wait. */
export interface FollowOptions {
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Called after each poll with the number of settled keys or requests. */
  readonly onProgress?: (settled: number, all: number) => void;
}

const POLL_MS = 500;

/** Waits until the relay has acted on each redrive. Returns the outcomes in the order asked. Reads only. */
export async function follow(
  target: OutboxTarget,
  asked: readonly RelayRedrive[],
  options: FollowOptions,
): Promise<readonly FollowedKey[]> {
  const control = controlStore(target);
  const settled = new Map<string, FollowedKey>();
  await untilSettled(settled, asked.length, options, async () => {
    const { holds } = await control.read();
    // If the hold of a key is unchanged, the relay has not acted. One read of all holds saves a read for each key.
    const changed = asked.filter(
      ({ pk, hold }) => !settled.has(pk) && (hold === undefined || holds.get(pk)?.revision !== hold.revision),
    );
    await forEachKey(changed, async (one) => {
      const followed = await outcomeOf(target, one, holds.get(one.pk));
      if (followed !== undefined) settled.set(one.pk, followed);
    });
  });
  return asked.map(({ pk }) => settled.get(pk) ?? { pk, outcome: 'waiting' });
}

/** Polls until all are settled, or the time is up. `poll` adds what it finds to `settled`. */
export async function untilSettled(
  settled: ReadonlyMap<string, unknown>,
  all: number,
  { timeoutMs, onProgress }: FollowOptions,
  poll: () => Promise<void>,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    await poll();
    onProgress?.(settled.size, all);
    if (settled.size === all || Date.now() > end) return;
    await wait(POLL_MS);
  }
}

/** The relay removes the signal last: while the signal exists, the hold proves nothing. */
async function outcomeOf(
  target: OutboxTarget,
  { pk, from, signal }: RelayRedrive,
  hold: Hold | undefined,
): Promise<FollowedKey | undefined> {
  const sent = await readItem(target, storedKeyOf(signal));
  if (sent !== undefined) {
    const { setAside } = sent;
    return setAside === undefined ? undefined : { pk, outcome: 'unprocessable', message: setAside.M?.['why']?.S };
  }
  // The invocation ran out of time, or the sweeper replaced the signal: a later invocation continues.
  if (hold?.state === 'draining') return undefined;
  if (hold !== undefined) return { pk, outcome: 'held', message: hold.message };
  const first = await readItem(target, { pk, sk: from });
  return first !== undefined && isOpen(itemStateOf(first).state) ? undefined : { pk, outcome: 'released' };
}
