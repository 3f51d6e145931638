import type { AwaitedItem, Control, Hold, ParkReason } from '../event/control';
import type { Image, OutboxItem } from '../event/item';
import type { ItemStateName } from '../event/item-state';
import type { Message } from '../event/message';
import type { AwaitedPartition, TopicPartition } from '../event/partition-hold';
import type { Receipt } from '../event/receipt';
import type { DrainSignal, ReplaySignal, Signal, SkipSignal } from '../event/signal';

/** A failure as the relay reasons about it; adapters translate what their library throws into one of these. */
export type Failure = Outage | Poison;

/** Concerns everything (broker away, throttled): burns nothing, the shard waits. */
export interface Outage {
  readonly kind: 'outage';
  readonly message: string;
  readonly cause?: unknown;
  /** The topic that was asked for or written to, if the failure is known to concern one. */
  readonly topic?: string;
  /** The partition of `topic` that could not be written. Set only together with `topic`. */
  readonly partition?: number;
}

/** Concerns what was sent and would repeat for ever. */
export interface Poison {
  readonly kind: 'poison';
  readonly reason: ParkReason;
  readonly message: string;
  readonly cause?: unknown;
}

/** A topic's partition count, or why it has none. */
export type TopicLookup = { readonly kind: 'topic'; readonly partitions: number } | Failure;

/** Messages for one partition, in order; Kafka stores them as one batch: all or nothing. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
}

/** `baseOffset` is the offset of the first message; the others follow without a gap. */
export type BatchOutcome = { readonly kind: 'acked'; readonly baseOffset: bigint } | Failure;

export interface Publisher {
  /** How many partitions a topic has, from metadata no older than a few minutes. */
  partitionCount(topic: string): Promise<TopicLookup>;
  /** The same, if it is known without asking the brokers. */
  knownPartitionCount?(topic: string): number | undefined;
  /**
   * Publishes every batch and answers each, in the order given; at most one batch per (topic, partition). Never
   * rejects. `acked` only when the broker named this batch's partition in its answer.
   */
  publish(batches: readonly PartitionBatch[]): Promise<readonly BatchOutcome[]>;
  /**
   * Whether a partition other than this one, of any topic the publisher knows, has a leader and another replica in
   * sync, if it has any. Asks the brokers again each time, within a few seconds. `false` also when the brokers do not
   * answer; never rejects. A publisher without it cannot tell: no key is held unless another partition acknowledges.
   */
  otherPartitionsInSync?(topic: string, partition: number): Promise<boolean>;
}

/** An acknowledged item: one receipt per event. */
export interface Mark {
  readonly pk: string;
  readonly sk: string;
  readonly id: string;
  readonly receipts: readonly Receipt[];
}

/** One write of one item. */
export interface ItemIdentity {
  readonly pk: string;
  readonly sk: string;
  /** Left out for an undecodable item that has none. */
  readonly id?: string;
}

export interface ItemStore {
  /**
   * Records the receipts and the expiry of each item (or deletes it, with a retention of zero or when it has no room for
   * them), unless it is gone or was replaced under its position. Returns the marks that were not written within
   * `timeLimitMs`, with the cause; never rejects.
   */
  mark(marks: readonly Mark[], timeLimitMs: number): Promise<ReadonlyMap<Mark, unknown>>;
  /**
   * Notes the receipts of an item's first events, while later ones could not be written, so that no other process
   * publishes the first ones again. The item stays open; one that is processed, gone or replaced is left alone. Answers
   * as `mark` does. A store without it costs duplicates.
   */
  noteReceipts?(marks: readonly Mark[], timeLimitMs: number): Promise<ReadonlyMap<Mark, unknown>>;
  /**
   * Parks an item and holds its key in one transaction. `gone`: it was processed, discarded or deleted meanwhile, so
   * nothing was written and nothing is owed. Rejects when the outcome is unknown.
   */
  park(parking: Parking): Promise<{ readonly kind: 'parked'; readonly hold: Hold } | { readonly kind: 'gone' }>;
  /**
   * Holds a key at an item whose partition takes no writes, as `park` does, but notes nothing on the item and counts no
   * attempt. `gone` and rejections mean what they mean for `park`.
   */
  holdForPartition(
    request: PartitionHoldRequest,
  ): Promise<{ readonly kind: 'held'; readonly hold: Hold } | { readonly kind: 'gone' }>;
  /**
   * Counts an attempt on an item that may kill the process, before it is made. Answers how many were counted since the
   * count was last cleared, this one included; 0 when the item is gone, replaced, processed or discarded, or too full to
   * take a count.
   */
  countStart(item: ItemIdentity): Promise<number>;
  /** Takes the counts back, because the invocation ended in order. */
  clearStarts(items: readonly ItemIdentity[]): Promise<void>;
}

