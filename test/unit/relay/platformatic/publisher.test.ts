import { platformaticClient } from '../../../../lib/relay/platformatic/client';
import { createPlatformaticPublisher } from '../../../../lib/relay/platformatic/publisher';
import type { PartitionBatch } from '../../../../lib/relay/ports';
import type { KafkaPublisher } from '../../../../lib/relay/publishing/publisher';
import { FakeCluster } from './fake-broker';

let cluster: FakeCluster;
let publisher: KafkaPublisher;
let rebuilds: unknown[];
let loginLifetimeMs: number;
const clock = { ms: 0, now: () => clock.ms };
beforeEach(async () => {
  clock.ms = 0;
  cluster = await FakeCluster.start(2);
  cluster.topics.set('a', [{ leader: 0 }, { leader: 1 }]);
  rebuilds = [];
  loginLifetimeMs = 0;
  const config = { name: 'test', auth: { kind: 'none' }, requestTimeoutMs: 300, compression: 'none' } as const;
  const connect = platformaticClient(config, () => Promise.reject(new Error('There are no secrets.')));
  publisher = createPlatformaticPublisher({
    ...config,
    brokers: cluster.brokers,
    async connect() {
      const client = await connect();
      return {
        ...client,
        optionsFor(host, onLogin) {
          onLogin(loginLifetimeMs);
          return client.optionsFor(host, onLogin);
        },
      };
    },
    clock,
    onRebuilt: (cause) => rebuilds.push(cause),
    sleep: () => Promise.resolve(),
  });
});
afterEach(async () => {
  await publisher.close();
  await cluster.stop();
});

const batch = (topic: string, partition: number): PartitionBatch => ({
  topic,
  partition,
  messages: [{ topic, key: Buffer.from('key'), value: null, headers: {} }],
});
const acked = (baseOffset: bigint) => ({ kind: 'acked', baseOffset });
const producers = () => cluster.produced.flatMap(({ partitions }) => partitions.map(({ producerId }) => producerId));

it('publishes over one producer', async () => {
  expect(await publisher.publish([batch('a', 0)])).toEqual([acked(0n)]);
  expect(await publisher.publish([batch('a', 0)])).toEqual([acked(1n)]);
  expect(producers()).toEqual([1n, 1n]);
});

it('completes an incomplete answer by a new producer, and sends nothing twice that has an offset', async () => {
  cluster.answer = ({ partition, producerId }) =>
    partition === 'a-1' && producerId === 1n ? undefined : { offset: producerId };

  expect(await publisher.publish([batch('a', 0), batch('a', 1)])).toEqual([acked(1n), acked(2n)]);
  expect(rebuilds).toMatchObject([{ name: 'KafkaAnswerIncomplete', partitions: ['a-1'] }]);
  expect(cluster.produced.flatMap(({ partitions }) => partitions.map(({ partition }) => partition)).toSorted()).toEqual(
    ['a-0', 'a-1', 'a-1'],
  );
});

it('never uses a producer again for a partition that it failed', async () => {
  cluster.answer = ({ producerId }) => (producerId === 1n ? { code: 6 } : { offset: producerId });

  expect(await publisher.publish([batch('a', 0)])).toEqual([acked(2n)]);
  expect(await publisher.publish([batch('a', 0)])).toEqual([acked(2n)]);
  expect(producers()).toEqual([1n, 2n, 2n]);
});

it('refuses a topic that does not exist, and publishes the others', async () => {
  expect(await publisher.publish([batch('gone', 0), batch('a', 0)])).toMatchObject([
    { kind: 'poison', reason: 'unknown-topic', message: 'Topic "gone" does not exist (UNKNOWN_TOPIC_OR_PARTITION).' },
    { kind: 'acked' },
  ]);
  expect(rebuilds).toEqual([]);
  expect(await publisher.partitionCount('gone')).toMatchObject({ kind: 'poison', reason: 'unknown-topic' });
});

it('refuses a message that is too large, and publishes the others', async () => {
  cluster.answer = ({ partition }) => (partition === 'a-0' ? { code: 10 } : { offset: 0n });

  expect(await publisher.publish([batch('a', 0), batch('a', 1)])).toMatchObject([
    { kind: 'poison', reason: 'message-too-large' },
    acked(0n),
  ]);
});

it('takes another broker if the first one does not respond', async () => {
  cluster.silent.add('init');
  expect(await publisher.publish([batch('a', 0)])).toMatchObject([{ kind: 'outage' }]);

  cluster.silent.clear();
  expect(await publisher.publish([batch('a', 0)])).toEqual([acked(0n)]);
});

it('replaces a producer that was idle, which is no failure', async () => {
  await publisher.publish([batch('a', 0)]);
  clock.ms = 4 * 60_000;

  expect(await publisher.publish([batch('a', 0)])).toEqual([acked(1n)]);
  expect(producers()).toEqual([1n, 2n]);
  expect(rebuilds).toEqual([]);
});

it('replaces a producer before its login expires, which is no failure', async () => {
  loginLifetimeMs = 1_000;
  await publisher.publish([batch('a', 0)]);
  clock.ms = 799;
  await publisher.publish([batch('a', 0)]);
  clock.ms = 800;
  await publisher.publish([batch('a', 0)]);

  expect(producers()).toEqual([1n, 1n, 2n]);
  expect(rebuilds).toEqual([]);
});

it('sees other partitions in sync', async () => {
  expect(await publisher.otherPartitionsInSync('a', 0)).toBe(true);
  cluster.topics.set('a', [{ leader: 0 }, { leader: -1 }]);
  expect(await publisher.otherPartitionsInSync('a', 0)).toBe(false);
});

it('counts partitions', async () => {
  expect(publisher.knownPartitionCount('a')).toBeUndefined();
  expect(await publisher.partitionCount('a')).toEqual({ kind: 'topic', partitions: 2 });
  expect(publisher.knownPartitionCount('a')).toBe(2);
});
