import { shownPosition } from './position';
import { controlPartitionOf, type HomeRegion } from './home-region';
import { controlSortKey } from './key';
import { type AwaitedPartition, partitionName } from './topic-partition';

/** Why an item was parked: a closed set, so that an operator can redrive by reason. */
export const PARK_REASONS = [
  'message-too-large',
  'message-refused',
  'unknown-topic',
  'topic-not-authorized',
  'undecodable-item',
  'process-died',
] as const;
/** One of {@link PARK_REASONS}. */
export type ParkReason = (typeof PARK_REASONS)[number];

/** The reason of a hold that the relay set because a topic partition accepted no writes while others did. */
export const PARTITION_UNAVAILABLE = 'partition-unavailable' as const;

/** The reason of a hold whose item is no longer in the table, while nothing shows that it was published. */
export const ITEM_GONE = 'item-gone' as const;

/**
 * Why a key is held: its item was parked; a drain ran out of time and resumes in a later invocation; the topic
 * partition of its next event accepts no writes while others do; or the item that it waits for was deleted.
 */
export type HoldReason = (typeof HOLD_REASONS)[number];
/** Every {@link HoldReason}. */
export const HOLD_REASONS = [...PARK_REASONS, 'drain-unfinished', PARTITION_UNAVAILABLE, ITEM_GONE] as const;

/** An item that must be published or skipped before the later items of its key. */
export interface AwaitedItem {
  readonly position: string;
  /**
   * The id of the item at `position` when the key was held. Left out for an undecodable item, and by relay versions
   * that did not store it; any item at the position then counts as the awaited one.
   */
  readonly id?: string;
}

/** Why an item was refused. */
export interface ItemRefusal {
  readonly reason: ParkReason;
  readonly message: string;
}

/** The record that a key's items from `position` on must wait. */
export interface Hold extends AwaitedItem {
  readonly pk: string;
  /** New for every write of the hold: a relay that was frozen must not change or delete a newer hold. */
  readonly revision: string;
  /** `draining`: a relay has begun to publish the waiting items; any other relay also drains the key. */
  readonly state: 'holding' | 'draining';
  readonly reason: HoldReason;
  readonly message: string;
  /** How often the item at `position` was refused, redrives included; 0 if never. */
  readonly attempts: number;
  /** Epoch milliseconds of the first time this key was held. */
  readonly since: number;
  /** Only with `partition-unavailable`: the relay releases the key when this partition accepts writes again. */
  readonly awaits?: AwaitedPartition;
  /**
   * Set on a table that keeps no published items: the item existed when a drain began. If it is absent later, the drain
   * has published it.
   */
  readonly headSeen?: true;
  /** Set only with the reason `item-gone`: why the item was refused before it was deleted. */
  readonly refused?: ItemRefusal;
  /** Refused items behind `position`, in order; only the first ones if there are many. */
  readonly others?: readonly AwaitedItem[];
}

/** Keeps a hold small: `verify` finds missing items beyond this many. */
const MAX_OTHERS = 20;

/** The awaited items behind `position`, from the known hold and the new refusals. */
export function othersBehind(
  position: string,
  known: Hold | undefined,
  refused: readonly AwaitedItem[] = [],
): Pick<Hold, 'others'> {
  const all = known === undefined ? refused : [known, ...(known.others ?? []), ...refused];
  const behind = new Map(
    all.flatMap(({ position: at, id }) =>
      at > position ? [[at, { position: at, ...(id === undefined ? {} : { id }) }] as const] : [],
    ),
  );
  const others = [...behind.values()].toSorted((a, b) => (a.position < b.position ? -1 : 1)).slice(0, MAX_OTHERS);
  return others.length === 0 ? {} : { others };
}

const HOLD_PREFIX = 'hold';
const TOMBSTONE_PREFIX = 'tombstone';

/** Sort key of an item that changes with every write to the control partition; sorts before all its other items. */
const STATE = '!state';

export const stateKey = (home: HomeRegion | undefined) => ({ pk: controlPartitionOf(home), sk: STATE });