export interface Parking extends ItemIdentity {
  readonly reason: ParkReason;
  readonly message: string;
  /** The key's hold as the invocation knows it. */
  readonly hold?: Hold;
  /** Refusals before this one. */
  readonly attempts: number;
  /** Epoch milliseconds of the first refusal; left out for the first. */
  readonly since?: number;
  /** Everything before the item is settled, so that a hold at an earlier position moves to this one. */
  readonly isHead: boolean;
}

export interface PartitionHoldRequest extends ItemIdentity {
  readonly awaits: AwaitedPartition;
  /** What the broker answered. */
  readonly message: string;
  /** The key's hold as the invocation knows it. */
  readonly hold?: Hold;
  /** As in {@link Parking}. */
  readonly isHead: boolean;
}

/** Reads the items of one key, strongly consistent; signals are not among them. */
export interface KeyReader {
  /**
   * Walks back from `upTo` to the newest processed item and answers the position of the earliest open one after it, at
   * or before `upTo`; `undefined` when there is none. Discarded items are stepped over: they prove nothing.
   */
  earliestOpen(pk: string, upTo: string): Promise<string | undefined>;
  /** The items from `from` on, in order, page by page, whatever their state. */
  pages(pk: string, from: string): AsyncIterable<readonly Image[]>;
  /**
   * The items at these positions, by `positionKey`; absent ones are left out. Rejects with `PositionsUnread` when some
   * could be read and others not.
   */
  lookUp(positions: readonly Position[]): Promise<ReadonlyMap<string, StoredItem>>;
  /**
   * The same by a read that tells an absent item from one that is not visible yet: `unfinished` are the positions that a
   * transaction in progress is about to write. A transaction one of whose items is visible is at least in progress.
   * Rejects as `lookUp` does.
   */
  lookUpTransacted(
    positions: readonly Position[],
  ): Promise<{ readonly stored: ReadonlyMap<string, StoredItem>; readonly unfinished: ReadonlySet<string> }>;
}

export interface Position {
  readonly pk: string;
  readonly sk: string;
}

export const positionKey = (pk: string, sk: string): string => `${pk}\n${sk}`;

/** What a look-up reads of an item. */
export interface StoredItem {
  readonly state: ItemStateName;
  readonly id?: string;
  /** Of its first events, if these are published and the others not yet. */
  readonly receipts?: readonly Receipt[];
  /** The region that wrote it, on a table with replicas. */
  readonly region?: string;
}

/**
 * Why records are looked up in the table. `late`: the stream may have dropped others before them. `doubt`: a gap of the
 * stream is suspected. `redelivered`: another process may have published them.
 */
export type LookBackReason = 'late' | 'doubt' | 'redelivered';

export interface ControlStore {
  /** Strongly consistent: a hold written before the call is in the answer. */
  read(): Promise<Control>;
  /**
   * Notes that the relay was invoked by `streamArn`, which is not the stream in `known`. Begins the doubt, unless no
   * stream was known before. Answers what the state is afterwards.
   */
  noteStream(known: Control, streamArn: string): Promise<Pick<Control, 'streamArn' | 'doubtSince'>>;
  /**
   * Notes that an invocation has published a part of its batch and asks for the rest again, which may be given to any
   * process. A store without it costs duplicates.
   */
  noteRetry?(): Promise<void>;
  /** Makes `owner` the owner of a table that has none. Answers who owns it afterwards. */
  claim(owner: string): Promise<string | undefined>;
}

/**
 * The writes around a drain. Each is one transaction and conditional on the revision of the hold, which it renews:
 * neither a second run nor a relay that was frozen meanwhile can end what another has begun.
 */
export interface DrainStore {
  /**
   * Puts the key's hold, as it is now and not as it was read before, into `draining`: who reads the key's items after
   * that sees everything whose record was left out before. Answers the new hold; `undefined` when the key has none.
   */
  begin(pk: string, known: Hold | undefined): Promise<Hold | undefined>;
  /**
   * Leaves the key `holding` at `item` with the reason `item-gone`: that is not in the table, and nothing shows that it was published. `superseded`: another relay has begun since, and nothing was written.
   */
  keepForGone(
    hold: Hold,
    item: AwaitedItem,
    message: string,
  ): Promise<{ readonly kind: 'held'; readonly hold: Hold } | { readonly kind: 'superseded' }>;
  /**
   * Discards the refused item that the signal names, when it is the one that holds its key: item, tombstone and hold
   * (which begins to drain) in one. An item without room for the note of it is deleted. `nothing`: the item is processed, discarded, gone or replaced, was never refused, or
   * does not hold its key, and nothing was written.
   *
   * If the signal says that the item is gone, a record of the gap takes its place; if another item has its position, that
   * one gets the note and is drained. `nothing`: the item is in the table.
   */
  discard(
    signal: SkipSignal,
    known: Hold | undefined,
  ): Promise<{ readonly kind: 'discarded'; readonly hold: Hold } | { readonly kind: 'nothing' }>;
  /** Removes the hold of a key that is drained, if there is one. `superseded`: another relay has begun since. */
  finish(pk: string, hold: Hold | undefined): Promise<'finished' | 'superseded'>;
  /**
   * Leaves the key `draining` from the successor's position on, and puts the successor, for a later invocation.
   *
   * @param id - of the item at that position
   */
  postpone(
    hold: Hold | undefined,
    successor: DrainSignal,
    id?: string,
  ): Promise<{ readonly kind: 'postponed'; readonly hold: Hold } | { readonly kind: 'superseded' }>;
}

