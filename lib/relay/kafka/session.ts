import type { PartitionMetadata, Producer, ProducerBatch, ProducerConfig, RecordMetadata } from 'kafkajs';
import { KAFKA_RETRY } from '../../kafka/retry';
import { protocolError } from '../classify';
import { ATTEMPT_TIMEOUTS, type Compression } from '../environment';
import {
  acknowledgedOffsets,
  answeredErrors,
  KafkaAnswerIncomplete,
  nameOf,
  PartitionWithoutLeader,
} from './acknowledgement';
import { kafkaCompression } from './compression';
import { withinDeadline } from './deadline';
import { withPartitionAnswers } from './partition-answers';
import { topicMessagesOf } from './record';
import type { Clock, PartitionBatch } from '../ports';

/** The part of a kafkajs producer that publishing needs. */
export type KafkaProducer = Pick<Producer, 'connect' | 'disconnect' | 'sendBatch'>;

/** The part of kafkajs's `Kafka` that publishing needs. */
export interface KafkaClient {
  producer(config: ProducerConfig): KafkaProducer;
}

export interface SessionOptions {
  readonly compression: Compression;
  /** How long one request to a broker may take. */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
}

/** Why a batch is not proven to be written. */
export interface SendFailure {
  readonly error: unknown;
  /** It is this partition's own: a broker answered it for the partition, or the partition has no leader. */
  readonly isOwn: boolean;
  /** The broker that led the partition, as far as the session knew. */
  readonly leader?: number;
}

/** What one send achieved: the first offsets of what is proven to be written, and why the rest is not. */
export interface SendResult {
  readonly offsets: ReadonlyMap<PartitionBatch, bigint>;
  readonly failures: ReadonlyMap<PartitionBatch, SendFailure>;
  /** Set if the session must not be used any more, for any partition. */
  readonly spentBy?: unknown;
}

/** Of the time for connecting, so that a silent broker leaves enough for the next one. */
const CONNECT_TIMEOUTS = 1.25;

/**
 * Of the time of a request, how much a broker may wait for the replicas of its slowest partition. It answers then, with
 * an error for this partition alone; if the client gave up first, all partitions of the request would be in doubt.
 */
const BROKER_WAITS = 0.75;

/** How old a topic's metadata may become before it is asked for again. */
export const METADATA_MAX_AGE_MS = 4 * 60_000;

/** No topic has it: kafkajs shows the topic's metadata to the partitioner, finds no leader, and sends nothing. */
const NO_PARTITION = -1;

/** Stands in metadata for the broker that leads a partition. */
const NO_LEADER = -1;

const probeOf = (topics: readonly string[]): ProducerBatch => ({
  topicMessages: topics.map((topic) => ({ topic, messages: [{ value: null, partition: NO_PARTITION }] })),
});

const WITHOUT_LEADER: ReadonlySet<string> = new Set(['LEADER_NOT_AVAILABLE', 'LISTENER_NOT_FOUND']);

interface KnownTopic {
  readonly metadata: readonly PartitionMetadata[];
  /** By partition; without a leader, -1. */
  readonly leaders: ReadonlyMap<number, number>;
  readonly since: number;
}

/**
 * One idempotent producer, from connect to its first failure. A failure that the brokers answered for one partition ends
 * it for that partition only, because a producer's sequence numbers are counted by partition. After any other failure
 * only `discard` may be called.
 */
export class KafkaSession {
  /** Topics whose metadata kafkajs refreshes together: one of them deleted fails a send to any other. */
  readonly #topics = new Set<string>();
  #lastUsed: number;
  readonly #producer: KafkaProducer;
  readonly #options: SessionOptions;
  readonly #known = new Map<string, KnownTopic>();
  readonly #pending = new Set<Promise<unknown>>();
  /** Partitions that this producer must not be used for, with the errors of their sends. */
  readonly #failed = new Map<string, unknown>();
  /** Partitions of which kafkajs was given a message to send, since their last send began. */
  readonly #routed = new Set<string>();

