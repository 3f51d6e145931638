// Reads topics from their beginning and remembers each message with the time of its arrival.
import { writeFileSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';
import { silenceTimerWarning } from '../../lib/kafka/timer-warning';
import { registerCodecs } from '../../lib/kafka/codecs/codecs';
import type { ReadMessage } from '../delivery/reader';

export type ReaderRequest =
  | {
      readonly kind: 'read';
      readonly brokers: readonly string[];
      readonly topics: readonly string[];
      /** The header that has the id of the event. */
      readonly idHeader: string;
    }
  | { readonly kind: 'count' }
  | { readonly kind: 'write'; readonly file: string };

export type ReaderAnswer =
  | { readonly kind: 'reading' }
  | { readonly kind: 'counted'; readonly messages: number; readonly events: number }
  | { readonly kind: 'written' };

const messages: ReadMessage[] = [];
const ids = new Set<string>();

/** A reader that waits for 100 ms for more bytes would add that to each latency. */
const MAX_WAIT_MS = 5_000;

async function read({ brokers, topics, idHeader }: Extract<ReaderRequest, { kind: 'read' }>): Promise<void> {
  registerCodecs();
  silenceTimerWarning();
  const kafka = new Kafka({
    clientId: 'bench-reader',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 1_000 },
  });
  const consumer = kafka.consumer({
    groupId: `bench-reader-${process.pid}-${Date.now()}`,
    allowAutoTopicCreation: false,
    minBytes: 1,
    maxWaitTimeInMs: MAX_WAIT_MS,
  });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    // kafkajs commits after the batch of each partition, and reads on when the broker has answered: at 200 events a second
    // in 12 partitions, that added 60 ms to the median.
    autoCommit: false,
    eachBatch: ({ batch }) => {
      const at = Date.now();
      for (const { offset, headers, timestamp } of batch.messages) {
        const id = String(headers?.[idHeader]);
        ids.add(id);
        const { topic, partition } = batch;
        messages.push({ kind: 'delivery', at, topic, partition, offset: Number(offset), id, appendedAt: +timestamp });
      }
      return Promise.resolve();
    },
  });
  await joined;
}

async function answer(request: ReaderRequest): Promise<ReaderAnswer> {
  switch (request.kind) {
    case 'read':
      await read(request);
      return { kind: 'reading' };
    case 'count':
      return { kind: 'counted', messages: messages.length, events: ids.size };
    case 'write': {
      // A restarted consumer reads some messages again; the log has each once.
      const once = new Map(
        messages.map((message) => [placeOf(message), message]).toReversed() as [string, ReadMessage][],
      );
      const ofLog = [...once.values()].toSorted((a, b) => a.offset - b.offset);
      writeFileSync(request.file, ofLog.map((message) => JSON.stringify(message)).join('\n'));
      return { kind: 'written' };
    }
  }
}

const placeOf = ({ topic, partition, offset }: ReadMessage): string => `${topic}-${partition}@${offset}`;

// The bench has ended, and this process must not outlive it.
process.once('disconnect', () => process.exit());
process.on('message', (request) => {
  answer(request as ReaderRequest).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
