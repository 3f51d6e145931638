import { openSync, writeSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';
import { registerCodecs } from '../../../lib/kafka/codecs/codecs';
import { silenceTimerWarning } from '../../../lib/kafka/timer-warning';
import { REPLAY_HEADER } from '../../../lib/event/message';
import type { Arrival, ReaderOptions } from './reader-options';

/** How soon partitions are found that a topic got later. */
const NEW_PARTITIONS_MS = 5_000;

/** Reads topics from their beginning and logs every message. A message may be logged twice. */
async function read({ brokers, topics, group, log }: ReaderOptions): Promise<void> {
  silenceTimerWarning();
  registerCodecs();
  const file = openSync(log, 'a');
  const consumer = new Kafka({
    ...{ clientId: 'reader', brokers: [...brokers], logLevel: logLevel.NOTHING },
    retry: { retries: 60, initialRetryTime: 100, maxRetryTime: 1_000 },
  }).consumer({ groupId: group, maxWaitTimeInMs: 200, sessionTimeout: 10_000, metadataMaxAge: NEW_PARTITIONS_MS });
  process.on('SIGTERM', () => void consumer.disconnect().finally(() => process.exit()));
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    eachBatch: ({ batch: { topic, partition, messages } }) => {
      const at = Date.now();
      const lines = messages.map(({ offset, headers = {} }) => {
        const arrival: Arrival = {
          ...{ at, topic, partition, offset: Number(offset), id: String(headers['ce_id'] ?? '') },
          ...(headers[REPLAY_HEADER] === undefined ? {} : { isReplay: true }),
        };
        return `${JSON.stringify(arrival)}\n`;
      });
      writeSync(file, lines.join(''));
      const last = messages.at(-1);
      if (last !== undefined) process.send?.({ topic, partition, offset: Number(last.offset) });
      return Promise.resolve();
    },
  });
}

void read(JSON.parse(process.argv[2] ?? '{}') as ReaderOptions);