export const holdKey = (pk: string, home: HomeRegion | undefined) => ({
  pk: controlPartitionOf(home),
  sk: controlSortKey(HOLD_PREFIX, pk),
});

/** How long a discarded item is remembered: longer than a stream keeps the record of its insert. */
export const TOMBSTONE_SECONDS = 25 * 3600;

/** Remembers that an item was discarded, so that its record does not publish it. */
export const encodeTombstone = (identity: string, nowMs: number, home: HomeRegion | undefined) => ({
  pk: controlPartitionOf(home),
  sk: controlSortKey(TOMBSTONE_PREFIX, identity),
  identity,
  expiresAt: Math.ceil(nowMs / 1000) + TOMBSTONE_SECONDS,
});

/** The sort key of a long partition key is a hash, so the item also stores the key in full. */
type StoredHold = Omit<Hold, 'pk'> & { readonly pk: string; readonly sk: string; readonly key: string };

export const encodeHold = ({ pk: key, ...hold }: Hold, home: HomeRegion | undefined): StoredHold => ({
  ...holdKey(key, home),
  key,
  ...hold,
});

/** The state that the relay must read, after the records arrived, before it skips any item. */
export interface Control {
  /** Changes with every write to the control partition. */
  readonly revision: number;
  /** The stream that last invoked the relay; it changes if the table is restored or its stream recreated. */
  readonly streamArn?: string;
  /** The id of the outbox whose relay publishes this table; no other relay may publish it. */
  readonly owner?: string;
  /**
   * Epoch milliseconds since when a stream gap is suspected; unset while the stream is trusted. While it is set, the
   * items of a key are looked up in the table before its first record is published. Stored as `doubtSince`.
   */
  readonly gapSuspectedSince?: number;
  /**
   * Epoch milliseconds at which a relay last asked for a part of its batch again. For a minute, records are looked up
   * in the table before they are published, because another process may have published them.
   */
  readonly retriedAt?: number;
  /** By partition key. */
  readonly holds: ReadonlyMap<string, Hold>;
  /** Identities of discarded items. */
  readonly tombstones: ReadonlySet<string>;
}

/** Whether the stream of the table may have lost records, as the state item shows it. */
export type GapState = Pick<Control, 'streamArn' | 'gapSuspectedSince'>;

/** Decodes the items of the control partition, given as plain objects. Unknown items are ignored. */
export function decodeControl(items: readonly Record<string, unknown>[]): Control {
  let state: ControlState = { revision: 0 };
  const holds = new Map<string, Hold>();
  const tombstones = new Set<string>();
  for (const item of items) {
    const sk = String(item['sk']);
    if (sk === STATE) state = decodeState(item);
    else if (sk.startsWith(`${TOMBSTONE_PREFIX}#`)) tombstones.add(String(item['identity']));
    else if (sk.startsWith(`${HOLD_PREFIX}#`)) {
      // Only `encodeHold` writes items with this prefix.
      const hold = decodeHold(item as unknown as StoredHold);
      holds.set(hold.pk, hold);
    }
  }
  return { ...state, holds, tombstones };
}

type ControlState = Omit<Control, 'holds' | 'tombstones'>;

const decodeState = ({ revision, streamArn, owner, doubtSince, retriedAt }: Record<string, unknown>): ControlState => ({
  revision: Number(revision ?? 0),
  owner: typeof owner === 'string' ? owner : undefined,
  streamArn: typeof streamArn === 'string' ? streamArn : undefined,
  gapSuspectedSince: typeof doubtSince === 'number' ? doubtSince : undefined,
  retriedAt: typeof retriedAt === 'number' ? retriedAt : undefined,
});

const HOLD_FIELDS: Readonly<Record<Exclude<keyof Hold, 'pk'>, true>> = {
  position: true,
  id: true,
  revision: true,
  state: true,
  reason: true,
  message: true,
  attempts: true,
  since: true,
  awaits: true,
  headSeen: true,
  refused: true,
  others: true,
};

