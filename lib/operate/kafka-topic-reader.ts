import { randomUUID } from 'node:crypto';
import {
  KafkaJSDeleteGroupsError,
  type Admin,
  type Batch,
  type Consumer,
  type EachBatchPayload,
  type IHeaders,
  type Kafka,
  type KafkaMessage,
} from 'kafkajs';
import { messageOf, OutboxError } from '../event/errors';
import { REPLAY_HEADER } from '../event/message';
import type { Receipt } from '../event/receipt';
import { partitionName } from '../event/topic-partition';
import { registerCodecs, unreadableBatchOf } from '../kafka/codecs/codecs';
import { protocolError } from '../relay/kafkajs/classify-error';
import { atMost } from '../timing/wait';
import { connectKafka, type KafkaTarget } from './kafka-target';
import { unavailable, within, type ServicePlace } from './time-limit';
import type { HeldBack, PartitionExtent, SeenMessage } from './verify/comparison';

export interface ReadTopicsOptions {
  readonly topics: ReadonlySet<string>;
  /** Epoch milliseconds. Messages that were appended earlier are read only from `lowest` on. */
  readonly sinceMs: number;
  /** The lowest offset of a partition that must be read, however old it is. */
  readonly lowest: (topic: string, partition: number) => bigint | undefined;
  /** The highest offset with a message. If consumers cannot read that far, `heldBack` shows why. */
  readonly highest?: (topic: string, partition: number) => bigint | undefined;
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

/** A topic, or a partition of it, that could not be read to its end. */
export interface UnreadTopic {
  readonly topic: string;
  readonly partition?: number;
  /** Where the reading stopped. */
  readonly offset?: string;
  /** The failure, and what to do about it. */
  readonly why: string;
}

export interface ReadTopics {
  readonly extents: readonly PartitionExtent[];
  /** Topics that do not exist. */
  readonly absentTopics: readonly string[];
  /** Topics and partitions that could not be read. All others were read to their ends. */
  readonly unread: readonly UnreadTopic[];
  /** A consumer group of this reader that Kafka did not delete. It has no members and no offsets. */
  readonly leftGroup?: LeftGroup;
}

/** A consumer group that this reader left behind, and why. */
export interface LeftGroup {
  readonly groupId: string;
  readonly why: string;
}

/** A partition as far as it was read. */
interface Cursor {
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

const isRead = ({ next, end }: Cursor): boolean => next >= end;

/** If no partition delivers a message for this long, although more must lie there, reading fails. */
const STALL_MS = 60_000;

/** One call of kafkajs, which retries its requests of 30 seconds by itself. */
const CALL_MS = 120_000;

/** The limit for a disconnect. */
const LEAVE_MS = 10_000;

/** How long a fetch waits for new messages. Everything that is read exists already. */
const MAX_WAIT_MS = 200;

/** How often a failed reading is divided to find the faulty partition. Then the rest is left unread. */
const MAX_ATTEMPTS = 100;

/** If this many fetches from every broker show nothing, nothing lies beyond a partition's end. */
const EMPTY_FETCHES = 5;

/**
 * Shows every message that consumers can read when the call begins: those of a partition in the order of their offsets,
 * each once. Later messages are left out, and so are messages behind another producer's unfinished transaction.
 *
 * If a topic or partition cannot be read, the others are still read; see `unread`.
 *
 * Needs the permissions to describe and read the topics and to use consumer groups named `outbox-verify-…`.
 *
 * @throws OutboxError `service-unavailable` if the cluster cannot be reached.
 */
export async function readTopics(kafkaTarget: KafkaTarget, options: ReadTopicsOptions): Promise<ReadTopics> {
  return new TopicsReading(await connectKafka(kafkaTarget), kafkaTarget.brokers, options).run();
}

class TopicsReading {
  readonly #kafka: Kafka;
  readonly #options: ReadTopicsOptions;
  readonly #brokers: readonly string[];
  readonly #cursors = new Map<string, Cursor>();
  readonly #absentTopics: string[] = [];
  readonly #unread = new Map<string, UnreadTopic>();
  #attempts = 0;
  #leftGroup: LeftGroup | undefined;

