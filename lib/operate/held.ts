import type { Hold, HoldReason } from '../event/control';
import { itemStateOf, OPEN_FILTER } from '../event/item-state';
import { SIGNAL_PREFIX } from '../event/position';
import type { OperatorNote } from '../event/signal';
import { controlStore } from '../relay/dynamodb/control';
import { queryPages } from '../relay/dynamodb/pages';
import { goneItemOf, type GoneItem } from './gone';
import { mapInPortions } from './map-keys';
import { type OutboxTarget, readItem } from './target';

/** A held key, and how many items wait. */
export interface HeldKey extends Hold {
  /** Items of the key that are neither acknowledged nor parked: `status` counts the same as waiting. */
  readonly waiting: number;
  /** The last redrive that was asked for. */
  readonly redriven?: OperatorNote;
  /** The item that the key waits for was deleted: the relay does not release the key. */
  readonly gone?: GoneItem;
}

/** Which keys {@link held} lists, and how it reports while it reads. */
export interface HeldOptions {
  /** Only these keys, such as `order#42`. Default: all. */
  readonly keys?: readonly string[];
  /** Only keys that are held for this reason. Default: any. */
  readonly reason?: HoldReason;
  /** Called once, before the items of the keys are read. */
  readonly onHolds?: (holds: readonly Hold[]) => void;
  /** Called with a hundred keys at a time, in their order. */
  readonly onKeys?: (keys: readonly HeldKey[]) => void;
}

/** Returns every held key, the one that is held longest first. Strongly consistent; reads only. */
export async function held(target: OutboxTarget, options: HeldOptions = {}): Promise<readonly HeldKey[]> {
  const { keys: named, reason, onHolds, onKeys } = options;
  const { holds } = await controlStore(target).read();
  const selected = [...holds.values()]
    .filter((hold) => (named?.includes(hold.pk) ?? true) && (reason === undefined || hold.reason === reason))
    .toSorted((a, b) => a.since - b.since || (a.pk < b.pk ? -1 : 1));
  onHolds?.(selected);
  const look = async (hold: Hold): Promise<HeldKey> => {
    const { pk, position } = hold;
    const [waiting, stored] = await Promise.all([countWaiting(target, hold), readItem(target, { pk, sk: position })]);
    const redriven = stored && itemStateOf(stored).redriven;
    return { ...hold, waiting, redriven, gone: await goneItemOf(target, hold, stored) };
  };
  return mapInPortions(selected, look, onKeys);
}

async function countWaiting(target: OutboxTarget, { pk, position }: Hold): Promise<number> {
  const pages = queryPages(target, {
    ConsistentRead: true,
    Select: 'COUNT',
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :signals',
    FilterExpression: `${OPEN_FILTER} AND attribute_not_exists(parked)`,
    ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: position }, ':signals': { S: SIGNAL_PREFIX } },
  });
  let waiting = 0;
  for await (const { count } of pages) waiting += count;
  return waiting;
}
