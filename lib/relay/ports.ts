import type { AwaitedItem, Control, GapState, Hold, ParkReason } from '../event/control';
import type { ItemKey, ItemRef } from '../event/item';
import type { ItemStateName } from '../event/item-state';
import type { Message } from '../event/message';
import type { AwaitedPartition, TopicPartition } from '../event/topic-partition';
import type { Receipt } from '../event/receipt';
import type { DrainSignal, ReplaySignal, Signal, SkipSignal } from '../event/signal';
import type { DecodedItem } from './record';

/** A failure in the relay's terms; adapters translate each error of their library into one. */
export type Failure = Outage | Poison;

/** A failure that may pass, such as an unavailable broker: nothing is parked, and the records wait. */
export interface Outage {
  readonly kind: 'outage';
  readonly message: string;
  readonly cause?: unknown;
  /** The topic of the lookup or the send, if the failure is known to concern one. */
  readonly topic?: string;
  /** The partition of `topic` that could not be written; set only together with `topic`. */
  readonly partition?: number;
}

/** A failure of the sent content, which every retry would repeat. */
export interface Poison {
  readonly kind: 'poison';
  readonly reason: ParkReason;
  readonly message: string;
  readonly cause?: unknown;
}

/** A refusal of the topic, not of one message. kafkajs may report it for another topic that the producer knows. */
export const concernsTopic = (failure: Failure): failure is Poison =>
  failure.kind === 'poison' && (failure.reason === 'unknown-topic' || failure.reason === 'topic-not-authorized');

/** A refusal of the messages: the broker has written none of them and never will. */
export const concernsMessages = (failure: Failure): failure is Poison =>
  failure.kind === 'poison' && !concernsTopic(failure);

export type TopicLookup = { readonly kind: 'topic'; readonly partitions: number } | Failure;

/** Messages for one partition, in order. Kafka stores all of them as one batch, or none. */
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
  /** The same without a request to the brokers; `undefined` if the publisher does not know it. */
  knownPartitionCount?(topic: string): number | undefined;
  /**
   * Publishes every batch and returns one outcome per batch, in the order given. Takes at most one batch per (topic,
   * partition). Never rejects. An outcome is `acked` only if the broker's answer names the partition of this batch.
   */
  publish(batches: readonly PartitionBatch[]): Promise<readonly BatchOutcome[]>;
  /**
   * Whether any other partition of any topic that the publisher knows has a leader and at least one more replica in
   * sync, if it has any. Each call asks the brokers, within a few seconds. Returns `false` also if no broker answers;
   * never rejects.
   */
  otherPartitionsInSync(topic: string, partition: number): Promise<boolean>;
}

/** An acknowledged item, with one receipt per event. */
export interface Mark extends Required<ItemRef> {
  readonly receipts: readonly Receipt[];
}

/** Why nothing was written: the item was processed, discarded or deleted meanwhile, and nothing is owed. */
interface Gone {
  readonly kind: 'gone';
}

/** Why nothing was written: another relay has begun a drain since. */
interface Superseded {
  readonly kind: 'superseded';
}

/** The hold of a key after a write. */
interface HoldWritten<Kind extends string> {
  readonly kind: Kind;
  readonly hold: Hold;
}

export interface ItemStore {
  /**
   * Records receipts and expiry of each item. Deletes the item instead if the retention is zero or the item has no room
   * for them. Leaves an item alone that is gone or was replaced at its position. Returns the marks that were not
   * written within `timeLimitMs`, each with its cause; never rejects.
   */
  mark(marks: readonly Mark[], timeLimitMs: number): Promise<ReadonlyMap<Mark, unknown>>;
  /**
   * Records the receipts of an item's first events while its later events cannot be written, so that no other process
   * publishes the first ones again. The item stays open. A processed, gone or replaced item is left alone. Returns
   * failures as `mark` does. Without this method, a retry publishes duplicates.
   */
  noteReceipts?(marks: readonly Mark[], timeLimitMs: number): Promise<ReadonlyMap<Mark, unknown>>;
  /** Parks an item and holds its key in one transaction. Rejects when the outcome is unknown. */
  park(request: ParkRequest): Promise<HoldWritten<'parked'> | Gone>;
  /**
   * Holds a key at an item whose partition accepts no writes. Unlike `park`, writes nothing to the item and counts no
   * attempt. Rejects when the outcome is unknown.
   */
  holdForPartition(request: PartitionHoldRequest): Promise<HoldWritten<'held'> | Gone>;
  /**
   * Counts an attempt on an item that may kill the process, before the attempt begins. Returns the attempts since the
   * count was last cleared, this one included. Returns 0 when the item is gone, replaced, processed, discarded, or too
   * full for a count.
   */
  countAttempt(item: ItemRef): Promise<number>;
  /** Clears the counts, because the invocation ended normally. */
  clearAttempts(items: readonly ItemRef[]): Promise<void>;
}

