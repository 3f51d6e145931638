import { Kafka, logLevel, type Consumer } from 'kafkajs';
import { registerZstd } from '../../../lib/kafka/zstd';

/** A message as a consumer sees it. */
export interface Arrival {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads whole topics from their beginning, as a plain kafkajs consumer does. */
export class TopicReader {
  readonly arrivals: Arrival[] = [];
  readonly #consumer: Consumer;

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  static async start(brokers: readonly string[], topics: readonly string[]): Promise<TopicReader> {
    registerZstd();
    const consumer = new Kafka({
      clientId: 'topic-reader',
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 60, maxRetryTime: 1_000 },
    }).consumer({ groupId: `reader-${Math.random().toString(36).slice(2)}`, maxWaitTimeInMs: 200 });
    const reader = new TopicReader(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ topic, partition, message }) => {
        reader.arrivals.push({
          topic,
          partition,
          offset: message.offset,
          key: message.key?.toString() ?? '',
          value: message.value?.toString(),
          headers: Object.fromEntries(
            Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
          ),
        });
        return Promise.resolve();
      },
    });
    return reader;
  }

  /** Every message of a key, repetitions included. */
  ofKey(key: string): Arrival[] {
    return this.arrivals.filter((arrival) => arrival.key === key);
  }

  /** Ids in the order in which each arrived first. */
  firstIds(key: string): string[] {
    return [...new Set(this.ofKey(key).map(({ headers }) => headers['ce_id'] ?? ''))];
  }

  ids(): Set<string> {
    return new Set(this.arrivals.map(({ headers }) => headers['ce_id'] ?? ''));
  }

  stop(): Promise<void> {
    return this.#consumer.disconnect();
  }
}