  constructor(kafka: Kafka, brokers: readonly string[], options: ReadTopicsOptions) {
    this.#kafka = kafka;
    this.#brokers = brokers;
    this.#options = options;
  }

  async run(): Promise<ReadTopics> {
    await this.#open();
    await this.#readOrDivide([...this.#cursors.values()].filter((cursor) => !isRead(cursor)));
    await this.#readOrDivide(
      [...this.#cursors.values()].filter((cursor) => this.#mayBeHeldBack(cursor)),
      'ends',
    );
    const extents = await this.#extents();
    return {
      ...{ extents, absentTopics: this.#absentTopics, unread: [...this.#unread.values()], leftGroup: this.#leftGroup },
    };
  }

  /** Finds the partitions, and the range of offsets to read from each. */
  async #open(): Promise<void> {
    const { topics, sinceMs, lowest } = this.#options;
    await this.#eachTopic(topics, async (topic, admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      const atTime = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
      for (const { partition, low, high } of offsets) {
        const fromTime = BigInt(atTime.find((other) => other.partition === partition)?.offset ?? low);
        const fromReceipt = lowest(topic, partition) ?? fromTime;
        const wanted = fromReceipt < fromTime ? fromReceipt : fromTime;
        // kafkajs returns the end for consumers: the first unfinished transaction, or the high watermark.
        const [first, end] = [BigInt(low), BigInt(high)];
        const start = wanted < first ? first : wanted > end ? end : wanted;
        const isAfterGap = wanted <= first && first > 0n;
        this.#cursors.set(partitionName({ topic, partition }), {
          topic,
          partition,
          start,
          end,
          next: start,
          isAfterGap,
        });
      }
    });
  }

  /** Runs after the reading, so that messages which retention removed meanwhile do not count as lost. */
  async #extents(): Promise<PartitionExtent[]> {
    const extents: PartitionExtent[] = [];
    const topics = new Set([...this.#cursors.values()].map((cursor) => cursor.topic));
    await this.#eachTopic(topics, async (topic, admin) => {
      for (const { partition, low } of await admin.fetchTopicOffsets(topic)) {
        const cursor = this.#cursors.get(partitionName({ topic, partition }));
        if (cursor === undefined) continue;
        const { next, end, completeFromMs, heldBack } = cursor;
        // Beyond the offset where a reading stopped, nothing is known.
        const readTo = next < end ? next : end;
        extents.push({ topic, partition, low: BigInt(low), end: readTo, completeFromMs, heldBack });
      }
    });
    return extents;
  }

  /** A topic that fails is noted as absent or unread. */
  async #eachTopic(topics: ReadonlySet<string>, look: (topic: string, admin: Admin) => Promise<void>): Promise<void> {
    let admin: Admin | undefined;
    try {
      for (const topic of topics) {
        admin ??= await this.#connected(this.#kafka.admin(), 'connecting');
        const connected = admin;
        try {
          await this.#within(`looking up topic ${topic}`, () => look(topic, connected));
        } catch (error) {
          const answered = protocolError(error);
          if (answered === 'UNKNOWN_TOPIC_OR_PARTITION') this.#absentTopics.push(topic);
          else this.#unread.set(topic, { topic, why: whyUnread(error) });
          // kafkajs keeps requesting this topic with every other one, so those requests would fail too.
          await leave(admin);
          admin = undefined;
        }
      }
    } finally {
      if (admin !== undefined) await leave(admin);
    }
  }

  /** kafkajs does not name the partition that failed. It is found by reading fewer and fewer partitions. */
  async #readOrDivide(
    cursors: readonly Cursor[],
    purpose: 'messages' | 'ends' = 'messages',
    isBatchwise = false,
  ): Promise<void> {
    if (cursors.length === 0) return;
    const consumption = new Consumption(cursors, purpose, this.#options, () => this.#report(), isBatchwise);
    let failure: unknown;
    try {
      await this.#attempt(consumption);
    } catch (error) {
      failure = error;
    }
    const rest = consumption.open;
    if (rest.length === 0) return;
    if (concernsAll(failure)) throw failure;
    const isLast = consumption.isBatchwise || failure instanceof Stalled || ++this.#attempts >= MAX_ATTEMPTS;
    if (isLast) {
      for (const { topic, partition, next } of rest) {
        this.#unread.set(partitionName({ topic, partition }), {
          ...{ topic, partition, offset: String(next), why: whyUnread(failure) },
        });
      }
      return;
    }
    for (const part of divided(rest)) await this.#readOrDivide(part, purpose, rest.length === 1);
  }

  async #attempt(consumption: Consumption): Promise<void> {
    registerCodecs();
    const groupId = `outbox-verify-${randomUUID()}`;
    const consumer = this.#kafka.consumer({
      groupId,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: MAX_WAIT_MS,
      readUncommitted: consumption.purpose === 'ends',
      // A broker returns at least one batch, however large it is.
      ...(consumption.isBatchwise ? { maxBytesPerPartition: 1 } : {}),
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
    await this.#connected(consumer, 'connecting');
    try {
      // If kafkajs loses its place, it must start over: repeats are left out, but skipped messages would be lost.
      await this.#within(`subscribing to ${consumption.topics.join(', ')}`, () =>
        consumer.subscribe({ topics: consumption.topics, fromBeginning: true }),
      );
      await consumption.run(consumer);
    } finally {
      await leave(consumer);
      this.#leftGroup = (await this.#deleteGroup(groupId)) ?? this.#leftGroup;
    }
  }

  /** A group that is left behind is harmless, so the reading still succeeds, and the result names the group. */
  async #deleteGroup(groupId: string): Promise<LeftGroup | undefined> {
    const admin = this.#kafka.admin();
    try {
      await this.#within(`deleting the consumer group ${groupId}`, async () => {
        await admin.connect();
        await admin.deleteGroups([groupId]);
      });
      return undefined;
    } catch (error) {
      const cause = error instanceof KafkaJSDeleteGroupsError ? error.groups[0]?.error : error;
      const why = protocolError(cause) ?? messageOf(cause);
      return why === 'GROUP_ID_NOT_FOUND' ? undefined : { groupId, why };
    } finally {
      await leave(admin);
    }
  }

  /** Whether something should lie beyond the offsets that consumers can read. */
  #mayBeHeldBack(cursor: Cursor): boolean {
    const highest = this.#options.highest?.(cursor.topic, cursor.partition);
    return isRead(cursor) && highest !== undefined && highest >= cursor.end;
  }

  async #connected<C extends Admin | Consumer>(client: C, action: string): Promise<C> {
    try {
      await this.#within(action, () => client.connect());
      return client;
    } catch (error) {
      await leave(client);
      if (error instanceof OutboxError) throw error;
      throw unavailable(this.#at(action), messageOf(error), error);
    }
  }

  #within<T>(action: string, call: () => Promise<T>): Promise<T> {
    return within(CALL_MS, this.#at(action), call);
  }

  #at(action: string): ServicePlace {
    return { service: 'Kafka', place: `brokers ${this.#brokers.join(',')}`, action };
  }

  #report(): void {
    let [passed, toPass] = [0n, 0n];
    for (const { start, next, end } of this.#cursors.values()) {
      passed += next - start;
      toPass += end - start;
    }
    this.#options.onProgress?.(Number(passed), Number(toPass));
  }
}

