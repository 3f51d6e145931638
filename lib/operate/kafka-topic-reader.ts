import { randomUUID } from 'node:crypto';
import { KafkaJSDeleteGroupsError, type Admin, type Consumer, type Kafka } from 'kafkajs';
import { messageOf, OutboxError } from '../event/errors';
import { partitionName } from '../event/topic-partition';
import { registerCodecs, unreadableBatchOf } from '../kafka/codecs/codecs';
import { protocolErrorOf } from '../kafka/protocol-error';
import { atBrokers, connectKafka, disconnect, type KafkaTarget } from './kafka-target';
import { unavailable, within } from './target';
import { Consumption, isRead, Stalled, type Cursor, type Part, type ReadTopicsOptions } from './topic-consumption';
import type { PartitionExtent } from './verify/comparison';

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

/** One call of kafkajs, which retries its requests of 30 seconds by itself. */
const CALL_MS = 120_000;

/** How long a fetch waits for new messages. Everything that is read exists already. */
const MAX_WAIT_MS = 200;

/** How often a failed reading is divided to find the faulty partition. Then the rest is left unread. */
const MAX_ATTEMPTS = 100;

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
    const cursors = [...this.#cursors.values()];
    await this.#readOrDivide({ purpose: 'messages', cursors: cursors.filter((cursor) => !isRead(cursor)) });
    await this.#readOrDivide({ purpose: 'ends', cursors: cursors.filter((cursor) => this.#mayBeHeldBack(cursor)) });
    const extents = await this.#extents();
    const unread = [...this.#unread.values()];
    return { extents, absentTopics: this.#absentTopics, unread, leftGroup: this.#leftGroup };
  }

  async #open(): Promise<void> {
    const { topics, sinceMs, receipts } = this.#options;
    await this.#eachTopic(topics, async (topic, admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      const atTime = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
      for (const { partition, low, high } of offsets) {
        const fromTime = BigInt(atTime.find((other) => other.partition === partition)?.offset ?? low);
        const fromReceipt = receipts?.(topic, partition)?.lowest ?? fromTime;
        const wanted = fromReceipt < fromTime ? fromReceipt : fromTime;
        // kafkajs returns the end for consumers: the first unfinished transaction, or the high watermark.
        const [first, end] = [BigInt(low), BigInt(high)];
        const start = wanted < first ? first : wanted > end ? end : wanted;
        const isAfterGap = wanted <= first && first > 0n;
        const cursor = { topic, partition, start, end, next: start, isAfterGap };
        this.#cursors.set(partitionName(cursor), cursor);
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
          const answered = protocolErrorOf(error);
          if (answered === 'UNKNOWN_TOPIC_OR_PARTITION') this.#absentTopics.push(topic);
          else this.#unread.set(topic, { topic, why: whyUnread(error) });
          // kafkajs keeps requesting this topic with every other one, so those requests would fail too.
          await disconnect(admin);
          admin = undefined;
        }
      }
    } finally {
      if (admin !== undefined) await disconnect(admin);
    }
  }

  /** kafkajs does not name the partition that failed. It is found by reading fewer and fewer partitions. */
  async #readOrDivide(part: Part): Promise<void> {
    if (part.cursors.length === 0) return;
    const consumption = new Consumption(part, this.#options, () => this.#report());
    let failure: unknown;
    try {
      await this.#attempt(part, consumption);
    } catch (error) {
      failure = error;
    }
    const rest = consumption.open;
    if (rest.length === 0) return;
    if (concernsAll(failure)) throw failure;
    const isLast = part.isBatchwise === true || failure instanceof Stalled || ++this.#attempts >= MAX_ATTEMPTS;
    if (isLast) {
      for (const { topic, partition, next } of rest) {
        const unread = { topic, partition, offset: String(next), why: whyUnread(failure) };
        this.#unread.set(partitionName(unread), unread);
      }
      return;
    }
    const isBatchwise = rest.length === 1;
    for (const cursors of divided(rest)) await this.#readOrDivide({ ...part, cursors, isBatchwise });
  }

  async #attempt(part: Part, consumption: Consumption): Promise<void> {
    registerCodecs();
    const groupId = `outbox-verify-${randomUUID()}`;
    const consumer = this.#kafka.consumer({
      groupId,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: MAX_WAIT_MS,
      readUncommitted: part.purpose === 'ends',
      // A broker returns at least one batch, however large it is.
      ...(part.isBatchwise === true ? { maxBytesPerPartition: 1 } : {}),
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
      await disconnect(consumer);
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
      const why = protocolErrorOf(cause) ?? messageOf(cause);
      return why === 'GROUP_ID_NOT_FOUND' ? undefined : { groupId, why };
    } finally {
      await disconnect(admin);
    }
  }

  /** Whether something should lie beyond the offsets that consumers can read. */
  #mayBeHeldBack(cursor: Cursor): boolean {
    const receipts = this.#options.receipts?.(cursor.topic, cursor.partition);
    return isRead(cursor) && receipts !== undefined && receipts.highest >= cursor.end;
  }

  async #connected<C extends Admin | Consumer>(client: C, action: string): Promise<C> {
    try {
      await this.#within(action, () => client.connect());
      return client;
    } catch (error) {
      await disconnect(client);
      if (error instanceof OutboxError) throw error;
      throw unavailable(atBrokers(this.#brokers, action), messageOf(error), error);
    }
  }

  #within<T>(action: string, call: () => Promise<T>): Promise<T> {
    return within(CALL_MS, atBrokers(this.#brokers, action), call);
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

/** Whether the failure would repeat for any part of the topics. */
function concernsAll(failure: unknown): boolean {
  if (failure instanceof OutboxError && failure.is('service-unavailable')) return true;
  return protocolErrorOf(failure)?.startsWith('GROUP_') ?? false;
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
  const answered = protocolErrorOf(error);
  const cure = CURES[answered ?? ''] ?? 'Check the topic and its brokers, then run it again';
  return `${answered === undefined ? '' : `${answered}: `}${messageOf(error)}. ${cure}.`;
}
