import { randomUUID } from 'node:crypto';
import {
  KafkaJSDeleteGroupsError,
  type Admin,
  type Consumer,
  type EachBatchPayload,
  type IHeaders,
  type Kafka,
  type KafkaMessage,
} from 'kafkajs';
import { REPLAY_HEADER } from '../event/message';
import { protocolError } from '../relay/classify';
import { registerCodecs } from '../kafka/codecs/codecs';
import type { PartitionExtent, SeenMessage } from './verify-judge';

export interface ReadTopicsOptions {
  readonly topics: ReadonlySet<string>;
  /** Epoch milliseconds: messages that were appended before are read only from `lowest` on. */
  readonly sinceMs: number;
  /** An offset of a partition that must be read, however old it is. */
  readonly lowest: (topic: string, partition: number) => bigint | undefined;
  readonly onMessage: (message: SeenMessage, headers: IHeaders) => void;
  /** Offsets that are passed, of all that lie between beginning and end. */
  readonly onProgress?: (passed: number, all: number) => void;
}

export interface ReadTopics {
  readonly extents: readonly PartitionExtent[];
  /** Topics that do not exist. */
  readonly absentTopics: readonly string[];
  /** The consumer group of the reading, when Kafka would not delete it. It has no members and no offsets. */
  readonly leftGroup?: { readonly groupId: string; readonly why: string };
}

/** A partition as far as it was read. */
interface Cursor {
  readonly topic: string;
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
  /** The offset that is expected next. */
  next: bigint;
  /** Something before `next` was removed, and what came after it is not yet seen. */
  isAfterGap: boolean;
  completeFromMs?: number;
}

type Cursors = ReadonlyMap<string, Cursor>;

const nameOf = (topic: string, partition: number): string => `${topic}-${partition}`;
const isRead = ({ next, end }: Cursor): boolean => next >= end;

/** Of no partition a message came for so long, although more must lie there. */
const STALL_MS = 60_000;

/** A fetch waits as long for something to come; all that is read is there already. */
const MAX_WAIT_MS = 200;

/**
 * Shows every message that lies in the topics when the call begins, those of a partition in the order of their offsets,
 * each once. What is written meanwhile is left out.
 *
 * While another producer's transaction is open, kafkajs takes its beginning for the end of the partition: what lies
 * beyond is left out as well.
 *
 * Needs the permissions to describe and read the topics and to use consumer groups named `outbox-verify-…`.
 * Rejects when Kafka cannot be read to the end: an answer is complete or there is none.
 */
export async function readTopics(kafka: Kafka, options: ReadTopicsOptions): Promise<ReadTopics> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { cursors, absentTopics } = await open(admin, options);
    const leftGroup = [...cursors.values()].every(isRead) ? undefined : await readAll(kafka, admin, cursors, options);
    // After the reading, so that what retention removed meanwhile is not taken for lost.
    const extents: PartitionExtent[] = [];
    for (const topic of new Set([...cursors.values()].map((cursor) => cursor.topic))) {
      for (const { partition, low } of await admin.fetchTopicOffsets(topic)) {
        const cursor = cursors.get(nameOf(topic, partition));
        if (cursor === undefined) continue;
        const { end, completeFromMs } = cursor;
        extents.push({ topic, partition, low: BigInt(low), end, completeFromMs });
      }
    }
    return { extents, absentTopics, leftGroup };
  } finally {
    await admin.disconnect();
  }
}

async function open(
  admin: Admin,
  { topics, sinceMs, lowest }: ReadTopicsOptions,
): Promise<{ cursors: Cursors; absentTopics: string[] }> {
  const cursors = new Map<string, Cursor>();
  const absentTopics: string[] = [];
  for (const topic of topics) {
    try {
      const offsets = await admin.fetchTopicOffsets(topic);
      const atTime = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
      for (const { partition, low, high } of offsets) {
        const fromTime = BigInt(atTime.find((other) => other.partition === partition)?.offset ?? low);
        const fromReceipt = lowest(topic, partition) ?? fromTime;
        const wanted = fromReceipt < fromTime ? fromReceipt : fromTime;
        const [first, end] = [BigInt(low), BigInt(high)];
        const start = wanted < first ? first : wanted > end ? end : wanted;
        const isAfterGap = wanted <= first && first > 0n;
        cursors.set(nameOf(topic, partition), { topic, partition, start, end, next: start, isAfterGap });
      }
    } catch (error) {
      if (protocolError(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      absentTopics.push(topic);
    }
  }
  return { cursors, absentTopics };
}

async function readAll(
  kafka: Kafka,
  admin: Admin,
  cursors: Cursors,
  options: ReadTopicsOptions,
): Promise<ReadTopics['leftGroup']> {
  registerCodecs();
  const groupId = `outbox-verify-${randomUUID()}`;
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: MAX_WAIT_MS,
    // Another producer's open transaction must not hide what follows it.
    readUncommitted: true,
    retry: { restartOnFailure: () => Promise.resolve(false) },
  });
  await consumer.connect();
  try {
    // From the beginning, should kafkajs forget its place: what it shows twice is left out, what it skips would be lost.
    await consumer.subscribe({
      topics: [...new Set([...cursors.values()].map(({ topic }) => topic))],
      fromBeginning: true,
    });
    await consume(consumer, cursors, options);
  } finally {
    await consumer.disconnect();
  }
  return deleteGroup(admin, groupId);
}

