import type { Batch, Consumer, EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs';
import { REPLAY_HEADER } from '../event/message';
import type { Receipt } from '../event/receipt';
import { partitionName } from '../event/topic-partition';
import type { HeldBack, ReceiptRange, SeenMessage } from './verify/comparison';

export interface ReadTopicsOptions {
  readonly topics: ReadonlySet<string>;
  /** Epoch milliseconds. Messages that were appended earlier are read only from the lowest receipt on. */
  readonly sinceMs: number;
  /** The offsets of a partition that have messages. If consumers cannot read to the highest, `heldBack` shows why. */
  readonly receipts?: (topic: string, partition: number) => ReceiptRange | undefined;
  /** `raw` is valid during the call only. */
  readonly onMessage: (message: SeenMessage, raw: RawMessage) => void;
  /** Called for an offset that no consumer sees: a transaction marker, or an aborted message. */
  readonly onHidden?: (place: Receipt) => void;
  /** Called with the offsets passed so far, and all offsets to pass. */
  readonly onProgress?: (passed: number, all: number) => void;
}

/** A message as kafkajs returns it: its buffers are views of a whole batch. */
export interface RawMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
}

/** A partition as far as it was read. */
export interface Cursor {
  readonly topic: string;
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
  /** The offset that is expected next. */
  next: bigint;
  /** Messages before `next` were removed, and none after them is seen yet. */
  isAfterGap: boolean;
  completeFromMs?: number;
  heldBack?: HeldBack;
}

export const isRead = ({ next, end }: Cursor): boolean => next >= end;

export interface Part {
  readonly cursors: readonly Cursor[];
  /** Messages, or the ends behind which consumers cannot read. */
  readonly purpose: 'messages' | 'ends';
  /** One batch per fetch: the messages before an unreadable batch are read, and its offset is known. */
  readonly isBatchwise?: boolean;
}

/** If no partition delivers a message for this long, although more must lie there, reading fails. */
const STALL_MS = 60_000;

/** If this many fetches from every broker show nothing, nothing lies beyond a partition's end. */
const EMPTY_FETCHES = 5;

/** One run of a consumer over some partitions. */
export class Consumption {
  readonly #isForEnds: boolean;
  readonly #cursors: ReadonlyMap<string, Cursor>;
  readonly #options: ReadTopicsOptions;
  readonly #onPassed: () => void;
  /** Partitions whose end is known. */
  readonly #ended = new Set<Cursor>();
  /** Fetches from each broker since the consumer joined the group. */
  readonly #fetches = new Map<number, number>();

  constructor({ cursors, purpose }: Part, options: ReadTopicsOptions, onPassed: () => void) {
    this.#cursors = new Map(cursors.map((cursor) => [partitionName(cursor), cursor]));
    this.#isForEnds = purpose === 'ends';
    this.#options = options;
    this.#onPassed = onPassed;
  }

  get topics(): string[] {
    return [...new Set([...this.#cursors.values()].map(({ topic }) => topic))];
  }

  get open(): Cursor[] {
    return [...this.#cursors.values()].filter((cursor) => !this.#isDone(cursor));
  }

  /** Resolves when no partition is open. */
  async run(consumer: Consumer): Promise<void> {
    const { promise: done, resolve, reject } = Promise.withResolvers<undefined>();
    const stall = setTimeout(() => reject(new Stalled()), STALL_MS);
    const finish = (): void => {
      if (this.open.length === 0) resolve(undefined);
    };

    // kafkajs starts at the offsets that a group has committed. This group commits none, so each join seeks.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#fetches.clear();
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
        for (const partition of partitions) {
          const cursor = this.#cursors.get(partitionName({ topic, partition }));
          if (cursor === undefined || this.#isDone(cursor)) consumer.pause([{ topic, partitions: [partition] }]);
          else consumer.seek({ topic, partition, offset: String(this.#from(cursor)) });
        }
      }
    });
    // The event also reports a batch of control records alone, which kafkajs does not pass to `eachBatch`.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      const { topic, partition, lastOffset, batchSize } = payload;
      const cursor = this.#cursors.get(partitionName({ topic, partition }));
      if (cursor === undefined) return;
      stall.refresh();
      if (this.#isForEnds) this.#noteEnd(cursor, BigInt(payload.highWatermark));
      else {
        // If every record was removed, kafkajs has no first offset, although its types promise one.
        const first = (payload.firstOffset as string | null) ?? undefined;
        if (batchSize === 0) this.#passUnseen(cursor, first === undefined ? first : BigInt(first), BigInt(lastOffset));
        const after = BigInt(lastOffset) + 1n;
        if (after > cursor.next) cursor.next = after < cursor.end ? after : cursor.end;
        this.#onPassed();
      }
      if (!this.#isDone(cursor)) return;
      consumer.pause([{ topic, partitions: [partition] }]);
      finish();
    });
    if (this.#isForEnds) {
      consumer.on(consumer.events.FETCH_START, ({ payload: { nodeId } }) => {
        this.#fetches.set(nodeId, this.#fetches.get(nodeId) ?? 0);
      });
      consumer.on(consumer.events.FETCH, ({ payload: { nodeId } }) => {
        this.#fetches.set(nodeId, (this.#fetches.get(nodeId) ?? 0) + 1);
        if (Math.min(...this.#fetches.values()) <= EMPTY_FETCHES) return;
        for (const cursor of this.open) this.#noteEnd(cursor, cursor.end);
        finish();
      });
    }
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));

    try {
      const running = consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }: EachBatchPayload) => {
          const cursor = this.#cursors.get(partitionName(batch));
          if (cursor !== undefined && !this.#isDone(cursor)) this.#show(cursor, batch);
          return Promise.resolve();
        },
      });
      // The stall timer ends a join that never completes.
      await Promise.race([running.then(() => done), done]);
    } finally {
      clearTimeout(stall);
    }
  }

  #isDone(cursor: Cursor): boolean {
    return this.#isForEnds ? this.#ended.has(cursor) : isRead(cursor);
  }

  /** To find an end, reading starts at the last message before it: its batch has the high watermark. */
  #from(cursor: Cursor): bigint {
    return this.#isForEnds && cursor.end > cursor.start ? cursor.end - 1n : cursor.next;
  }

