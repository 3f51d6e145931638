import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { registerCodecs } from '../../lib/kafka/codecs/codecs';
import type { Arrival } from './lanes';

const SESSION_MS = 6_000;
const RESTART_MS = 1_000;

/**
 * Reads topics from their beginnings, in a group of its own, and reports each event, some more than once. Resolves when
 * it has its partitions.
 */
export async function watchTopics(
  brokers: readonly string[],
  topics: readonly string[],
  onArrival: (arrival: Arrival) => void,
): Promise<() => Promise<void>> {
  // The relay compresses with zstd by default, and kafkajs reads zstd only with a codec.
  registerCodecs();
  const kafka = new Kafka({ clientId: 'outbox-console', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const ended = new AbortController();
  const { signal } = ended;
  const joined = Promise.withResolvers<undefined>();
  /** Resolves when the consumer has given up, or is to end. */
  const read = async (): Promise<void> => {
    const consumer = kafka.consumer({
      ...{ groupId: `outbox-console-${randomUUID()}`, maxWaitTimeInMs: 200 },
      // After an outage it joins as a new member, once the session of the old one has ended.
      ...{ sessionTimeout: SESSION_MS, heartbeatInterval: SESSION_MS / 4 },
    });
    const over = Promise.withResolvers<undefined>();
    signal.addEventListener('abort', () => over.resolve(undefined), { once: true });
    consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve(undefined));
    consumer.on(consumer.events.CRASH, ({ payload: { restart } }) => {
      if (!restart) over.resolve(undefined);
    });
    try {
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
      await over.promise;
    } finally {
      await consumer.disconnect().catch(() => undefined);
    }
  };
  const reading = (async () => {
    while (!signal.aborted) {
      // kafkajs gives up in an outage of all brokers that it knows; they may respond again later.
      await read().catch(() => undefined);
      await sleep(RESTART_MS, undefined, { signal }).catch(() => undefined);
    }
  })();
  await joined.promise;
  return () => {
    ended.abort();
    return reading;
  };
}
