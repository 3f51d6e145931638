import { Kafka, logLevel, type Consumer } from 'kafkajs';
import { registerCodecs } from '../../../lib/kafka/codecs/codecs';
import { withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';

/** A message as a consumer sees it. */
export interface Arrival {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** How long a broker keeps a request while it has no message; it sends a new message at once. */
const MAX_WAIT_MS = 1_000;
const CAUGHT_UP_MS = 180_000;

/** Reads whole topics from the beginning, as a plain kafkajs consumer does. */
export class TopicReader {
  readonly arrivals: Arrival[] = [];
  readonly #consumer: Consumer;
  readonly #brokers: readonly string[];
  readonly #topics: readonly string[];
  /** Tests look for the messages of a thousand keys again and again. */
  readonly #byKey = new Map<string, Arrival[]>();
  /** Places of the messages, with their times: a topic may be made again. kafkajs delivers again what it did not commit. */
  readonly #places = new Set<string>();
  /** Offset of the latest message, by topic and partition. */
  readonly #latest = new Map<string, bigint>();

  private constructor(consumer: Consumer, brokers: readonly string[], topics: readonly string[]) {
    this.#consumer = consumer;
    this.#brokers = brokers;
    this.#topics = topics;
  }

  static async start(brokers: readonly string[], topics: readonly string[]): Promise<TopicReader> {
    registerCodecs();
    const consumer = new Kafka({
      clientId: 'topic-reader',
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 60, maxRetryTime: 1_000 },
    }).consumer({ groupId: `reader-${Math.random().toString(36).slice(2)}`, maxWaitTimeInMs: MAX_WAIT_MS });
    const reader = new TopicReader(consumer, brokers, topics);
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ topic, partition, message }) => {
        const place = `${topic}-${partition}@${message.offset} ${message.timestamp}`;
        if (reader.#places.has(place)) return Promise.resolve();
        reader.#places.add(place);
        reader.#latest.set(`${topic}-${partition}`, BigInt(message.offset));
        reader.#take({
          topic,
          partition,
          offset: message.offset,
          key: message.key?.toString() ?? '',
          value: message.value?.toString(),
          at: Date.now(),
          headers: Object.fromEntries(
            Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
          ),
        });
        return Promise.resolve();
      },
    });
    return reader;
  }

  /** Resolves after all current messages have arrived. Not for topics with transaction markers. */
  async caughtUp(): Promise<void> {
    const ends = await withAdmin(this.#brokers, (admin) =>
      Promise.all(
        this.#topics.map(async (topic) =>
          (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({
            place: `${topic}-${partition}`,
            ...{ low: BigInt(low), high: BigInt(high) },
          })),
        ),
      ),
    );
    const wanted = ends.flat().filter(({ low, high }) => low < high);
    await waitUntil('The arrival of the last message', CAUGHT_UP_MS, () =>
      wanted.every(({ place, high }) => (this.#latest.get(place) ?? -1n) >= high - 1n) ? true : undefined,
    );
  }

  #take(arrival: Arrival): void {
    this.arrivals.push(arrival);
    const ofKey = this.#byKey.get(arrival.key);
    if (ofKey === undefined) this.#byKey.set(arrival.key, [arrival]);
    else ofKey.push(arrival);
  }

  /** Every message of a key, including repetitions. */
  ofKey(key: string): Arrival[] {
    return [...(this.#byKey.get(key) ?? [])];
  }

  /** Ids in the order of their first arrivals. */
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