/** One run of a consumer over some partitions. */
class Consumption {
  readonly purpose: 'messages' | 'ends';
  /** One batch per fetch: the messages before an unreadable batch are read, and its offset is known. */
  readonly isBatchwise: boolean;
  readonly #cursors: ReadonlyMap<string, Cursor>;
  readonly #options: ReadTopicsOptions;
  readonly #onPassed: () => void;
  /** Partitions whose end is known. */
  readonly #ended = new Set<Cursor>();
  /** Fetches from each broker since the consumer joined the group. */
  readonly #fetches = new Map<number, number>();

  constructor(
    cursors: readonly Cursor[],
    purpose: 'messages' | 'ends',
    options: ReadTopicsOptions,
    onPassed: () => void,
    isBatchwise: boolean,
  ) {
    this.isBatchwise = isBatchwise;
    this.#cursors = new Map(cursors.map((cursor) => [partitionName(cursor), cursor]));
    this.purpose = purpose;
    this.#options = options;
    this.#onPassed = onPassed;
  }

  get topics(): string[] {
    return [...new Set([...this.#cursors.values()].map(({ topic }) => topic))];
  }

  /** The partitions that are not done. */
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
      if (this.purpose === 'ends') this.#noteEnd(cursor, BigInt(payload.highWatermark));
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
    if (this.purpose === 'ends') {
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
    return this.purpose === 'ends' ? this.#ended.has(cursor) : isRead(cursor);
  }

  /** To find an end, reading starts at the last message before it: its batch has the high watermark. */
  #from(cursor: Cursor): bigint {
    return this.purpose === 'ends' && cursor.end > cursor.start ? cursor.end - 1n : cursor.next;
  }

  #show(cursor: Cursor, batch: Batch): void {
    if (this.purpose === 'ends') {
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

/** Kafka delivered no message for too long. */
class Stalled extends Error {
  constructor() {
    super(`Kafka delivered no message for ${STALL_MS / 1000} seconds, although the partition has more`);
  }
}

/** Whether the failure would repeat for any part of the topics. */
function concernsAll(failure: unknown): boolean {
  if (failure instanceof OutboxError && failure.is('service-unavailable')) return true;
  return protocolError(failure)?.startsWith('GROUP_') ?? false;
}

/** Splits into halves, between topics as long as there are several. */
function divided(cursors: readonly Cursor[]): readonly (readonly Cursor[])[] {
  const topics = [...new Set(cursors.map(({ topic }) => topic))];
  if (cursors.length === 1) return [cursors];
  if (topics.length === 1) return halves(cursors);
  const first = new Set(halves(topics)[0]);
  return [cursors.filter(({ topic }) => first.has(topic)), cursors.filter(({ topic }) => !first.has(topic))];
}

function halves<T>(all: readonly T[]): readonly [readonly T[], readonly T[]] {
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}

/**
 * Every record of a batch. kafkajs leaves aborted messages and markers out of `messages` and keeps them in this field,
 * which its types do not declare. Without them, their offsets would look removed.
 */
const rawMessagesOf = (batch: Batch): readonly KafkaMessage[] =>
  (batch as Batch & { readonly messagesWithinOffset?: readonly KafkaMessage[] }).messagesWithinOffset ?? batch.messages;

const headerOf = (headers: IHeaders, name: string): string | undefined => headers[name]?.toString();

/** By the name of the broker's error code. */
const CURES: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'Allow the role to describe and read the topic',
  GROUP_AUTHORIZATION_FAILED: 'Allow the role to use the consumer groups outbox-verify-*',
  LEADER_NOT_AVAILABLE: 'Wait until the partition has a leader, then run it again',
};

function whyUnread(error: unknown): string {
  const batch = unreadableBatchOf(error);
  if (batch !== undefined) {
    return `${batch.message} Read it with another client (kafka-dump-log.sh) to see whether it is damaged on the broker.`;
  }
  const answered = protocolError(error);
  const cure = CURES[answered ?? ''] ?? 'Check the topic and its brokers, then run it again';
  return `${answered === undefined ? '' : `${answered}: `}${messageOf(error)}. ${cure}.`;
}

/** A failed or slow disconnect must neither fail the reading nor block it. */
async function leave(client: Admin | Consumer): Promise<void> {
  await atMost(
    LEAVE_MS,
    client.disconnect().catch(() => undefined),
  );
}