/** Reads only known fields: another version may store more. */
const decodeHold = ({ key: pk, ...stored }: StoredHold): Hold =>
  Object.fromEntries([
    ['pk', pk],
    ...Object.entries(stored).filter(([name]) => name in HOLD_FIELDS),
  ]) as unknown as Hold;

/** Whether the item at the position of a hold is the one that the key waits for. */
export const isHeldItem = ({ id }: AwaitedItem, stored: { readonly id?: string } | undefined): boolean =>
  stored !== undefined && (id === undefined || stored.id === id);

/**
 * Whether the key must not be released without its item. Unless the item was refused, two holds may be released without
 * it: one for a partition, and one of an unfinished drain that names no item.
 */
export const isRefused = ({ awaits, attempts, id, reason }: Hold): boolean =>
  attempts > 0 || (awaits === undefined && (id !== undefined || reason !== 'drain-unfinished'));

/** Why the awaited item of the key was refused, as far as its hold states it. */
export function refusalOf({ reason, message, refused }: Hold): ItemRefusal | undefined {
  const parkReason = PARK_REASONS.find((each) => each === reason);
  return parkReason === undefined ? refused : { reason: parkReason, message };
}

/** The hold of a key whose item was deleted. `known`: the hold with which a drain has begun. */
export const holdForGone = (known: Hold, item: AwaitedItem, message: string, revision: string): Hold => {
  const { pk, attempts, since, position } = known;
  const refused = item.position === position ? refusalOf(known) : undefined;
  return {
    ...{ pk, position: item.position, id: item.id, ...othersBehind(item.position, known) },
    ...{ state: 'holding', reason: ITEM_GONE, message, attempts, since, revision },
    ...(refused === undefined ? {} : { refused }),
  };
};

export const goneMessage = ({ position, id }: AwaitedItem): string =>
  `The item at ${shownPosition(position)} is gone${id === undefined ? '' : ` (event ${id})`}: it was deleted, and nothing shows that it was published. Restore it, or record the gap.`;

/** A partition for which keys are held. */
export interface UnavailablePartition extends AwaitedPartition {
  readonly name: string;
  /** Epoch milliseconds at which the first of these keys was held. */
  readonly since: number;
  readonly holds: readonly Hold[];
}

/** While keys are held for a partition, the relay sends nothing to it for this long after a failed send. */
export const PROBE_INTERVAL_MS = 10_000;

/** The partitions for which any of these holds waits, by name. */
export function unavailablePartitions(holds: Iterable<Hold>): ReadonlyMap<string, UnavailablePartition> {
  const waiting = [...holds].filter(({ awaits }) => awaits !== undefined);
  const byName = Map.groupBy(waiting, ({ awaits }) => (awaits === undefined ? '' : partitionName(awaits)));
  const partitions = new Map<string, UnavailablePartition>();
  for (const [name, ofPartition] of byName) {
    const [first] = ofPartition;
    if (first?.awaits === undefined) continue;
    const { topic, partition } = first.awaits;
    partitions.set(name, {
      topic,
      partition,
      name,
      failedAt: ofPartition.reduce((last, { awaits }) => Math.max(last, awaits?.failedAt ?? 0), 0),
      since: ofPartition.reduce((earliest, { since }) => Math.min(earliest, since), Infinity),
      holds: ofPartition,
    });
  }
  return partitions;
}

/** Whether the partition should be tried again. A future time comes from a wrong clock. */
export const isProbeDue = ({ failedAt }: AwaitedPartition, now: number): boolean =>
  Math.abs(now - failedAt) >= PROBE_INTERVAL_MS;

/**
 * The held key with which a partition is tried. Keys take turns by the clock: a key whose shard is stuck, or that
 * accepts no signal, must not block the others.
 */
export function probedHold({ holds }: UnavailablePartition, now: number): Hold | undefined {
  const waiting = holds.filter(({ state }) => state === 'holding').toSorted((a, b) => (a.pk < b.pk ? -1 : 1));
  return waiting[Math.floor(now / PROBE_INTERVAL_MS) % waiting.length];
}