  private constructor(client: KafkaClient, options: SessionOptions) {
    this.#options = options;
    this.#lastUsed = options.clock.now();
    this.#producer = withPartitionAnswers(client).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: KAFKA_RETRY,
      createPartitioner:
        () =>
        ({ topic, partitionMetadata, message }) => {
          const { leaders } = this.#learn(topic, partitionMetadata);
          const { partition = NO_PARTITION } = message;
          // kafkajs fails everything that is sent together when it looks for a broker that does not exist.
          if (leaders.get(partition) === NO_LEADER) return NO_PARTITION;
          if (partition !== NO_PARTITION) this.#routed.add(nameOf({ topic, partition }));
          return partition;
        },
    });
  }

  /**
   * Connects, in order to use `topic`. Rejects when no producer id was got in time; what was begun is then ended in the
   * background.
   */
  static async open(client: KafkaClient, options: SessionOptions, topic: string): Promise<KafkaSession> {
    const session = new KafkaSession(client, options);
    try {
      await session.#bounded(session.#connect(topic), 'connect', CONNECT_TIMEOUTS * options.requestTimeoutMs);
    } catch (error) {
      void session.discard();
      throw error;
    }
    session.#lastUsed = options.clock.now();
    return session;
  }

  idleMs(): number {
    return this.#options.clock.now() - this.#lastUsed;
  }

  /** Whether a refusal that names no topic, as kafkajs's do, can only concern this one. */
  knowsNoOther(topic: string): boolean {
    return this.#topics.size === 0 || (this.#topics.size === 1 && this.#topics.has(topic));
  }

  knows(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** The number of partitions, if it is known from metadata that is fresh enough. */
  knownPartitions(topic: string): number | undefined {
    const known = this.#known.get(topic);
    const fresh = known !== undefined && this.#options.clock.now() - known.since < METADATA_MAX_AGE_MS;
    return fresh ? known.metadata.length : undefined;
  }

  /**
   * Asks the brokers for a topic, over the producer's own connection: kafkajs's admin client would log in anew, and
   * MSK limits the rate of IAM connections. Rejects with what kafkajs threw; the session survives a refused topic.
   */
  async lookUpPartitions(topic: string): Promise<number> {
    return (await this.lookUp(topic)).length;
  }

  /** As `lookUpPartitions`, with what is known of each partition. A session that has just been opened asks anew. */
  async lookUp(topic: string): Promise<readonly PartitionMetadata[]> {
    await this.#sendBatch(probeOf([topic]), 'metadata request');
    this.#topics.add(topic);
    const metadata = this.#known.get(topic)?.metadata;
    if (metadata === undefined) throw new KafkaAnswerIncomplete([topic]);
    return metadata;
  }

  /** Why this session must not be used for a partition, if that is so. */
  failureOf(batch: PartitionBatch): { readonly error: unknown } | undefined {
    const name = nameOf(batch);
    return this.#failed.has(name) ? { error: this.#failed.get(name) } : undefined;
  }

  /**
   * Sends the batches, one request to each leader, so that the answer of one broker does not depend on the others.
   * Never rejects; takes at most `timeouts` request timeouts.
   */
  async send(batches: readonly PartitionBatch[], timeouts = ATTEMPT_TIMEOUTS): Promise<SendResult> {
    const deadlineMs = timeouts * this.#options.requestTimeoutMs;
    const began = this.#options.clock.now();
    for (const { topic } of batches) this.#topics.add(topic);
    const unknown = new Set(batches.map(({ topic }) => topic).filter((topic) => !this.#known.has(topic)));
    try {
      // kafkajs would ask for them all the same, but not before the batches are parted by leader.
      if (unknown.size > 0) await this.#sendBatch(probeOf([...unknown]), 'metadata request', deadlineMs);
    } catch (error) {
      return this.#allFailed(batches, error);
    }
    const restMs = deadlineMs - (this.#options.clock.now() - began);
    const requests = [...Map.groupBy(batches, (batch) => this.#leaderOf(batch)).values()];
    const results = await Promise.all(requests.map((request) => this.#sendRequest(request, restMs)));
    const failures = new Map(results.flatMap((result) => [...result.failures]));
    for (const [batch, { error }] of failures) this.#failed.set(nameOf(batch), error);
    return {
      offsets: new Map(results.flatMap(({ offsets }) => [...offsets])),
      failures,
      spentBy: results.find(({ spentBy }) => spentBy !== undefined)?.spentBy,
    };
  }

  /**
   * Ends the producer; resolves when it has gone or does not answer, never rejects. kafkajs connects again to go on with retries, so calls
   * that were given up are waited for, and what they opened is closed as well.
   */
  async discard(): Promise<void> {
    await this.#disconnect();
    if (this.#pending.size === 0) return;
    await Promise.allSettled(this.#pending);
    await this.#disconnect();
  }

  /**
   * As long as it knows no topic, kafkajs asks for all topics of the cluster and fails when any one of them has a
   * partition without a leader, be it somebody else's unreplicated one. It is connected by then, and with a topic to
   * ask for instead it gets its producer id.
   */
  async #connect(topic: string): Promise<void> {
    try {
      await this.#producer.connect();
    } catch (error) {
      if (!WITHOUT_LEADER.has(protocolError(error) ?? '')) throw error;
      await this.#producer.sendBatch(probeOf([topic]));
      await this.#producer.connect();
      this.#topics.add(topic);
    }
  }

  async #sendRequest(batches: readonly PartitionBatch[], deadlineMs: number): Promise<SendResult> {
    for (const batch of batches) this.#routed.delete(nameOf(batch));
    const failures = new Map<PartitionBatch, SendFailure>();
    try {
      const answer = await this.#sendBatch({ topicMessages: topicMessagesOf(batches) }, 'send', deadlineMs);
      const offsets = acknowledgedOffsets(batches, answer);
      const errors = answeredErrors(answer);
      const unnamed: PartitionBatch[] = [];
      for (const batch of batches) {
        const name = nameOf(batch);
        if (offsets.has(batch)) continue;
        if (errors.has(name))
          failures.set(batch, { error: errors.get(name), isOwn: true, leader: this.#leaderOf(batch) });
        else if (this.#leaderOf(batch) === NO_LEADER && !this.#routed.has(name)) {
          failures.set(batch, { error: new PartitionWithoutLeader(name), isOwn: true });
        } else unnamed.push(batch);
      }
      if (unnamed.length === 0) return { offsets, failures };
      const spentBy = new KafkaAnswerIncomplete(unnamed.map(nameOf));
      for (const batch of unnamed) failures.set(batch, { error: spentBy, isOwn: false, leader: this.#leaderOf(batch) });
      return { offsets, failures, spentBy };
    } catch (error) {
      return this.#allFailed(batches, error);
    }
  }

  #allFailed(batches: readonly PartitionBatch[], error: unknown): SendResult {
    const failures = new Map<PartitionBatch, SendFailure>();
    for (const batch of batches) failures.set(batch, { error, isOwn: false, leader: this.#leaderOf(batch) });
    return { offsets: new Map(), failures, spentBy: error };
  }

  #leaderOf({ topic, partition }: PartitionBatch): number | undefined {
    return this.#known.get(topic)?.leaders.get(partition);
  }

  async #sendBatch(batch: ProducerBatch, call: string, deadlineMs?: number): Promise<RecordMetadata[]> {
    const { compression, requestTimeoutMs } = this.#options;
    const timeout = Math.ceil(BROKER_WAITS * requestTimeoutMs);
    const request = { ...batch, acks: -1, timeout, compression: kafkaCompression(compression) };
    const answer = await this.#bounded(this.#producer.sendBatch(request), call, deadlineMs);
    this.#lastUsed = this.#options.clock.now();
    return answer;
  }

  #bounded<T>(
    work: Promise<T>,
    call: string,
    deadlineMs = ATTEMPT_TIMEOUTS * this.#options.requestTimeoutMs,
  ): Promise<T> {
    const forget = (): void => void this.#pending.delete(work);
    this.#pending.add(work);
    work.then(forget, forget);
    return withinDeadline(work, call, deadlineMs);
  }

  async #disconnect(): Promise<void> {
    const deadlineMs = ATTEMPT_TIMEOUTS * this.#options.requestTimeoutMs;
    // Whether a producer that is not used any more says goodbye well or badly concerns nobody.
    await withinDeadline(this.#producer.disconnect(), 'disconnect', deadlineMs).catch(() => undefined);
  }

  #learn(topic: string, metadata: readonly PartitionMetadata[]): KnownTopic {
    const known = this.#known.get(topic);
    // The same array means the same answer of the brokers, which does not get younger by being looked at.
    if (known?.metadata === metadata) return known;
    const leaders = new Map(metadata.map(({ partitionId, leader }) => [partitionId, leader]));
    const learned = { metadata, leaders, since: this.#options.clock.now() };
    this.#known.set(topic, learned);
    return learned;
  }
}
