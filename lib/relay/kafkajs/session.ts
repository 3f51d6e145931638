import { partitionName } from '../../event/topic-partition';
import {
  CompressionTypes,
  type PartitionMetadata,
  type ProducerBatch,
  type RecordMetadata,
  type Message as KafkaMessage,
  type TopicMessages,
} from 'kafkajs';
import { KAFKA_RETRY } from '../../kafka/retry';
import { protocolErrorOf } from '../../kafka/protocol-error';
import { ATTEMPT_TIMEOUTS, type Compression, type RelayConfig } from '../environment';
import { withinDeadline } from '../publishing/deadline';
import {
  withPartitionAnswers,
  acknowledgedOffsets,
  answeredErrors,
  type KafkaClient,
  type KafkaProducer,
} from './partition-answers';
import {
  allFailed,
  BROKER_WAITS,
  CONNECT_TIMEOUTS,
  KafkaAnswerIncomplete,
  METADATA_MAX_AGE_MS,
  NO_LEADER,
  PartitionWithoutLeader,
  type ProducerSession,
  type SendFailure,
  type SendResult,
} from '../publishing/session';
import type { Clock, PartitionBatch } from '../ports';
import { registerZstd } from '../../kafka/codecs/zstd';

export interface SessionOptions extends Pick<RelayConfig, 'compression' | 'requestTimeoutMs'> {
  readonly clock: Clock;
}

/** No topic has it: kafkajs passes the metadata to the partitioner, finds no leader, and sends nothing. */
const NO_PARTITION = -1;

const probeOf = (topics: readonly string[]): ProducerBatch => ({
  topicMessages: topics.map((topic) => ({ topic, messages: [{ value: null, partition: NO_PARTITION }] })),
});

const WITHOUT_LEADER: ReadonlySet<string> = new Set(['LEADER_NOT_AVAILABLE', 'LISTENER_NOT_FOUND']);

interface KnownTopic {
  readonly metadata: readonly PartitionMetadata[];
  /** By partition; -1 without a leader. */
  readonly leaders: ReadonlyMap<number, number>;
  readonly fetchedAt: number;
}

/**
 * One idempotent producer, from connect to its first failure. A failure that a broker reported for one partition ends
 * the session for that partition only, because a producer counts its sequence numbers by partition. After any other
 * failure only `discard` may be called.
 */