interface HoldRequest extends ItemRef {
  /** The broker's error, or why the item cannot be sent. */
  readonly message: string;
  /** The key's hold as the invocation knows it. */
  readonly hold?: Hold;
  /** Whether every earlier item of the key is settled, so that a hold at an earlier position moves to this one. */
  readonly isHead: boolean;
  /**
   * With `isHead`: the revision of the hold under which the key is drained. The hold of another revision does not move
   * to a later position: another relay wrote it meanwhile, for an item that this drain has not settled.
   */
  readonly drainedUnder?: string;
}

export interface ParkRequest extends HoldRequest {
  readonly reason: ParkReason;
  /** Number of earlier refusals. */
  readonly attempts: number;
  /** Epoch milliseconds of the first refusal; left out if this is the first. */
  readonly since?: number;
}

export interface PartitionHoldRequest extends HoldRequest {
  readonly awaits: AwaitedPartition;
}

/** Reads the items of one key, strongly consistent; leaves out signals. */
export interface KeyReader {
  /**
   * Reads backwards from `upTo` to the newest processed item. Returns the position of the earliest open item after it,
   * at or before `upTo`; `undefined` if there is none. Skips discarded items, which prove nothing.
   */
  earliestOpen(pk: string, upTo: string): Promise<string | undefined>;
  /** The items from position `from` on, in order, page by page, in any state. */
  pages(pk: string, from: string): AsyncIterable<readonly StoredItem[]>;
  /**
   * The items at these positions, by `positionKey`; absent items are left out. Rejects with `PositionsUnread` if only
   * some positions could be read.
   */
  lookUp(positions: readonly ItemKey[]): Promise<ReadonlyMap<string, StoredState>>;
  /**
   * As `lookUp`, by a read that distinguishes an absent item from one that is not visible yet. `unfinished` holds the
   * positions that a transaction in progress is about to write. If one item of a transaction is visible, that
   * transaction is at least in progress. Rejects as `lookUp` does.
   */
  lookUpTransacted(
    positions: readonly ItemKey[],
  ): Promise<{ readonly stored: ReadonlyMap<string, StoredState>; readonly unfinished: ReadonlySet<string> }>;
}

/** The part of an item that a lookup reads. */
export interface StoredState {
  readonly state: ItemStateName;
  readonly id?: string;
  /** Receipts of its first events, if these are published and the later ones are not. */
  readonly receipts?: readonly Receipt[];
  /** The region that wrote the item; set on a table with replicas. */
  readonly region?: string;
}

export interface StoredItem extends StoredState, ItemKey {
  readonly content: DecodedItem;
  /** Earlier refusals of the item: their number, and the epoch milliseconds of the first. */
  readonly refusals: { readonly attempts: number; readonly since?: number };
}

/**
 * Why the relay looks records up in the table. `late`: the stream may have dropped earlier records. `gap-suspected`: the
 * stream may have lost records. `redelivered`: another process may have published the records.
 */
export type LookUpReason = 'late' | 'gap-suspected' | 'redelivered';

export interface ControlStore {
  /** Strongly consistent: the result contains every hold that was written before the call. */
  read(): Promise<Control>;
  /**
   * Records that `streamArn` invoked the relay, which differs from the stream in `known`. Sets the gap suspicion unless
   * no stream was known before. Returns the resulting state.
   */
  noteStream(known: Control, streamArn: string): Promise<GapState>;
  /**
   * Records that an invocation published a part of its batch and asks for the rest again; Lambda may give the rest to
   * any process. Without this method, the other process publishes duplicates.
   */
  noteRetry?(): Promise<void>;
  /** Makes `owner` the owner of a table without an owner. Returns the owner after the call. */
  claim(owner: string): Promise<string | undefined>;
}

/**
 * The writes around a drain. Each is one transaction, conditional on the hold's revision, and renews that revision.
 * Neither a second run nor a relay that was frozen meanwhile can end a drain that another relay began.
 */
export interface DrainStore {
  /**
   * Sets the current hold of the key to `draining`, even if it has changed since `known`. A later read of the key shows
   * every item whose record was skipped before. Returns the new hold; `undefined` if the key has none.
   */
  begin(pk: string, known: Hold | undefined): Promise<Hold | undefined>;
  /**
   * Leaves the key `holding` at `item` with the reason `item-gone`: the item is not in the table, and nothing shows
   * that it was published.
   */
  keepForGone(hold: Hold, item: AwaitedItem, message: string): Promise<HoldWritten<'held'> | Superseded>;
  /**
   * Discards the refused item that the signal names, if that item holds its key. One transaction writes the item, the
   * tombstone and the hold, which becomes `draining`. An item without room for the note is deleted. `nothing`: the item
   * is processed, discarded, gone or replaced, was never refused, or does not hold its key; nothing was written.
   *
   * If the signal says that the item is gone, a record of the gap takes its place; another item at its position gets
   * the note and is drained. `nothing`: the item is in the table, or does not hold its key.
   */
  discard(
    signal: SkipSignal,
    known: Hold | undefined,
  ): Promise<HoldWritten<'discarded'> | { readonly kind: 'nothing' }>;
  /** Removes the hold of a drained key, if there is one. */
  finish(pk: string, hold: Hold | undefined): Promise<'finished' | 'superseded'>;
  /**
   * Leaves the key `draining` from the successor's position on, and writes the successor for a later invocation.
   *
   * @param id - id of the item at that position
   */
  postpone(hold: Hold | undefined, successor: DrainSignal, id?: string): Promise<HoldWritten<'postponed'> | Superseded>;
}

