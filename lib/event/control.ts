import { CONTROL_PARTITION, controlSortKey } from './key';

/** Why an item was parked: a closed set, so that an operator can redrive by reason. */
export const PARK_REASONS = [
  'message-too-large',
  'message-refused',
  'unknown-topic',
  'topic-not-authorized',
  'undecodable-item',
] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** The record that a key's items from `position` on must wait. */
export interface Hold {
  readonly pk: string;
  readonly position: string;
  /** New for every write of the hold: a zombie must not change or delete a newer one. */
  readonly revision: string;
  readonly state: 'holding' | 'draining';
  readonly reason: ParkReason;
  readonly message: string;
  /** Epoch milliseconds of the first time this key was held. */
  readonly since: number;
}

const HOLD_PREFIX = 'hold';
const TOMBSTONE_PREFIX = 'tombstone';

/** One item that changes whenever anything in the control partition does; sorts before all of them. */
export const STATE_KEY = { pk: CONTROL_PARTITION, sk: '!state' } as const;

export const holdKey = (pk: string): { pk: string; sk: string } => ({
  pk: CONTROL_PARTITION,
  sk: controlSortKey(HOLD_PREFIX, pk),
});

/** The sort key of a long partition key is a hash, so the item names it in full. */
type StoredHold = Omit<Hold, 'pk'> & { readonly pk: string; readonly sk: string; readonly key: string };

export const encodeHold = ({ pk: key, ...hold }: Hold): StoredHold => ({ ...holdKey(key), key, ...hold });

/** What the relay must know before it skips anything, as read after the records arrived. */
export interface Control {
  /** Changes with every write to the control partition. */
  readonly revision: number;
  /** By partition key. */
  readonly holds: ReadonlyMap<string, Hold>;
  /** Ids of discarded items. */
  readonly tombstones: ReadonlySet<string>;
}

/** Reads the items of the control partition as plain objects. Unknown ones are ignored. */
export function decodeControl(items: readonly Record<string, unknown>[]): Control {
  let revision = 0;
  const holds = new Map<string, Hold>();
  const tombstones = new Set<string>();
  for (const item of items) {
    const sk = String(item['sk']);
    if (sk === STATE_KEY.sk) revision = Number(item['revision'] ?? 0);
    else if (sk.startsWith(`${TOMBSTONE_PREFIX}#`)) tombstones.add(sk.slice(TOMBSTONE_PREFIX.length + 1));
    else if (sk.startsWith(`${HOLD_PREFIX}#`)) {
      // Under this prefix nothing but `encodeHold` writes.
      const hold = decodeHold(item as unknown as StoredHold);
      holds.set(hold.pk, hold);
    }
  }
  return { revision, holds, tombstones };
}

const decodeHold = ({ key, position, revision, state, reason, message, since }: StoredHold): Hold => ({
  pk: key,
  position,
  revision,
  state,
  reason,
  message,
  since,
});
