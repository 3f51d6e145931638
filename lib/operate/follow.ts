import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { isOpen, itemStateOf } from '../event/item-state';
import { readHold } from '../relay/dynamodb-holds';
import { forEachKey } from '../relay/key-work';
import type { Redriven } from './redrive';
import { pause, type Target } from './target';

/**
 * `released`: the relay has acted and nothing of the key waits. `held`: it has acted, and an item was refused again.
 * `set-aside`: it cannot act on the signal. `waiting`: none of these, until time was over.
 */
export type FollowOutcome = 'released' | 'held' | 'set-aside' | 'waiting';

export interface Followed {
  readonly pk: string;
  readonly outcome: FollowOutcome;
  /** Why, for a key that is held or a signal that was set aside. */
  readonly message?: string;
}

export interface FollowOptions {
  /** Milliseconds. */
  readonly timeoutMs: number;
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
  const settled = new Map<string, Followed>();
  for (;;) {
    const open = asked.filter(({ pk }) => !settled.has(pk));
    await forEachKey(open, async (one) => {
      const followed = await look(target, one);
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
  { pk, from, hold, signal }: Redriven,
): Promise<Followed | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({
      TableName: tableName,
      ConsistentRead: true,
      Key: marshall({ pk, sk: signal.sk }),
      ProjectionExpression: 'setAside',
    }),
  );
  if (Item !== undefined) {
    const { setAside } = Item;
    return setAside === undefined ? undefined : { pk, outcome: 'set-aside', message: setAside.M?.['why']?.S };
  }
  const now = await readHold(client, tableName, pk);
  if (now === undefined)
    return (await isOpenAt({ client, tableName }, pk, from)) ? undefined : { pk, outcome: 'released' };
  // Out of time, or the sweeper has put another signal in the place of this one: a later invocation goes on.
  if (now.state === 'draining' || now.revision === hold?.revision) return undefined;
  return { pk, outcome: 'held', message: now.message };
}

async function isOpenAt({ client, tableName }: Target, pk: string, sk: string): Promise<boolean> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall({ pk, sk }) }),
  );
  return Item !== undefined && isOpen(itemStateOf(Item).state);
}
