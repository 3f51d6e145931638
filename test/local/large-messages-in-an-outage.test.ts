import { fork } from 'node:child_process';
import { join } from 'node:path';
import { CompressionTypes } from 'kafkajs';
import { createTopics } from '../../local/kafka/topics';
import { aRecord } from '../builders/consume';
import { killProcess } from './harness/consumer-process';
import { kafkaOf } from './harness/consumers';
import type { HangingReport } from './harness/hanging-consumer-child';
import { sharedKafka } from './harness/shared-servers';
import { until } from './harness/world';

const PARTITIONS = 10;
const MESSAGE_BYTES = 700_000;

let brokers: readonly string[];
beforeAll(async () => {
  brokers = await sharedKafka();
});

/** Produces 210 MB of messages, ten in each batch. A batch of 7 MB takes a few kilobytes when compressed. */
async function produce(topic: string): Promise<void> {
  await createTopics(brokers, [{ topic, partitions: PARTITIONS }]);
  const producer = kafkaOf(brokers).producer();
  await producer.connect();
  const value = Buffer.from(JSON.stringify({ total: 1, text: 'x'.repeat(MESSAGE_BYTES) }));
  for (let batch = 0; batch < PARTITIONS * 3; batch++) {
    const messages = Array.from({ length: 10 }, (_, at) => {
      const { headers } = aRecord({ key: `${batch}-${at}`, version: 1 });
      return {
        key: `${batch}-${at}`,
        value,
        partition: batch % PARTITIONS,
        headers: headers as Record<string, Buffer>,
      };
    });
    await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
  }
  await producer.disconnect();
}

it('ten partitions of 0.7 MB messages, whose handlers do not end, take less than 400 MB of memory', async () => {
  await produce('fat');
  const child = fork(join(__dirname, 'harness/hanging-consumer-child.ts'), ['fat', ...brokers], {
    execArgv: ['--import', 'tsx'],
  });
  const reports: HangingReport[] = [];
  child.on('message', (report: HangingReport) => reports.push(report));
  try {
    await until('the consumer takes nothing more', () => {
      const [last, ...before] = reports.slice(-5).toReversed();
      return (
        before.length === 4 &&
        last?.partitions.length === PARTITIONS &&
        before.every(({ begun }) => begun === last.begun)
      );
    });
  } finally {
    await killProcess(child);
  }

  const { begun = 0, maxRssMb = Infinity } = reports.at(-1) ?? {};
  console.log(`${begun} messages of 0.7 MB at work in ${PARTITIONS} partitions, peak of the process ${maxRssMb} MB`);
  // Each partition progresses independently of the others.
  expect(begun).toBeGreaterThan(PARTITIONS);
  expect(maxRssMb).toBeLessThan(400);
});
