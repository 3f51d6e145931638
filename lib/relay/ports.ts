import type { Control, Hold, ParkReason } from '../event/control';
import type { OutboxItem } from '../event/item';
import type { Message } from '../event/message';
import type { Receipt } from '../event/receipt';

/** A failure as the relay reasons about it; adapters translate what their library throws into one of these. */
export type Failure = Outage | Poison;

/** Concerns everything (broker away, throttled): burns nothing, the shard waits. */
export interface Outage {
  readonly kind: 'outage';
  readonly message: string;
  readonly cause?: unknown;
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
  /**
   * Publishes every batch and answers each, in the order given; at most one batch per (topic, partition). Never
   * rejects. `acked` only when the broker named this batch's partition in its answer.
   */
  publish(batches: readonly PartitionBatch[]): Promise<readonly BatchOutcome[]>;
}

/** An acknowledged item: one receipt per event. */
export interface Mark {
  readonly pk: string;
  readonly sk: string;
  readonly id: string;
  readonly receipts: readonly Receipt[];
}

export interface ItemStore {
  /**
   * Records the receipts and the expiry of each item (or deletes it, with a retention of zero), unless it is gone, was
   * replaced under its position, or has them already. Answers what could not be marked; never rejects.
   */
  mark(marks: readonly Mark[]): Promise<ReadonlyMap<Mark, unknown>>;
  /**
   * Parks an item and holds its key in one transaction. `gone`: it was processed, discarded or deleted meanwhile, so
   * nothing was written and nothing is owed. Rejects when the outcome is unknown.
   */
  park(parking: Parking): Promise<{ readonly kind: 'parked'; readonly hold: Hold } | { readonly kind: 'gone' }>;
}

export interface Parking {
  readonly pk: string;
  readonly sk: string;
  /** Left out for an undecodable item, whose id cannot be trusted. */
  readonly id?: string;
  readonly reason: ParkReason;
  readonly message: string;
  /** The key's hold as the invocation knows it. */
  readonly hold?: Hold;
}

export interface ControlStore {
  /** Strongly consistent: a hold written before the call is in the answer. */
  read(): Promise<Control>;
}

export interface Clock {
  now(): number;
}

/** What the relay tells the outside about its work. Implementations must not throw. */
export interface Telemetry {
  /** An invocation begins with `records` stream records. */
  received(records: number): void;
  /** `latencyMs`: from `committedAt` to the broker's acknowledgement, one value per item. */
  published(done: { readonly events: number; readonly bytes: number; readonly latencyMs: readonly number[] }): void;
  /** An item known to be acknowledged or discarded was not sent again. */
  duplicateSkipped(item: Pick<OutboxItem, 'pk' | 'sk' | 'id'>): void;
  /** An item waits behind its key's hold. */
  heldBack(item: Pick<OutboxItem, 'pk' | 'sk'>, hold: Hold): void;
  parked(parking: Parking): void;
  breakerOpen(parking: Parking, recentHolds: number): void;
  markFailed(mark: Mark, cause: unknown): void;
  outage(failure: { readonly message: string; readonly cause?: unknown }): void;
  producerRebuilt(cause: unknown): void;
  /** A record that this relay does not know how to act on; its item stays in the table. */
  unknownRecord(record: { readonly pk: string; readonly sk: string }): void;
  /** `failedFrom`: the sequence number from which Lambda will deliver again, when there is one. */
  finished(done: { readonly failedFrom?: string }): void;
}
