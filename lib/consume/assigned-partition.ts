import type { TopicPartition } from '../event/topic-partition';
import { OffsetTracker } from './offsets';
import { Semaphore } from './semaphore';

export interface PartitionLimits {
  /** How many keys are processed at the same time. */
  readonly concurrency: number;
  /** How many messages may be unfinished before no more are fetched. */
  readonly maxBuffered: number;
  /** How many messages may be kept behind an unfinished one, finished or not: a crash delivers so many again. */
  readonly maxUncommitted: number;
}

/** A partition from its assignment to this consumer to the next rebalance. */
export class AssignedPartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly semaphore: Semaphore;
  readonly offsets = new OffsetTracker();
  isPaused = false;
  readonly #limits: PartitionLimits;
  readonly #end = new AbortController();
  #buffered = 0;
  #bufferedBytes = 0;
  #committed: bigint | undefined;
  #firstBegun: bigint | undefined;
  #lastBegun: bigint | undefined;

  constructor({ topic, partition }: TopicPartition, limits: PartitionLimits) {
    this.topic = topic;
    this.partition = partition;
    this.semaphore = new Semaphore(limits.concurrency);
    this.#limits = limits;
  }

  /** Aborted when the partition no longer belongs to this consumer, or when the consumer ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Lets messages in progress finish, and leaves those that wait. */
  end(): void {
    this.#end.abort();
  }

  /** Whether messages that have begun here are delivered again: another assignment must take them. */
  isBehind(offset: bigint): boolean {
    return this.#lastBegun !== undefined && offset <= this.#lastBegun;
  }

  begin(offset: bigint): void {
    this.#firstBegun ??= offset;
    this.#lastBegun = offset;
    this.offsets.begin(offset);
  }

  /** A message is in memory until `unbuffer`, finished or not. */
  buffer(bytes: number): void {
    this.#buffered++;
    this.#bufferedBytes += bytes;
  }

  unbuffer(bytes: number): void {
    this.#buffered--;
    this.#bufferedBytes -= bytes;
  }

  get isBuffering(): boolean {
    return this.#buffered > 0;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get isFull(): boolean {
    return this.offsets.unfinished >= this.#limits.maxBuffered || this.offsets.kept >= this.#limits.maxUncommitted;
  }

  /** At most half full, so that a partition is not paused and resumed for each message. */
  get hasRoom(): boolean {
    return this.offsets.unfinished <= this.#limits.maxBuffered / 2 && this.offsets.kept < this.#limits.maxUncommitted;
  }

  /** The offset to commit, if it is new. At first that of the assignment: without one, a group would start over. */
  get uncommitted(): bigint | undefined {
    const committable = this.offsets.committable ?? this.#firstBegun;
    return committable === this.#committed ? undefined : committable;
  }

  /** @param offset - `undefined` if the committed offset is unknown */
  committed(offset: bigint | undefined): void {
    this.#committed = offset;
  }
}
