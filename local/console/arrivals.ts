import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { registerCodecs } from '../../lib/kafka/codecs/codecs';
import type { Arrival } from './lanes';

/** Reads topics from their ends, in a group of its own, and reports each event. Resolves when it has its partitions. */
export async function watchTopics(
  brokers: readonly string[],
  topics: readonly string[],
  onArrival: (arrival: Arrival) => void,
): Promise<() => Promise<void>> {
  // The relay compresses with zstd by default, and kafkajs reads zstd only with a codec.
  registerCodecs();
  const kafka = new Kafka({ clientId: 'outbox-console', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `outbox-console-${randomUUID()}`, maxWaitTimeInMs: 200 });
  const joined = new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    // Without a restart the consumer has given up.
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart) reject(error);
    });
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ topic, partition, message: { headers = {}, offset } }) => {
      const id = [headers['ce_id']].flat()[0]?.toString();
      if (id !== undefined) onArrival({ id, topic, partition, offset, atMs: Date.now() });
      return Promise.resolve();
    },
  });
  await joined;
  return () => consumer.disconnect();
}
