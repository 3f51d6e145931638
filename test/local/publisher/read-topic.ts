import { Kafka, logLevel, type KafkaMessage } from 'kafkajs';
import { registerCodecs } from '../../../lib/kafka/codecs/codecs';
import { withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';

export type StoredMessage = KafkaMessage & { readonly partition: number };

const DEADLINE_MS = 60_000;
/** At the end kafkajs waits for its last fetch. */
const MAX_WAIT_MS = 100;

/** All current messages of a topic, each partition in order. */
export async function readTopic(brokers: readonly string[], topic: string): Promise<StoredMessage[]> {
  registerCodecs();
  // kafkajs gives up at once if it asks a broker that has just lost a partition, or does not have it yet.
  const ends = await waitUntil('The offsets of the topic', DEADLINE_MS, () =>
    withAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic)),
  );
  const wanted = new Map(
    ends.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]),
  );
  const kafka = new Kafka({ clientId: 'reader', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const groupId = `reader-${topic}-${Date.now()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: MAX_WAIT_MS });
  const stored: StoredMessage[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const complete = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`Partitions ${[...wanted.keys()].join()} were not read.`)),
      DEADLINE_MS,
    );
    const check = (): void => {
      if (wanted.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    check();
    void consumer.run({
      eachBatch: ({ batch: { partition, messages } }) => {
        for (const message of messages) stored.push({ ...message, partition });
        const end = wanted.get(partition);
        if (end !== undefined && BigInt(messages.at(-1)?.offset ?? -1) >= end - 1n) wanted.delete(partition);
        check();
        return Promise.resolve();
      },
    });
  });
  try {
    await complete;
  } finally {
    await consumer.disconnect();
  }
  return stored;
}