export class KafkajsSession implements ProducerSession {
  /** Topics whose metadata kafkajs refreshes together. If one of them is deleted, a send to any other fails. */
  readonly #topics = new Set<string>();
  #lastUsed: number;
  readonly #producer: KafkaProducer;
  readonly #options: SessionOptions;
  readonly #known = new Map<string, KnownTopic>();
  readonly #pending = new Set<Promise<unknown>>();
  /** Partitions for which this producer must no longer be used, with the errors of their sends. */
  readonly #failed = new Map<string, unknown>();
  /** Partitions for which the partitioner accepted a message since their last send began. */
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
          // If kafkajs looked for the missing leader, it would fail all messages of the send.
          if (leaders.get(partition) === NO_LEADER) return NO_PARTITION;
          if (partition !== NO_PARTITION) this.#routed.add(partitionName({ topic, partition }));
          return partition;
        },
    });
  }

  /** Connects to use `topic`. Rejects if no producer id arrives in time, and ends that connect in the background. */
  static async open(client: KafkaClient, options: SessionOptions, topic: string): Promise<KafkajsSession> {
    const session = new KafkajsSession(client, options);
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

  /** Whether a refusal can only concern `topic`: refusals of kafkajs name no topic. */
  knowsNoOther(topic: string): boolean {
    return this.#topics.size === 0 || (this.#topics.size === 1 && this.#topics.has(topic));
  }

  knows(topic: string): boolean {
    return this.#topics.has(topic);
  }

  knownPartitions(topic: string): number | undefined {
    const known = this.#known.get(topic);
    const fresh = known !== undefined && this.#options.clock.now() - known.fetchedAt < METADATA_MAX_AGE_MS;
    return fresh ? known.metadata.length : undefined;
  }

  /**
   * Requests the partitions of a topic over the producer's own connection; a new session asks the brokers again.
   * kafkajs's admin client would log in again, and MSK limits the rate of IAM connections. Rejects with the error of
   * kafkajs; the session survives a refused topic.
   */
  async lookUp(topic: string): Promise<readonly PartitionMetadata[]> {
    await this.#sendBatch(probeOf([topic]), 'metadata request');
    this.#topics.add(topic);
    const metadata = this.#known.get(topic)?.metadata;
    if (metadata === undefined) throw new KafkaAnswerIncomplete([topic]);
    return metadata;
  }

  /** The error because of which this session must not be used for a partition, if any. */
  failureOf(batch: PartitionBatch): { readonly error: unknown } | undefined {
    const name = partitionName(batch);
    return this.#failed.has(name) ? { error: this.#failed.get(name) } : undefined;
  }

  /**
   * Sends the batches in one request per leader, so that the result of one broker does not depend on the others. Never
   * rejects; takes at most `timeouts` request timeouts.
   */
  async send(batches: readonly PartitionBatch[], timeouts = ATTEMPT_TIMEOUTS): Promise<SendResult> {
    const deadlineMs = timeouts * this.#options.requestTimeoutMs;
    const began = this.#options.clock.now();
    for (const { topic } of batches) this.#topics.add(topic);
    const unknown = new Set(batches.map(({ topic }) => topic).filter((topic) => !this.#known.has(topic)));
    try {
      // kafkajs would request the metadata itself, but only after the batches are grouped by leader.
      if (unknown.size > 0) await this.#sendBatch(probeOf([...unknown]), 'metadata request', deadlineMs);
    } catch (error) {
      return allFailed(batches, error, (batch) => this.#leaderOf(batch));
    }
    const restMs = deadlineMs - (this.#options.clock.now() - began);
    const requests = [...Map.groupBy(batches, (batch) => this.#leaderOf(batch)).values()];
    const results = await Promise.all(requests.map((request) => this.#sendRequest(request, restMs)));
    const failures = new Map(results.flatMap((result) => [...result.failures]));
    for (const [batch, { error }] of failures) this.#failed.set(partitionName(batch), error);
    return {
      offsets: new Map(results.flatMap(({ offsets }) => [...offsets])),
      failures,
      spentBy: results.find(({ spentBy }) => spentBy !== undefined)?.spentBy,
    };
  }

  /**
   * Ends the producer. Resolves when it has disconnected or does not respond; never rejects. kafkajs connects again for
   * retries, so this waits for abandoned calls and then closes the connections that they opened.
   */
  async discard(): Promise<void> {
    await this.#disconnect();
    if (this.#pending.size === 0) return;
    await Promise.allSettled(this.#pending);
    await this.#disconnect();
  }

  /**
   * While kafkajs knows no topic, it asks for all topics of the cluster. That fails if any partition of the cluster has
   * no leader, even one of an unrelated topic. The producer is connected by then; with one topic to ask for instead, it
   * gets its producer id.
   */
  async #connect(topic: string): Promise<void> {
    try {
      await this.#producer.connect();
    } catch (error) {
      if (!WITHOUT_LEADER.has(protocolErrorOf(error) ?? '')) throw error;
      await this.#producer.sendBatch(probeOf([topic]));
      await this.#producer.connect();
      this.#topics.add(topic);
    }
  }

  async #sendRequest(batches: readonly PartitionBatch[], deadlineMs: number): Promise<SendResult> {
    for (const batch of batches) this.#routed.delete(partitionName(batch));
    const failures = new Map<PartitionBatch, SendFailure>();
    try {
      const answer = await this.#sendBatch({ topicMessages: topicMessagesOf(batches) }, 'send', deadlineMs);
      const offsets = acknowledgedOffsets(batches, answer);
      const errors = answeredErrors(answer);
      const unnamed: PartitionBatch[] = [];
      for (const batch of batches) {
        const name = partitionName(batch);
        if (offsets.has(batch)) continue;
        if (errors.has(name))
          failures.set(batch, { error: errors.get(name), isOwn: true, leader: this.#leaderOf(batch) });
        else if (this.#leaderOf(batch) === NO_LEADER && !this.#routed.has(name)) {
          failures.set(batch, { error: new PartitionWithoutLeader(name), isOwn: true });
        } else unnamed.push(batch);
      }
      if (unnamed.length === 0) return { offsets, failures };
      const spentBy = new KafkaAnswerIncomplete(unnamed.map(partitionName));
      for (const batch of unnamed) failures.set(batch, { error: spentBy, isOwn: false, leader: this.#leaderOf(batch) });
      return { offsets, failures, spentBy };
    } catch (error) {
      return allFailed(batches, error, (batch) => this.#leaderOf(batch));
    }
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
    // The producer is no longer used, so a failed disconnect has no effect.
    await withinDeadline(this.#producer.disconnect(), 'disconnect', deadlineMs).catch(() => undefined);
  }

  #learn(topic: string, metadata: readonly PartitionMetadata[]): KnownTopic {
    const known = this.#known.get(topic);
    // The same array is the same broker response, whose age does not restart.
    if (known?.metadata === metadata) return known;
    const leaders = new Map(metadata.map(({ partitionId, leader }) => [partitionId, leader]));
    const learned = { metadata, leaders, fetchedAt: this.#options.clock.now() };
    this.#known.set(topic, learned);
    return learned;
  }
}

const TYPES: Readonly<Record<Compression, CompressionTypes>> = {
  zstd: CompressionTypes.ZSTD,
  gzip: CompressionTypes.GZIP,
  none: CompressionTypes.None,
};

/** The kafkajs type of a compression, with its codec registered. */
export function kafkaCompression(compression: Compression): CompressionTypes {
  if (compression === 'zstd') registerZstd();
  return TYPES[compression];
}

export function topicMessagesOf(batches: readonly PartitionBatch[]): TopicMessages[] {
  const byTopic = new Map<string, KafkaMessage[]>();
  for (const { topic, partition, messages } of batches) {
    let list = byTopic.get(topic);
    if (list === undefined) byTopic.set(topic, (list = []));
    for (const { key, value, headers } of messages) list.push({ key, value, headers, partition });
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}