/** Resolves when every partition is read to its end. */
async function consume(consumer: Consumer, cursors: Cursors, options: ReadTopicsOptions): Promise<void> {
  const { promise: read, resolve, reject } = Promise.withResolvers<undefined>();
  const stall = setTimeout(() => reject(new Error(stallMessage(cursors))), STALL_MS);
  const all = sumOf(cursors, ({ start, end }) => (end > start ? end - start : 0n));
  let passed = 0;

  // kafkajs reads what a group has committed, and this one commits nothing: it is told its places whenever it joins.
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
      for (const partition of partitions) {
        const cursor = cursors.get(nameOf(topic, partition));
        if (cursor === undefined || isRead(cursor)) consumer.pause([{ topic, partitions: [partition] }]);
        else consumer.seek({ topic, partition, offset: String(cursor.next) });
      }
    }
  });
  // Told of a batch of nothing but control records as well, which is not given to `eachBatch`.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset, batchSize } }) => {
    const cursor = cursors.get(nameOf(topic, partition));
    if (cursor === undefined) return;
    const after = BigInt(lastOffset) + 1n;
    if (after > cursor.next) {
      cursor.next = after < cursor.end ? after : cursor.end;
      if (batchSize === 0) cursor.isAfterGap = true;
    }
    const before = passed;
    passed = sumOf(cursors, ({ start, next }) => next - start);
    if (passed > before) {
      stall.refresh();
      options.onProgress?.(passed, all);
    }
    if (!isRead(cursor)) return;
    consumer.pause([{ topic, partitions: [partition] }]);
    if ([...cursors.values()].every(isRead)) resolve(undefined);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));

  try {
    const running = consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }: EachBatchPayload) => {
        const cursor = cursors.get(nameOf(batch.topic, batch.partition));
        if (cursor !== undefined) showBatch(cursor, batch.messages, options.onMessage);
        return Promise.resolve();
      },
    });
    await Promise.all([running, read]);
  } finally {
    clearTimeout(stall);
  }
}

function showBatch(cursor: Cursor, messages: readonly KafkaMessage[], onMessage: ReadTopicsOptions['onMessage']): void {
  const { topic, partition, end } = cursor;
  for (const message of messages) {
    const offset = BigInt(message.offset);
    if (offset < cursor.next || offset >= end) continue;
    const timestamp = Number(message.timestamp);
    if (cursor.isAfterGap || offset > cursor.next) cursor.completeFromMs = timestamp;
    cursor.isAfterGap = false;
    cursor.next = offset + 1n;
    const { headers = {}, key } = message;
    onMessage(
      {
        ...{ topic, partition, offset, timestamp },
        key: key?.toString() ?? '',
        id: headerOf(headers, 'ce_id'),
        source: headerOf(headers, 'ce_source'),
        isReplay: headers[REPLAY_HEADER] !== undefined,
      },
      headers,
    );
  }
}

const sumOf = (cursors: Cursors, offsets: (cursor: Cursor) => bigint): number =>
  Number([...cursors.values()].reduce((sum, cursor) => sum + offsets(cursor), 0n));

const headerOf = (headers: IHeaders, name: string): string | undefined => headers[name]?.toString();

function stallMessage(cursors: Cursors): string {
  const open = [...cursors.values()].filter((cursor) => !isRead(cursor));
  const places = open
    .slice(0, 3)
    .map(({ topic, partition, next, end }) => `${topic}-${partition} at ${next} of ${end}`);
  return `Kafka gave no message for ${STALL_MS / 1000} seconds, and ${open.length} partitions are not read: ${places.join(', ')}.`;
}

/** A group that is left behind does no harm, so that it must not cost the answer; whoever asked is told. */
async function deleteGroup(admin: Admin, groupId: string): Promise<ReadTopics['leftGroup']> {
  try {
    await admin.deleteGroups([groupId]);
    return undefined;
  } catch (error) {
    const cause = error instanceof KafkaJSDeleteGroupsError ? error.groups[0]?.error : error;
    const why = protocolError(cause) ?? (error instanceof Error ? error.message : String(error));
    return why === 'GROUP_ID_NOT_FOUND' ? undefined : { groupId, why };
  }
}
