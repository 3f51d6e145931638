import { Kafka, logLevel, type IHeaders, type KafkaMessage } from 'kafkajs';
import { registerCodecs } from '../../lib/kafka/codecs/codecs';
import { DemoError } from './errors';
import { streamOf, type Delivery } from './record';

export interface ConsumerOptions {
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  /** Epoch milliseconds. Earlier events are skipped, because a cluster may be used again. */
  readonly since: number;
  /** The consumer takes the next message when it resolves. */
  readonly onDelivery: (delivery: Delivery, message: KafkaMessage) => Promise<void>;
  readonly onFailure: (error: DemoError) => void;
}

/** Starts a plain kafkajs consumer in a group of its own. Resolves when it has its partitions. */
export async function startConsumer(options: ConsumerOptions): Promise<{ stop(): Promise<void> }> {
  const { brokers, topics, since, onDelivery, onFailure } = options;
  // The relay compresses with zstd by default, and kafkajs reads zstd only with a codec.
  registerCodecs();
  const kafka = new Kafka({ clientId: 'demo-consumer', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `demo-${process.pid}-${since}`, maxWaitTimeInMs: 500 });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (restart) return;
      const failure = new DemoError('consumer-failed', `The consumer gave up: ${error.message}`, { cause: error });
      onFailure(failure);
      reject(failure);
    });
  });
  // `onFailure` reports the failure too, so a rejection without a handler must not end the process.
  crashed.catch(() => undefined);
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      const arrivedAt = Date.now();
      const { key, headers = {}, offset } = message;
      if (Date.parse(header(headers, 'ce_time')) < since) return;
      const delivery: Delivery = {
        ...{ topic, partition, arrivedAt, offset: BigInt(offset) },
        id: header(headers, 'ce_id'),
        stream: streamOf(header(headers, 'ce_source'), key?.toString() ?? ''),
        sequence: header(headers, 'ce_sequence'),
      };
      await onDelivery(delivery, message);
    },
  });
  await Promise.race([joined, crashed]);
  return { stop: () => consumer.disconnect() };
}

/** A missing header counts as empty, so that its event counts as unknown to every writer. */
function header(headers: IHeaders, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value)?.toString() ?? '';
}
