import type { Connection } from '@platformatic/kafka';
import { partitionName, type TopicPartition } from '../../event/topic-partition';
import { ATTEMPT_TIMEOUTS, type RelayConfig } from '../environment';
import type { Clock, PartitionBatch } from '../ports';
import { withinDeadline } from '../publishing/deadline';
import type { Compressor } from '../publishing/produce-request';
import {
  allFailed,
  BROKER_WAITS,
  CONNECT_TIMEOUTS,
  KafkaAnswerIncomplete,
  METADATA_MAX_AGE_MS,
  NO_LEADER,
  PartitionWithoutLeader,
  type PartitionState,
  type ProducerSession,
  type SendFailure,
  type SendResult,
} from '../publishing/session';
import type { PlatformaticClient } from './client';
import { compressorOf } from './compression';
import { Connections } from './connections';
import { BrokerRefusal, KafkaCallFailed } from './errors';
import { produce, requestMetadata, requestProducerId, type ProduceResponse, type ProducerIdentity } from './requests';

export interface SessionOptions extends Pick<RelayConfig, 'compression' | 'requestTimeoutMs'> {
  readonly clock: Clock;
}

interface KnownTopic {
  /** By partition. */
  readonly partitions: ReadonlyMap<number, PartitionState>;
  readonly fetchedAt: number;
}

/** The address of the partition's leader, or why nothing is sent. */
type Route = { readonly broker: string } | SendFailure;

const ALL_REPLICAS = -1;
/** Sequence numbers begin again after the largest integer of 32 bits. */
const MAX_SEQUENCE = 0x7fff_ffff;

/**
 * A producer over the connections, logins and answers of @platformatic/kafka. It does not use the client's own producer,
 * which repeats requests by itself and rejects a whole send for the error of one partition.
 *
 * Each number of a partition's sequence is used for one request only. A broker can therefore never take a record for a
 * copy of an earlier one.
 */
export class PlatformaticSession implements ProducerSession {
  readonly #connections: Connections;
  readonly #options: SessionOptions;
  /** The broker that is asked for metadata. */
  readonly #bootstrap: string;
  readonly #identity: ProducerIdentity;
  readonly #compressor: Compressor | undefined;
  /** Addresses by node id. */
  readonly #brokers = new Map<number, string>();
  readonly #topics = new Map<string, KnownTopic>();
  /** Metadata requests in progress, by their topics. */
  readonly #lookUps = new Map<string, Promise<ReadonlyMap<string, BrokerRefusal>>>();
  /** The next sequence number of each partition. */
  readonly #sequences = new Map<string, number>();
  /** Partitions for which this producer must no longer be used, with the errors of their sends. */
  readonly #failed = new Map<string, unknown>();
  #lastUsed: number;

  private constructor(
    connections: Connections,
    options: SessionOptions,
    bootstrap: string,
    identity: ProducerIdentity,
  ) {
    this.#connections = connections;
    this.#options = options;
    this.#bootstrap = bootstrap;
    this.#identity = identity;
    this.#compressor = compressorOf(options.compression);
    this.#lastUsed = options.clock.now();
  }

  /** Connects to a broker and gets a producer id from it. Rejects in time, and ends the connection then. */
  static async open(client: PlatformaticClient, options: SessionOptions, broker: string): Promise<PlatformaticSession> {
    const connections = new Connections(client, options.clock);
    const identity = callAt(connections, broker, 'producer id request', requestProducerId);
    try {
      const connected = await withinDeadline(identity, 'connect', CONNECT_TIMEOUTS * options.requestTimeoutMs);
      return new PlatformaticSession(connections, options, broker, connected);
    } catch (error) {
      void connections.end();
      throw error;
    }
  }

  idleMs(): number {
    return this.#options.clock.now() - this.#lastUsed;
  }

  isExpiring(): boolean {
    return this.#options.clock.now() >= this.#connections.endsAt;
  }

  /** Every answer names its topics. */
  knowsNoOther(): boolean {
    return true;
  }

  /** Metadata are requested for the topics of a send only. */
  knows(): boolean {
    return false;
  }

  knownPartitions(topic: string): number | undefined {
    const known = this.#topics.get(topic);
    return known !== undefined && this.#isFresh(known) ? known.partitions.size : undefined;
  }

