import { Kafka, logLevel, type KafkaMessage, type Producer } from 'kafkajs';

/** Rare enough that the demo still shows first deliveries. */
const REPEATED_EVERY = 5;

/**
 * Delivers every fifth event of a topic a second time, byte for byte, like a relay that dies between publishing an
 * event and marking it.
 */
export class Repeater {
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #seen = new Set<string>();
  #repeated = 0;

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  static async start(brokers: readonly string[], topic: string): Promise<Repeater> {
    const kafka = new Kafka({ clientId: 'demo-repeater', brokers: [...brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    return new Repeater(producer, topic);
  }

  /** Events that were delivered a second time. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Publishes every fifth event again, and then resolves when Kafka has acknowledged the copy. */
  async seen(topic: string, partition: number, id: string, message: KafkaMessage): Promise<void> {
    if (topic !== this.#topic || this.#seen.has(id)) return;
    this.#seen.add(id);
    if (this.#seen.size % REPEATED_EVERY > 0) return;
    const { key, value, headers } = message;
    await this.#producer.send({ topic, acks: -1, messages: [{ partition, key, value, headers }] });
    this.#repeated += 1;
  }

  stop(): Promise<void> {
    return this.#producer.disconnect();
  }
}
