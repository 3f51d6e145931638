import { randomBytes } from 'node:crypto';
import { CompressionTypes, type Kafka } from 'kafkajs';
import { runConsumer, type OutboxError, type RunningConsumer } from '../../lib/consumer';
import { createTopics, withAdmin } from '../../local/kafka/topics';
import { aRecord, aRig, type RecordChange, type Rig } from '../builders/consume';
import { kafkaOf } from './harness/consumers';
import { sharedKafka } from './harness/shared-servers';
import { until } from './harness/world';

let brokers: readonly string[];
let kafka: Kafka;
const running: RunningConsumer[] = [];

beforeAll(async () => {
  brokers = await sharedKafka();
  kafka = kafkaOf(brokers);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
});

async function produce(topic: string, changes: readonly RecordChange[], compression?: CompressionTypes): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const messages = changes.map((change) => {
    const { key, value, headers } = aRecord({ topic, ...change });
    return { key, value, headers: headers as Record<string, Buffer> };
  });
  await producer.send({ topic, messages, compression });
  await producer.disconnect();
}

async function start(rig: Rig, topics: readonly string[]): Promise<void> {
  running.push(await runConsumer({ consumer: rig.consumer, kafka, topics, commitIntervalMs: 100 }));
}

const endOf = (topic: string): Promise<string | undefined> =>
  withAdmin(brokers, async (admin) => (await admin.fetchTopicOffsets(topic))[0]?.high);

const MAX = 100_000;
const topic = (name: string, max = MAX) => ({
  topic: name,
  partitions: 1,
  configs: { 'max.message.bytes': String(max) },
});

it('a message that fits its topic only compressed goes to the dead letters, and its partition continues', async () => {
  await createTopics(brokers, [topic('big'), topic('big.shipping.dlt', MAX + 4_096)]);
  const rig = aRig();
  await produce('big', [{ key: 'a', version: 1, value: Buffer.alloc(3 * MAX, '[') }], CompressionTypes.GZIP);
  await produce('big', [{ key: 'b', version: 1, id: 'b1' }]);
  await start(rig, ['big']);

  await until('the dead letter', async () => (await endOf('big.shipping.dlt')) === '1');
  await until('the next event', () => rig.handled.includes('b1'));
  expect(rig.told.of('deadLetterFailed')).toEqual([]);
});

it('a dead letter that its topic never takes, and one whose topic is missing, hold up no other and say why', async () => {
  await createTopics(brokers, [topic('tight'), topic('absent'), topic('tight.shipping.dlt', 2_000)]);
  const rig = aRig();
  const unreadable = Buffer.from('{');
  // Data that does not compress.
  const large = randomBytes(5_000);
  await produce('tight', [{ key: 'a', version: 1, value: large }]);
  await produce('absent', [{ key: 'a', version: 1, value: unreadable }]);
  await start(rig, ['tight', 'absent']);
  const failures = () => rig.told.of('deadLetterFailed').map(([, error]) => error as OutboxError);
  await until('both failures', () => new Set(failures().map(({ code }) => code)).size === 2);
  await produce('tight', [
    { key: 'b', version: 1, value: unreadable },
    { key: 'c', version: 1, id: 'c1' },
  ]);
  await until('the dead letter of another key', async () => (await endOf('tight.shipping.dlt')) === '1');
  await until('the event of another key', () => rig.handled.includes('c1'));

  expect(failures()).toContainEqual(
    expect.objectContaining({
      code: 'dead-letter-too-large',
      message: expect.stringMatching(/tight-0@0.*"tight\.shipping\.dlt", which takes 2000 bytes/),
    }),
  );
  expect(failures()).toContainEqual(
    expect.objectContaining({ code: 'topic-missing', details: { topics: ['absent.shipping.dlt'] } }),
  );

  await createTopics(brokers, [topic('absent.shipping.dlt')]);
  await until('the dead letter whose topic was missing', async () => (await endOf('absent.shipping.dlt')) === '1');
});