  async lookUp(topic: string): Promise<readonly PartitionState[]> {
    const deadlineMs = ATTEMPT_TIMEOUTS * this.#options.requestTimeoutMs;
    const refused = await withinDeadline(this.#lookUp([topic]), 'metadata request', deadlineMs);
    const refusal = refused.get(topic);
    if (refusal !== undefined) throw refusal;
    const known = this.#topics.get(topic);
    if (known === undefined) throw new KafkaAnswerIncomplete([topic]);
    return [...known.partitions.values()];
  }

  failureOf(batch: PartitionBatch): { readonly error: unknown } | undefined {
    const name = partitionName(batch);
    return this.#failed.has(name) ? { error: this.#failed.get(name) } : undefined;
  }

  async send(batches: readonly PartitionBatch[], timeouts = ATTEMPT_TIMEOUTS): Promise<SendResult> {
    const deadlineMs = timeouts * this.#options.requestTimeoutMs;
    const began = this.#options.clock.now();
    const failures = new Map<PartitionBatch, SendFailure>();
    const requests = new Map<string, PartitionBatch[]>();
    try {
      const refused = await withinDeadline(this.#learn(batches), 'metadata request', deadlineMs);
      for (const batch of batches) {
        const route = this.#routeOf(batch, refused);
        if ('error' in route) failures.set(batch, route);
        else requests.set(route.broker, [...(requests.get(route.broker) ?? []), batch]);
      }
    } catch (error) {
      return this.#allFailed(batches, error);
    }
    const restMs = deadlineMs - (this.#options.clock.now() - began);
    const results = await Promise.all(
      [...requests].map(([broker, request]) => this.#sendRequest(broker, request, restMs)),
    );
    const sent = results.flatMap((result) => [...result.failures]);
    for (const [batch, { error }] of sent) this.#failed.set(partitionName(batch), error);
    return {
      offsets: new Map(results.flatMap(({ offsets }) => [...offsets])),
      failures: new Map([...failures, ...sent]),
      spentBy: results.find(({ spentBy }) => spentBy !== undefined)?.spentBy,
    };
  }

  async discard(): Promise<void> {
    const deadlineMs = ATTEMPT_TIMEOUTS * this.#options.requestTimeoutMs;
    // The producer is no longer used, so a failed disconnect has no effect.
    await withinDeadline(this.#connections.end(), 'disconnect', deadlineMs).catch(() => undefined);
  }

  async #sendRequest(broker: string, batches: readonly PartitionBatch[], deadlineMs: number): Promise<SendResult> {
    const { requestTimeoutMs } = this.#options;
    const request = {
      ...{ acks: ALL_REPLICAS, timeout: Math.ceil(BROKER_WAITS * requestTimeoutMs), ...this.#identity },
      topicData: [...Map.groupBy(batches, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
        topic,
        partitions: ofTopic.map((batch) => ({ ...batch, firstSequence: this.#takeSequence(batch) })),
      })),
    };
    const call = callAt(this.#connections, broker, 'send', (connection) =>
      produce(connection, request, this.#compressor),
    );
    let answers: ReadonlyMap<string, PartitionAnswer>;
    try {
      answers = answersOf(await withinDeadline(call, 'send', deadlineMs));
    } catch (error) {
      return this.#allFailed(batches, error);
    }
    this.#lastUsed = this.#options.clock.now();
    return this.#resultOf(batches, answers);
  }

  #resultOf(batches: readonly PartitionBatch[], answers: ReadonlyMap<string, PartitionAnswer>): SendResult {
    const offsets = new Map<PartitionBatch, bigint>();
    const failures = new Map<PartitionBatch, SendFailure>();
    const unnamed: PartitionBatch[] = [];
    for (const batch of batches) {
      const answer = answers.get(partitionName(batch));
      if (answer === undefined) unnamed.push(batch);
      else if ('baseOffset' in answer) offsets.set(batch, answer.baseOffset);
      else failures.set(batch, { ...answer, isOwn: true, leader: this.#leaderOf(batch) });
    }
    if (unnamed.length === 0) return { offsets, failures };
    const spentBy = new KafkaAnswerIncomplete(unnamed.map(partitionName));
    return { offsets, failures: new Map([...failures, ...this.#allFailed(unnamed, spentBy).failures]), spentBy };
  }

  #routeOf(batch: PartitionBatch, refused: ReadonlyMap<string, BrokerRefusal>): Route {
    const refusal = refused.get(batch.topic);
    // Not the partition's own: not every broker knows a new topic or a new permission at once.
    if (refusal !== undefined) return { error: refusal, isOwn: false };
    const state = this.#stateOf(batch);
    // Never sent: the client would write such a batch to another partition.
    if (state === undefined) return { error: new BrokerRefusal(UNKNOWN_TOPIC_OR_PARTITION), isOwn: true };
    const broker = this.#brokers.get(state.leader);
    if (broker === undefined) return { error: new PartitionWithoutLeader(partitionName(batch)), isOwn: true };
    return { broker };
  }

  /**
   * Requests the metadata that a send needs: of topics that are unknown or old, or that showed no leader for a
   * partition. Resolves with the topics that the broker refused.
   */
  async #learn(batches: readonly PartitionBatch[]): Promise<ReadonlyMap<string, BrokerRefusal>> {
    const topics = new Set(batches.filter((batch) => this.#needsMetadata(batch)).map(({ topic }) => topic));
    return topics.size === 0 ? new Map<string, BrokerRefusal>() : this.#lookUp([...topics]);
  }

  #needsMetadata(batch: PartitionBatch): boolean {
    const known = this.#topics.get(batch.topic);
    return known === undefined || !this.#isFresh(known) || (this.#leaderOf(batch) ?? NO_LEADER) === NO_LEADER;
  }

  /** Several sends at once share a request for the same topics. */
  #lookUp(topics: readonly string[]): Promise<ReadonlyMap<string, BrokerRefusal>> {
    const key = topics.join(' ');
    const current = this.#lookUps.get(key);
    if (current !== undefined) return current;
    const request = this.#request(topics).finally(() => this.#lookUps.delete(key));
    this.#lookUps.set(key, request);
    return request;
  }

  async #request(topics: readonly string[]): Promise<ReadonlyMap<string, BrokerRefusal>> {
    const answer = await callAt(this.#connections, this.#bootstrap, 'metadata request', (connection) =>
      requestMetadata(connection, topics),
    );
    const fetchedAt = this.#options.clock.now();
    this.#lastUsed = fetchedAt;
    for (const { nodeId, host, port } of answer.brokers) this.#brokers.set(nodeId, `${host}:${port}`);
    const refused = new Map<string, BrokerRefusal>();
    for (const { name, errorCode, partitions } of answer.topics) {
      if (errorCode === 0) {
        const states = partitions.map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => {
          const state = { partitionId: partitionIndex, leader: leaderId, replicas: replicaNodes, isr: isrNodes };
          return [partitionIndex, state] as const;
        });
        this.#topics.set(name, { partitions: new Map(states), fetchedAt });
      } else {
        this.#topics.delete(name);
        refused.set(name, new BrokerRefusal(errorCode));
      }
    }
    return refused;
  }

  #isFresh({ fetchedAt }: KnownTopic): boolean {
    return this.#options.clock.now() - fetchedAt < METADATA_MAX_AGE_MS;
  }

  #stateOf({ topic, partition }: TopicPartition): PartitionState | undefined {
    return this.#topics.get(topic)?.partitions.get(partition);
  }

  #leaderOf(batch: PartitionBatch): number | undefined {
    return this.#stateOf(batch)?.leader;
  }

  #takeSequence(batch: PartitionBatch): number {
    const name = partitionName(batch);
    const first = this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, (first + batch.messages.length) % (MAX_SEQUENCE + 1));
    return first;
  }

  #allFailed(batches: readonly PartitionBatch[], error: unknown): SendResult {
    return allFailed(batches, error, (batch) => this.#leaderOf(batch));
  }
}

const UNKNOWN_TOPIC_OR_PARTITION = 3;

/** @throws KafkaCallFailed if no answer arrives. */
async function callAt<T>(
  connections: Connections,
  broker: string,
  call: string,
  request: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connections.to(broker);
  try {
    return await request(connection);
  } catch (error) {
    throw error instanceof BrokerRefusal ? error : new KafkaCallFailed(call, broker, error);
  }
}

type PartitionAnswer = { readonly baseOffset: bigint } | { readonly error: BrokerRefusal };

/** The broker's answer by partition. An answer without an error and without an offset proves nothing, and is left out. */
function answersOf({ responses }: ProduceResponse): Map<string, PartitionAnswer> {
  const answers = new Map<string, PartitionAnswer>();
  for (const { name: topic, partitionResponses } of responses) {
    for (const { index: partition, errorCode, errorMessage, baseOffset } of partitionResponses) {
      const name = partitionName({ topic, partition });
      if (errorCode !== 0) answers.set(name, { error: new BrokerRefusal(errorCode, errorMessage) });
      else if (baseOffset >= 0n) answers.set(name, { baseOffset });
    }
  }
  return answers;
}
