import { createTopic, kafkaTopicsLine, nearest, planTopic } from '../../../lib/operate/create-topic';
import type { FoundTopic } from '../../../lib/topics/plan';
import type { WantedTopic } from '../../../lib/topics/request';

const ORDERS: FoundTopic = { partitions: 12, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } };

function aCluster(topics: Readonly<Record<string, FoundTopic>> = { orders: ORDERS, payments: ORDERS }) {
  const found = new Map(Object.entries(topics));
  return {
    found,
    list: () => Promise.resolve([...found.keys(), '__consumer_offsets']),
    find: (topic: string) => Promise.resolve(found.get(topic)),
    maxMessageBytes: () => Promise.resolve<number | undefined>(1_048_588),
    create: jest.fn(({ topic, partitions, replicationFactor = 1, configs }: WantedTopic) => {
      found.set(topic, { partitions, replicationFactor, configs });
      return Promise.resolve();
    }),
  };
}

const refused = (type: string) => Object.assign(new Error('no'), { type });

test('a topic is created like another one: partitions, replication and what that has of its own', async () => {
  const cluster = aCluster();
  const plan = await planTopic(cluster, { topic: 'audit', like: 'orders' });
  expect(plan).toEqual({ topic: 'audit', ...ORDERS, like: 'orders', similar: [] });
  expect(await createTopic(cluster, plan)).toEqual(ORDERS);
  expect(cluster.create).toHaveBeenCalledTimes(1);
});

test('what is given goes before what is copied', async () => {
  expect(await planTopic(aCluster(), { topic: 'audit', partitions: 3, like: 'orders' })).toMatchObject({
    partitions: 3,
    replicationFactor: 3,
  });
  expect(await planTopic(aCluster(), { topic: 'audit', partitions: 3 })).toEqual({
    topic: 'audit',
    partitions: 3,
    configs: {},
    similar: [],
  });
});

test('a dead-letter topic takes 4 KB more than its topic, and drops nothing for 30 days', async () => {
  const configs = { 'cleanup.policy': 'compact', 'min.insync.replicas': '2' };
  const cluster = aCluster({ orders: { ...ORDERS, configs } });
  expect(await planTopic(cluster, { topic: 'orders.shipping.dlt' })).toEqual(
    await planTopic(cluster, { topic: 'orders.shipping.dlt', like: 'orders' }),
  );
  expect(await planTopic(cluster, { topic: 'orders.shipping.dlt', like: 'orders' })).toMatchObject({
    partitions: 3,
    configs: {
      'cleanup.policy': 'delete',
      'min.insync.replicas': '2',
      'retention.ms': '2592000000',
      'max.message.bytes': '1052684',
    },
  });
  const blind = { ...cluster, maxMessageBytes: () => Promise.resolve(undefined) };
  await expect(planTopic(blind, { topic: 'orders.shipping.dlt', like: 'orders' })).rejects.toThrow('4096');
});

test.each([
  [{ topic: 'orders' }, 'topic orders exists, with 12 partitions and 3 replicas. Nothing was changed.'],
  [{ topic: 'audit', like: 'order' }, 'topic order (--like) does not exist. Did you mean orders?'],
  [{ topic: 'audit', like: 'zzz' }, /topic zzz \(--like\) does not exist\.$/],
  [{ topic: 'audit' }, 'give --partitions N, or --like TOPIC'],
  [{ topic: 'a b', partitions: 1 }, '"a b" is no name of a topic'],
  [{ topic: '..', partitions: 1 }, '".." is no name of a topic'],
])('%j is refused', async (wanted, why) => {
  const cluster = aCluster();
  await expect(planTopic(cluster, wanted)).rejects.toThrow(why);
  expect(cluster.create).not.toHaveBeenCalled();
});

test('a name that may be a typo comes with the names that it may be one of', async () => {
  expect((await planTopic(aCluster(), { topic: 'odrers', like: 'orders' })).similar).toEqual(['orders']);
  expect((await planTopic(aCluster(), { topic: 'Orders', like: 'orders' })).similar).toEqual(['orders']);
  expect(nearest('shipping', ['shiping', 'shipping2', 'stock', '__shipping'])).toEqual(['shiping', 'shipping2']);
  expect(nearest('ab', ['cd', 'b', 'a', 'abc'])).toEqual(['a', 'abc', 'b']);
});

test.each(['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'])(
  'who may not create topics (%s) is told what to do instead',
  async (type) => {
    const cluster = aCluster();
    const plan = await planTopic(cluster, { topic: 'audit', like: 'orders' });
    // kafkajs collects the errors of the requested topics.
    const rejects = () => Promise.reject(Object.assign(new Error('Topic errors'), { errors: [refused(type)] }));
    await expect(createTopic({ ...cluster, create: rejects }, plan)).rejects.toThrow(
      `you may not create topics on this cluster (${type})`,
    );
    await expect(createTopic({ ...cluster, create: () => Promise.reject(refused(type)) }, plan)).rejects.toThrow(type);
  },
);

test('another refusal is named; what is no answer of a broker is thrown as it is', async () => {
  const cluster = aCluster();
  const plan = await planTopic(cluster, { topic: 'audit', partitions: 1 });
  const policy = () => Promise.reject(refused('POLICY_VIOLATION'));
  await expect(createTopic({ ...cluster, create: policy }, plan)).rejects.toThrow(
    'Kafka refuses topic audit: POLICY_VIOLATION',
  );
  const away = new Error('socket closed');
  await expect(createTopic({ ...cluster, create: () => Promise.reject(away) }, plan)).rejects.toBe(away);
});

test('a topic that another one created meanwhile is not taken for this one', async () => {
  const cluster = aCluster();
  const plan = await planTopic(cluster, { topic: 'audit', partitions: 3 });
  cluster.found.set('audit', ORDERS);
  const nothing = { ...cluster, create: () => Promise.resolve() };
  await expect(createTopic(nothing, plan)).rejects.toThrow('was created by another one meanwhile, with 12 partitions');
});

test('a topic that Kafka does not show yet is not reported as created', async () => {
  const cluster = aCluster();
  const plan = await planTopic(cluster, { topic: 'audit', partitions: 3 });
  await expect(createTopic({ ...cluster, create: () => Promise.resolve() }, plan)).rejects.toThrow('does not show');
});

test('the line of kafka-topics.sh says the same', async () => {
  const plan = await planTopic(aCluster(), { topic: 'audit', like: 'orders' });
  const brokers = ['b-1:9098', 'b-2:9098'];
  expect(kafkaTopicsLine(plan, { brokers, auth: { kind: 'iam' } })).toBe(
    'kafka-topics.sh --bootstrap-server b-1:9098,b-2:9098 --command-config client.properties --create --topic audit --partitions 12 --replication-factor 3 --config min.insync.replicas=2',
  );
  const { replicationFactor: _, ...simple } = { ...plan, configs: {} };
  expect(kafkaTopicsLine(simple, { brokers: ['b:9092'], auth: { kind: 'none' } })).toBe(
    'kafka-topics.sh --bootstrap-server b:9092 --create --topic audit --partitions 12',
  );
});
