import { firstIndex } from '../../lib/testing/dynamodb/sorted-list';

/** A record of a stream. The images are JSON. */
export interface StreamRecord {
  /** Ascending in the stream. */
  readonly sequence: number;
  readonly createdAtMs: number;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly keys: string;
  readonly newImage: string | undefined;
  readonly oldImage: string | undefined;
  /** The size of keys and images as DynamoDB counts it. */
  readonly bytes: number;
  /** Whether DynamoDB itself deleted the item, because it expired. */
  readonly isExpiry: boolean;
}

/** A part of all hash values, which are at least 0 and below 1. */
export interface HashRange {
  readonly from: number;
  readonly to: number;
}

/** Limits of GetRecords: its API reference. */
const MAX_BYTES = 1024 * 1024;

/** The records of the items whose hashes lie in a range, in order, until the shard is closed. */
export class Shard {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly range: HashRange;
  readonly startingSequence: number;
  #endingSequence: number | undefined;
  #closedAtMs = 0;
  #records: StreamRecord[] = [];
  /** The number of records that were dropped. */
  #dropped = 0;

  constructor(id: string, range: HashRange, startingSequence: number, parentId?: string) {
    this.id = id;
    this.range = range;
    this.startingSequence = startingSequence;
    this.parentId = parentId;
  }

  get isOpen(): boolean {
    return this.#endingSequence === undefined;
  }

  /** Set as soon as the shard is closed. */
  get endingSequence(): number | undefined {
    return this.#endingSequence;
  }

  /** The number of records that are not dropped. */
  get size(): number {
    return this.#records.length;
  }

  /** The position of the oldest record. Positions count all records, those that were dropped too. */
  get first(): number {
    return this.#dropped;
  }

  /** The position behind the newest record. */
  get end(): number {
    return this.#dropped + this.#records.length;
  }

  append(record: StreamRecord): void {
    this.#records.push(record);
  }

  close(endingSequence: number, nowMs: number): void {
    if (!this.isOpen) return;
    this.#endingSequence = endingSequence;
    this.#closedAtMs = nowMs;
  }

  /** The records from a position on: at most `limit`, and at most 1 MB. */
  read(position: number, limit: number): readonly StreamRecord[] {
    const start = position - this.#dropped;
    const page = this.#records.slice(start, start + limit);
    let bytes = 0;
    const end = page.findIndex((record) => (bytes += record.bytes) > MAX_BYTES);
    return end === -1 ? page : page.slice(0, Math.max(1, end));
  }

  /** The position of the first record whose sequence number is at least this one. */
  positionOf(sequence: number): number {
    return this.#dropped + firstIndex(this.#records.length, (at) => (this.#records[at]?.sequence ?? 0) >= sequence);
  }

  /** The sequence number of the last dropped record, if one was dropped. */
  droppedSequence = 0;

  /** Drops the records that were created before. Returns their number. */
  trim(beforeMs: number): number {
    const kept = this.#records.findIndex(({ createdAtMs }) => createdAtMs >= beforeMs);
    const count = kept === -1 ? this.#records.length : kept;
    if (count === 0) return 0;
    this.droppedSequence = this.#records[count - 1]?.sequence ?? 0;
    this.#records = this.#records.slice(count);
    this.#dropped += count;
    return count;
  }

  /** DynamoDB lists a closed shard no longer once it has dropped its last record. */
  isGone(beforeMs: number): boolean {
    return !this.isOpen && this.#records.length === 0 && this.#closedAtMs < beforeMs;
  }
}
