import {
  CompressionCodecs,
  CompressionTypes,
  Kafka,
  type PartitionMetadata,
  type Producer,
  type ProducerConfig,
  type RecordMetadata,
} from 'kafkajs';
import { partitionName } from '../../event/topic-partition';
import type { PartitionBatch } from '../ports';
import { encodeProduceRequest, type Compressor, type ProduceRequest } from '../publishing/produce-request';

export type KafkaProducer = Pick<Producer, 'connect' | 'disconnect' | 'sendBatch'>;

export interface KafkaClient {
  producer(config: ProducerConfig): KafkaProducer;
}

/** A broker's result for one partition of a produce request; `error` is the error that kafkajs would have thrown. */
export interface PartitionAnswer {
  readonly partition: number;
  readonly errorCode: number;
  readonly error?: unknown;
}

interface ProduceAnswer {
  readonly topics: readonly { readonly topicName: string; readonly partitions: readonly PartitionAnswer[] }[];
}

interface MetadataAnswer {
  readonly topicMetadata: readonly { readonly partitionMetadata: readonly PartitionMetadata[] }[];
}

/** Resolves with the answer, or rejects for the first error code in it. */
type Parse<A> = (answer: A) => Promise<A>;

interface Request {
  readonly apiVersion: number;
  /** Resolves with an encoder of kafkajs. */
  readonly encode: () => Promise<unknown>;
}

interface Exchange<A> {
  readonly request: Request;
  readonly response: { readonly decode: (payload: Buffer) => Promise<A>; readonly parse: Parse<A> };
}

type LookUpRequest = (apiKey: number, definition: unknown) => (parameters: unknown) => Exchange<never>;

interface Broker {
  lookupRequest: LookUpRequest;
  produce: (this: Broker, request: unknown) => Promise<ProduceAnswer>;
  metadata: (this: Broker, topics: readonly string[]) => Promise<MetadataAnswer>;
}

interface Cluster {
  readonly brokerPool: {
    createBroker(options: unknown): Broker;
    findConnectedBroker(): Promise<Broker>;
  };
  findControllerBroker(): Promise<Broker>;
}

type CreateCluster = (options: unknown) => Cluster;

const CREATE_CLUSTER = 'private:Kafka:createCluster';

/**
 * The same client, whose producers get the result of each partition.
 *
 * kafkajs rejects a whole request with the first error code in a broker's answer. The offsets of the other partitions
 * are then lost, and one partition without a leader hides the leaders of all others, even of other topics. Producers of
 * the returned client resolve with all offsets and codes instead, and accept metadata in which partitions have no
 * leader. They get their producer id from any broker that answers, not only from the controller. Errors of a whole
 * topic are still thrown. Other clients of the process are unchanged.
 *
 * @throws Error if `client` is a kafkajs client without the internals of version 2.2.4.
 */
export function withPartitionAnswers(client: KafkaClient): KafkaClient {
  const key = Object.getOwnPropertySymbols(client).find(({ description }) => description === CREATE_CLUSTER);
  if (key === undefined) {
    if (client instanceof Kafka) throw new UnknownKafkajs(`a client has no ${CREATE_CLUSTER}`);
    return client;
  }
  const createCluster = (client as unknown as Record<symbol, CreateCluster>)[key];
  if (typeof createCluster !== 'function') throw new UnknownKafkajs(`${CREATE_CLUSTER} of a client is no function`);
  const value: CreateCluster = (options) => adaptCluster(createCluster(options));
  return Object.create(client, { [key]: { value } }) as KafkaClient;
}

class UnknownKafkajs extends Error {
  override readonly name = 'UnknownKafkajs';

  constructor(found: string) {
    super(`This version of kafkajs is not the one that was read (2.2.4): ${found}. Install kafkajs 2.2.4.`);
  }
}

function adaptCluster(cluster: Cluster): Cluster {
  const { brokerPool } = cluster;
  requireMethods(cluster, 'cluster', ['findControllerBroker']);
  requireMethods(brokerPool, 'broker pool', ['createBroker', 'findConnectedBroker']);
  const createBroker = brokerPool.createBroker.bind(brokerPool);
  brokerPool.createBroker = (options) => adaptBroker(createBroker(options));
  // Only transactions need a specific broker, and the controller may be the unavailable one.
  cluster.findControllerBroker = () => brokerPool.findConnectedBroker();
  return cluster;
}

function adaptBroker(broker: Broker): Broker {
  requireMethods(broker, 'broker', ['produce', 'metadata', 'lookupRequest']);
  const { produce, metadata } = broker;
  broker.produce = (request) => produce.call(parsing(broker, keepCodes, encodedByUs), request);
  broker.metadata = (topics) => metadata.call(parsing(broker, topicErrorsOf(topics)), topics);
  return broker;
}