export type StoredSignal = Pick<Signal, 'pk' | 'sk' | 'storedUnder'>;

export interface SignalStore {
  /** Puts a new signal, which invokes the relay: of its key's shard, or of another one when its collection is full. */
  send(signal: DrainSignal): Promise<void>;
  /** Deletes signals that were acted on. */
  remove(signals: readonly StoredSignal[]): Promise<void>;
  /** Notes on a signal why it will not be acted on; it stays visible, and nobody acts on it again. */
  setAside(signal: StoredSignal, why: string): Promise<void>;
  /** The signal as the table holds it; `undefined` when it is gone. Strongly consistent. */
  find(signal: StoredSignal): Promise<Signal | undefined>;
  /**
   * Notes on a replay that everything before `from` is published, so that a later delivery of its record goes on there.
   * Never moves it back. `gone`: another signal has taken its place, or it is done.
   */
  advance(signal: ReplaySignal, from: string): Promise<'noted' | 'gone'>;
  /** Puts the rest of a replay in the place of what was done of it, unless that is gone. */
  succeed(signal: ReplaySignal, successor: ReplaySignal): Promise<void>;
}

/**
 * `done`: nothing of the key waits. `held`: an item was refused again and the key stays held. `postponed`: time ran
 * out, a later invocation goes on. `failed`: the record is delivered again.
 */
export type DrainOutcome = 'done' | 'held' | 'postponed' | 'failed';

export interface Clock {
  now(): number;
}

/** What the relay tells the outside about its work. Implementations must not throw. */
export interface Telemetry {
  /** An invocation begins with `records` stream records. */
  received(records: number): void;
  /** `latencyMs`: from `committedAt` to the broker's acknowledgement, one value per event. */
  published(done: { readonly bytes: number; readonly latencyMs: readonly number[] }): void;
  /** An item known to be acknowledged or discarded was not sent again. */
  duplicateSkipped(item: Pick<OutboxItem, 'pk' | 'sk' | 'id'>): void;
  /** An item waits behind its key's hold. */
  heldBack(item: Pick<OutboxItem, 'pk' | 'sk'>, hold: Hold): void;
  parked(parking: Parking): void;
  breakerOpen(parking: Parking, recentHolds: number): void;
  markFailed(mark: Mark, cause: unknown): void;
  /** `partitions`: those that took no writes; `since`: for how long, in epoch milliseconds, as this process knows. */
  outage(failure: {
    readonly message: string;
    readonly cause?: unknown;
    readonly partitions?: readonly TopicPartition[];
    readonly since?: number;
  }): void;
  /** Keys were held, because a partition alone takes no writes. */
  heldForPartition(partition: AwaitedPartition, keys: number): void;
  /** Keys are held for partitions that take no writes: how many there are, once an invocation while there are any. */
  waitingForPartitions(partitions: readonly TopicPartition[], keys: number): void;
  /** A partition takes writes again: the keys that were held for it are asked to be drained. */
  partitionRecovered(partition: TopicPartition, keys: number): void;
  /** A call for one key failed: its records are delivered again, and the other keys go on. */
  keyFailed(pk: string, failure: { readonly message: string; readonly cause?: unknown }): void;
  producerRebuilt(cause: unknown): void;
  /** A signal that cannot be acted on; it stays in the table. */
  signalSetAside(signal: { readonly pk: string; readonly sk: string }, why: string): void;
  /** So many keys were looked up in the table before they were published, or records when they are `redelivered`. */
  lookedBack(reason: LookBackReason, count: number): void;
  drained(drain: {
    readonly pk: string;
    readonly outcome: DrainOutcome;
    readonly published: number;
    readonly signals: readonly Signal[];
  }): void;
  discarded(signal: SkipSignal): void;
  replayed(signal: ReplaySignal, items: number): void;
  /** The process has died on this item before. */
  suspectStarted(item: ItemIdentity, starts: number): void;
  /** With strict order: a record waits for the item before it. */
  predecessorMissing(item: Pick<OutboxItem, 'pk' | 'sk'>): void;
  /** The stream is another one than before: the relay doubts that it has seen everything. */
  streamChanged(from: string | undefined, to: string): void;
  /** `failedFrom`: the sequence number from which Lambda will deliver again, when there is one. */
  finished(done: { readonly failedFrom?: string }): void;
}

/** All that the relay works with. */
export interface RelayPorts {
  readonly publisher: Publisher;
  readonly items: ItemStore;
  readonly keys: KeyReader;
  readonly control: ControlStore;
  readonly drains: DrainStore;
  readonly signals: SignalStore;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}
