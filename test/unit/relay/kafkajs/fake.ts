import {
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  type ProducerBatch,
  type ProducerConfig,
  type RecordMetadata,
} from 'kafkajs';
import { errorCodes } from 'kafkajs/src/protocol/error';
import type { Message } from '../../../../lib/event/message';
import type { KafkaClient } from '../../../../lib/relay/kafkajs/partition-answers';
import type { PartitionBatch } from '../../../../lib/relay/ports';

/** A broker's error response. */
export const protocolError = (type: string): KafkaJSProtocolError => {
  const known = errorCodes.find((error) => error.type === type);
  if (known === undefined) throw new Error(`${type} is no error of the protocol`);
  return new KafkaJSProtocolError(Object.assign(new Error(known.message), known));
};

const exhausted = (cause: Error): Error => new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 2, retryTime: 200 });

export const forever = (): Promise<never> => new Promise<never>(() => undefined);

export const message = (topic: string, value: string): Message => ({
  topic,
  key: Buffer.from('key'),
  value: Buffer.from(value),
  headers: { ce_id: value },
});

/** A batch of one message for `topic-partition`. */
export const batch = (name: string, value = name): PartitionBatch => {
  const [topic = '', partition] = name.split('-');
  return { topic, partition: Number(partition), messages: [message(topic, value)] };
};

export interface Send {
  /** The producer's number, from 1. */
  readonly producer: number;
  readonly partitions: readonly string[];
}

/** The returned partitions are written. The response omits the others, as with kafkajs when a leader moves. */
type Reaction = (send: Send, nth: number) => readonly string[] | Promise<readonly string[]>;

/** A Kafka with kafkajs's behaviour: one producer's topics are refreshed together, and partition -1 is never sent. */
export class FakeKafka {
  readonly topics = new Map<string, number>();
  /** The first broker of each client, in the order in which producers connected. */
  readonly connects: string[] = [];
  readonly sends: Send[] = [];
  readonly requests: ProducerBatch[] = [];
  readonly configs: ProducerConfig[] = [];
  readonly disconnects: number[] = [];
  lookups = 0;
  onConnect: (broker: string, nth: number) => void | Promise<void> = () => undefined;
  onSend: Reaction = ({ partitions }) => partitions;
  onLookup: (nth: number) => void | Promise<void> = () => undefined;
  /** Partitions without all replicas in sync. */
  readonly behind = new Set<string>();
  /** The brokers' response for a partition instead of an offset: the name of a protocol error. */
  readonly refusals = new Map<string, string>();
  /** The leader of a partition, if it is not broker 1. */
  readonly leaders = new Map<string, number>();
  /** Partitions without a leader. */
  readonly leaderless = new Set<string>();
  #producers = 0;
  readonly #ends = new Map<string, number>();

  constructor(topics: Readonly<Record<string, number>> = { a: 4, b: 4 }) {
    for (const [topic, partitions] of Object.entries(topics)) this.topics.set(topic, partitions);
  }

  readonly connect = ([first = '']: readonly string[]): KafkaClient => ({
    producer: (config) => {
      const producer = ++this.#producers;
      const partitioner = config.createPartitioner?.();
      const targets = new Set<string>();
      this.configs.push(config);
      return {
        connect: async () => {
          this.connects.push(first);
          await this.onConnect(first, this.connects.length);
        },
        disconnect: () => {
          this.disconnects.push(producer);
          return Promise.resolve();
        },
        sendBatch: async (request) => {
          const { topicMessages = [] } = request;
          const before = new Set(targets);
          for (const { topic } of topicMessages) targets.add(topic);
          const unknown = [...targets].find((topic) => !this.topics.has(topic));
          if (unknown !== undefined) {
            targets.clear();
            for (const topic of before) targets.add(topic);
            this.lookups++;
            await this.onLookup(this.lookups);
            if (!this.topics.has(unknown)) throw exhausted(protocolError('UNKNOWN_TOPIC_OR_PARTITION'));
          }
          const partitions = new Set<string>();
          for (const { topic, messages } of topicMessages) {
            const partitionMetadata = Array.from({ length: this.topics.get(topic) ?? 0 }, (_, partitionId) => ({
              partitionErrorCode: 0,
              partitionId,
              leader: this.#leaderOf(`${topic}-${partitionId}`),
              replicas: [1, 2],
              isr: this.behind.has(`${topic}-${partitionId}`) ? [1] : [1, 2],
            }));
            for (const each of messages) {
              const partition = partitioner?.({ topic, partitionMetadata, message: each }) ?? 0;
              if (partition in partitionMetadata) partitions.add(`${topic}-${partition}`);
            }
          }
          if (partitions.size === 0) {
            this.lookups++;
            await this.onLookup(this.lookups);
            return [];
          }
          const send = { producer, partitions: [...partitions] };
          this.requests.push(request);
          this.sends.push(send);
          return (await this.onSend(send, this.sends.length)).map((name) => this.#append(name));
        },
      };
    },
  });

  #leaderOf(name: string): number {
    return this.leaderless.has(name) ? -1 : (this.leaders.get(name) ?? 1);
  }

  #append(name: string): RecordMetadata {
    const { topic: topicName, partition } = batch(name);
    const refusal = this.refusals.get(name);
    if (refusal !== undefined) {
      const error = protocolError(refusal);
      return { topicName, partition, errorCode: error.code, baseOffset: '-1', ...{ error } };
    }
    const end = this.#ends.get(name) ?? 0;
    this.#ends.set(name, end + 1);
    return { topicName, partition, errorCode: 0, baseOffset: String(end) };
  }
}