function requireMethods(object: object, name: string, methods: readonly string[]): void {
  const missing = methods.filter((method) => typeof (object as Record<string, unknown>)[method] !== 'function');
  if (missing.length > 0) throw new UnknownKafkajs(`a ${name} has no ${missing.join(' and no ')}`);
}

/**
 * The same broker, except that `parse` parses its answers and receives kafkajs's own parser, and that `change` may
 * replace its requests.
 */
function parsing<A>(
  broker: Broker,
  parse: (answer: A, original: Parse<A>) => Promise<A>,
  change: (request: Request, parameters: unknown) => Request = (request) => request,
): Broker {
  // Read at call time: the broker sets it when it connects.
  const value = (apiKey: number, definition: unknown): ((parameters: unknown) => Exchange<A>) => {
    const exchangeOf = broker.lookupRequest(apiKey, definition) as unknown as (parameters: unknown) => Exchange<A>;
    return (parameters) => {
      const { request, response } = exchangeOf(parameters);
      return {
        request: change(request, parameters),
        response: { ...response, parse: (answer) => parse(answer, response.parse) },
      };
    };
  };
  return Object.create(broker, { lookupRequest: { value } }) as Broker;
}

/** Whether kafkajs writes a version of the request with the body that {@link encodeProduceRequest} writes. */
export const hasEncodedBody = (version: number): boolean => version >= 3 && version <= 7;

/** The codec of kafkajs for a compression; `undefined` for none. */
export function compressorOf(type: CompressionTypes = CompressionTypes.None): Compressor | undefined {
  if (type === CompressionTypes.None) return undefined;
  const codec = CompressionCodecs[type]() as { compress(encoder: { readonly buffer: Buffer }): Promise<Buffer> };
  return { id: type, compress: (buffer) => codec.compress({ buffer }) };
}

/** The same request, written by {@link encodeProduceRequest}. */
const encodedByUs = (request: Request, parameters: unknown): Request =>
  hasEncodedBody(request.apiVersion)
    ? {
        ...request,
        encode: async () => {
          const { compression, ...produced } = parameters as ProduceRequest & {
            readonly compression?: CompressionTypes;
          };
          const buffer = await encodeProduceRequest(produced, compressorOf(compression));
          // The part of an encoder that kafkajs reads.
          return { buf: buffer, buffer };
        },
      }
    : request;

/** Keeps the codes in the answer, each with the error that kafkajs makes of it. */
async function keepCodes(answer: ProduceAnswer, parse: Parse<ProduceAnswer>): Promise<ProduceAnswer> {
  const topics = answer.topics.map(async ({ topicName, partitions }) => {
    const answers = partitions.map(async (partition) => {
      try {
        await parse({ ...answer, topics: [{ topicName, partitions: [partition] }] });
        return partition;
      } catch (error) {
        return { ...partition, error };
      }
    });
    return { topicName, partitions: await Promise.all(answers) };
  });
  return { ...answer, topics: await Promise.all(topics) };
}

/** Rejects with the error of a requested topic. An empty list requests all topics and throws no error. */
const topicErrorsOf =
  (topics: readonly string[]) =>
  async (answer: MetadataAnswer, parse: Parse<MetadataAnswer>): Promise<MetadataAnswer> => {
    if (topics.length > 0) {
      await parse({
        ...answer,
        topicMetadata: answer.topicMetadata.map((topic) => ({ ...topic, partitionMetadata: [] })),
      });
    }
    return answer;
  };

/**
 * The first offset of each batch, if the brokers' answer names one; other batches are not proven to be written. A
 * partition that is named twice was written twice: the lower offset is its first delivery.
 */
export function acknowledgedOffsets(
  batches: readonly PartitionBatch[],
  answer: readonly RecordMetadata[],
): Map<PartitionBatch, bigint> {
  const offsets = new Map<string, bigint>();
  for (const { topicName: topic, partition, errorCode, baseOffset } of answer) {
    if (errorCode !== 0 || baseOffset === undefined || !/^\d+$/.test(baseOffset)) continue;
    const name = partitionName({ topic, partition });
    const offset = BigInt(baseOffset);
    const known = offsets.get(name);
    if (known === undefined || offset < known) offsets.set(name, offset);
  }
  const acknowledged = new Map<PartitionBatch, bigint>();
  for (const batch of batches) {
    const offset = offsets.get(partitionName(batch));
    if (offset !== undefined) acknowledged.set(batch, offset);
  }
  return acknowledged;
}

/** The errors that brokers returned instead of an offset, by partition. */
export function answeredErrors(answer: readonly RecordMetadata[]): Map<string, unknown> {
  const errors = new Map<string, unknown>();
  for (const { topicName: topic, partition, error } of answer as readonly (RecordMetadata &
    Partial<PartitionAnswer>)[]) {
    if (error !== undefined) errors.set(partitionName({ topic, partition }), error);
  }
  return errors;
}