export type StoredSignal = Pick<Signal, 'pk' | 'sk' | 'storedUnder'>;

export interface SignalStore {
  /** Writes a new signal, which invokes the relay by the key's shard, or by another if its collection is full. */
  send(signal: DrainSignal): Promise<void>;
  /** Deletes signals that were acted on. */
  remove(signals: readonly StoredSignal[]): Promise<void>;
  /** Records on a signal why the relay does not act on it. The signal stays in the table and is not acted on again. */
  markUnprocessable(signal: StoredSignal, why: string): Promise<void>;
  /** The signal as stored in the table; `undefined` if it is gone. Strongly consistent. */
  find(signal: StoredSignal): Promise<Signal | undefined>;
  /**
   * Records on a replay that everything before `from` is published, so that a later delivery of its record resumes
   * there. Never moves the position back. `gone`: another signal has taken its place, or the replay is done.
   */
  advance(signal: ReplaySignal, from: string): Promise<'noted' | 'gone'>;
  /** Replaces a replay by the signal for its remaining part, unless the replay is gone. */
  succeed(signal: ReplaySignal, successor: ReplaySignal): Promise<void>;
}

/**
 * `done`: no item of the key waits. `held`: an item was refused again and the key stays held. `postponed`: time ran
 * out, and a later invocation resumes. `failed`: the record is delivered again.
 */
export type DrainOutcome = 'done' | 'held' | 'postponed' | 'failed';

export interface Clock {
  now(): number;
}

/** Receives the relay's events for logs and metrics. Implementations must not throw. */
export interface Telemetry {
  received(records: number): void;
  /** `latencyMs`: milliseconds from `committedAt` to the broker's acknowledgement, one value per event. */
  published(done: { readonly bytes: number; readonly latencyMs: readonly number[] }): void;
  /** The relay skipped an item that is known to be acknowledged or discarded. */
  duplicateSkipped(item: ItemRef): void;
  heldBack(item: ItemKey, hold: Hold): void;
  parked(request: ParkRequest): void;
  breakerOpen(request: ParkRequest, recentHolds: number): void;
  markFailed(mark: Mark, cause: unknown): void;
  /** `partitions`: those that accepted no writes. `since`: epoch milliseconds of the first known failure. */
  outage(failure: {
    readonly message: string;
    readonly cause?: unknown;
    readonly partitions?: readonly TopicPartition[];
    readonly since?: number;
  }): void;
  /** Keys were held because only their partition accepts no writes. */
  heldForPartition(partition: AwaitedPartition, keys: number): void;
  /** `keys` keys are held for partitions that accept no writes; reported once per invocation while there are any. */
  waitingForPartitions(partitions: readonly TopicPartition[], keys: number): void;
  /** A partition accepts writes again, and the relay requested drains of the keys that were held for it. */
  partitionRecovered(partition: TopicPartition, keys: number): void;
  /** A call for one key failed: its records are delivered again, and the relay continues with other keys. */
  keyFailed(pk: string, failure: { readonly message: string; readonly cause?: unknown }): void;
  producerRebuilt(cause: unknown): void;
  /** The relay cannot act on a signal; the signal stays in the table. */
  signalUnprocessable(signal: ItemKey, why: string): void;
  /** `count` keys were looked up before they were published; with `redelivered`, it counts records. */
  lookedUp(reason: LookUpReason, count: number): void;
  drained(drain: {
    readonly pk: string;
    readonly outcome: DrainOutcome;
    readonly published: number;
    readonly signals: readonly Signal[];
  }): void;
  discarded(signal: SkipSignal): void;
  replayed(signal: ReplaySignal, items: number): void;
  attemptAfterCrash(item: ItemRef, attemptsStarted: number): void;
  /** With strict order, a record waits for the item before it. */
  predecessorMissing(item: ItemKey): void;
  /** The stream differs from the one before: a stream gap is suspected. */
  streamChanged(from: string | undefined, to: string): void;
  /** `failedFrom`: the sequence number from which Lambda delivers again, if any. */
  finished(done: { readonly failedFrom?: string }): void;
}

export interface RelayPorts {
  readonly publisher: Publisher;
  readonly items: ItemStore;
  readonly keys: KeyReader;
  readonly control: ControlStore;
  readonly drains: DrainStore;
  readonly signals: SignalStore;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /**
   * Resolves in a later turn of the event loop: requests that were started have left the process, and work that was
   * released has begun. Without this function, the relay continues at once.
   */
  readonly nextTurn?: () => Promise<void>;
}
