import type { PartitionMetadata, Producer, ProducerBatch, ProducerConfig, RecordMetadata } from 'kafkajs';
import { KAFKA_RETRY } from '../../kafka/retry';
import { protocolError } from '../classify';
import { ATTEMPT_TIMEOUTS, type Compression } from '../environment';
import { acknowledgedOffsets, KafkaAnswerIncomplete, nameOf } from './acknowledgement';
import { kafkaCompression } from './compression';
import { withinDeadline } from './deadline';
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

/** What one send achieved: the first offsets of what is proven to be written, and why the rest is not. */
export interface SendResult {
  readonly offsets: ReadonlyMap<PartitionBatch, bigint>;
  readonly error?: unknown;
}

/** Of the time for connecting, so that a silent broker leaves enough for the next one. */
const CONNECT_TIMEOUTS = 1.25;

/** How old a topic's metadata may become before it is asked for again. */
const METADATA_MAX_AGE_MS = 4 * 60_000;

/** No topic has it: kafkajs shows the topic's metadata to the partitioner, finds no leader, and sends nothing. */
const NO_PARTITION = -1;

const probeOf = (topic: string): ProducerBatch => ({
  topicMessages: [{ topic, messages: [{ value: null, partition: NO_PARTITION }] }],
});

const WITHOUT_LEADER: ReadonlySet<string> = new Set(['LEADER_NOT_AVAILABLE', 'LISTENER_NOT_FOUND']);

interface KnownTopic {
  readonly metadata: readonly PartitionMetadata[];
  readonly since: number;
}

/** One idempotent producer from connect to its first failure. After a failure only `discard` may be called. */
export class KafkaSession {
  /** Topics whose metadata kafkajs refreshes together: one of them deleted fails a send to any other. */
  readonly #topics = new Set<string>();
  #lastUsed: number;
  readonly #producer: KafkaProducer;
  readonly #options: SessionOptions;
  readonly #known = new Map<string, KnownTopic>();
  readonly #pending = new Set<Promise<unknown>>();

  private constructor(client: KafkaClient, options: SessionOptions) {
    this.#options = options;
    this.#lastUsed = options.clock.now();
    this.#producer = client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      retry: KAFKA_RETRY,
      createPartitioner:
        () =>
        ({ topic, partitionMetadata, message }) => {
          this.#learn(topic, partitionMetadata);
          return message.partition ?? NO_PARTITION;
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
      await session.#bounded(session.#connect(topic), 'connect', CONNECT_TIMEOUTS);
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
    await this.#sendBatch(probeOf(topic), 'metadata request');
    this.#topics.add(topic);
    const metadata = this.#known.get(topic)?.metadata;
    if (metadata === undefined) throw new KafkaAnswerIncomplete([topic]);
    return metadata;
  }

  /** Sends the batches in one go; never rejects. Anything but an offset for each batch spends the session. */
  async send(batches: readonly PartitionBatch[]): Promise<SendResult> {
    for (const { topic } of batches) this.#topics.add(topic);
    try {
      const answer = await this.#sendBatch({ topicMessages: topicMessagesOf(batches) }, 'send');
      const offsets = acknowledgedOffsets(batches, answer);
      const unnamed = batches.filter((batch) => !offsets.has(batch)).map(nameOf);
      return unnamed.length === 0 ? { offsets } : { offsets, error: new KafkaAnswerIncomplete(unnamed) };
    } catch (error) {
      return { offsets: new Map(), error };
    }
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
      await this.#producer.sendBatch(probeOf(topic));
      await this.#producer.connect();
      this.#topics.add(topic);
    }
  }

  async #sendBatch(batch: ProducerBatch, call: string): Promise<RecordMetadata[]> {
    const { compression, requestTimeoutMs: timeout } = this.#options;
    const request = { ...batch, acks: -1, timeout, compression: kafkaCompression(compression) };
    const answer = await this.#bounded(this.#producer.sendBatch(request), call, ATTEMPT_TIMEOUTS);
    this.#lastUsed = this.#options.clock.now();
    return answer;
  }

  #bounded<T>(work: Promise<T>, call: string, timeouts: number): Promise<T> {
    const forget = (): void => void this.#pending.delete(work);
    this.#pending.add(work);
    work.then(forget, forget);
    return withinDeadline(work, call, timeouts * this.#options.requestTimeoutMs);
  }

  async #disconnect(): Promise<void> {
    const deadlineMs = ATTEMPT_TIMEOUTS * this.#options.requestTimeoutMs;
    // Whether a producer that is not used any more says goodbye well or badly concerns nobody.
    await withinDeadline(this.#producer.disconnect(), 'disconnect', deadlineMs).catch(() => undefined);
  }

  #learn(topic: string, metadata: readonly PartitionMetadata[]): void {
    // The same array means the same answer of the brokers, which does not get younger by being looked at.
    if (this.#known.get(topic)?.metadata === metadata) return;
    this.#known.set(topic, { metadata, since: this.#options.clock.now() });
  }
}