  #show(cursor: Cursor, batch: Batch): void {
    if (this.#isForEnds) {
      const { end } = cursor;
      const first = batch.messages.find(({ offset }) => BigInt(offset) >= end);
      if (first !== undefined) this.#noteEnd(cursor, BigInt(batch.highWatermark), Number(first.timestamp));
      return;
    }
    const visible = new Set(batch.messages);
    for (const message of rawMessagesOf(batch)) {
      const offset = BigInt(message.offset);
      if (offset < cursor.next || offset >= cursor.end) continue;
      if (visible.has(message)) this.#showMessage(cursor, message, offset);
      else this.#passUnseen(cursor, offset, offset);
    }
  }

  #showMessage(cursor: Cursor, message: KafkaMessage, offset: bigint): void {
    const { topic, partition } = cursor;
    const timestamp = Number(message.timestamp);
    if (cursor.isAfterGap || offset > cursor.next) cursor.completeFromMs = timestamp;
    cursor.isAfterGap = false;
    cursor.next = offset + 1n;
    const { headers = {}, key, value } = message;
    this.#options.onMessage(
      {
        ...{ topic, partition, offset, timestamp },
        key: key?.toString() ?? '',
        id: headerOf(headers, 'ce_id'),
        source: headerOf(headers, 'ce_source'),
        isReplay: headers[REPLAY_HEADER] !== undefined,
      },
      { key, value, headers },
    );
  }

  /**
   * Passes offsets that consumers do not see. Only the first and the last surely hold a marker or an aborted message:
   * those between them may have been removed. Without a first offset, all were removed.
   */
  #passUnseen(cursor: Cursor, first: bigint | undefined, last: bigint): void {
    const { topic, partition, next, end } = cursor;
    if (last < next) return;
    if (first === undefined || first > next || last - first > 1n) cursor.isAfterGap = true;
    for (const offset of new Set([first ?? end, last])) {
      if (first !== undefined && offset >= next && offset < end) this.#options.onHidden?.({ topic, partition, offset });
    }
    cursor.next = last < end ? last + 1n : end;
  }

  #noteEnd(cursor: Cursor, highWatermark: bigint, sinceMs?: number): void {
    if (this.#ended.has(cursor)) return;
    const isBehind = highWatermark > cursor.end;
    // The next batch has the first message beyond the end, and its time.
    if (isBehind && sinceMs === undefined && cursor.heldBack === undefined) {
      cursor.heldBack = { end: highWatermark };
      return;
    }
    if (isBehind) cursor.heldBack = { end: highWatermark, sinceMs };
    this.#ended.add(cursor);
  }
}

export class Stalled extends Error {
  constructor() {
    super(`Kafka delivered no message for ${STALL_MS / 1000} seconds, although the partition has more`);
  }
}

/**
 * Every record of a batch. kafkajs leaves aborted messages and markers out of `messages` and keeps them in this field,
 * which its types do not declare. Without them, their offsets would look removed.
 */
const rawMessagesOf = (batch: Batch): readonly KafkaMessage[] =>
  (batch as Batch & { readonly messagesWithinOffset?: readonly KafkaMessage[] }).messagesWithinOffset ?? batch.messages;

const headerOf = (headers: IHeaders, name: string): string | undefined => headers[name]?.toString();
