import type { Kafka } from 'kafkajs';
import { runConsumer, type RunningConsumer, type ConsumerRunOptions } from '../../lib/consumer';
import { createTopics, deleteTopic, withAdmin } from '../../local/kafka/topics';
import { aRecord, aRig, type Rig } from '../builders/consume';
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

const one = (topic: string) => createTopics(brokers, [{ topic, partitions: 1 }]);

/** Produces events with the ids `from` … `to - 1`, each with its own key. */
async function produce(topic: string, from: number, to: number): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: to - from }, (_, at) => {
    const { key, value, headers } = aRecord({ topic, key: `k${from + at}`, version: 1, id: String(from + at) });
    return { key, value, headers: headers as Record<string, Buffer> };
  });
  await producer.send({ topic, messages });
  await producer.disconnect();
}

async function start(
  rig: Rig,
  topics: readonly string[],
  options: Partial<ConsumerRunOptions> = {},
): Promise<RunningConsumer> {
  const started = await runConsumer({
    consumer: rig.consumer,
    kafka,
    topics,
    commitIntervalMs: 100,
    kafkaConsumer: { maxWaitTimeInMs: 100, heartbeatInterval: 300 },
    ...options,
  });
  running.push(started);
  return started;
}

const committed = (topic: string, groupId: string): Promise<string | undefined> =>
  withAdmin(brokers, async (admin) => {
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return offsets?.partitions[0]?.offset;
  });

/** Commits an offset as a member of the group, as if the log were longer. */
async function commit(topic: string, groupId: string, offset: string): Promise<void> {
  const member = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  const { promise: joined, resolve } = Promise.withResolvers<undefined>();
  member.on('consumer.group_join', () => {
    // Otherwise the member would not find the offset either, and would commit another one.
    member.pause([{ topic }]);
    resolve(undefined);
  });
  await member.connect();
  await member.subscribe({ topics: [topic] });
  await member.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
  await joined;
  await member.commitOffsets([{ topic, partition: 0, offset }]);
  await member.disconnect();
}

/** Deletes records as retention does. */
const deleteUpTo = (topic: string, offset: number): Promise<void> =>
  withAdmin(brokers, async (admin) => {
    // kafkajs deletes records only from topics that the client has looked up.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });

const handled = (rig: Rig, from: number, to: number) =>
  until(`the events ${from} to ${to - 1}`, () =>
    Array.from({ length: to - from }, (_, at) => String(from + at)).every((id) => rig.handled.includes(id)),
  );

describe.each([true, false])('with fromBeginning: %p', (fromBeginning) => {
  const group = (name: string): string => `${name}-${fromBeginning}`;

  it('retention that ran past the committed offset is reported, and what is left is applied', async () => {
    const topic = group('cut');
    await one(topic);
    const first = aRig({ name: topic });
    const stopped = await start(first, [topic], { fromBeginning });
    await until('the partition is begun', async () => fromBeginning || (await committed(topic, topic)) === '0');
    await produce(topic, 0, 5);
    await handled(first, 0, 5);
    await stopped.stop();
    await produce(topic, 5, 15);
    await deleteUpTo(topic, 8);

    const second = aRig({ name: topic });
    await start(second, [topic], { fromBeginning });
    await handled(second, 8, 15);
    expect(second.handled).toHaveLength(7);
    expect(second.told.of('messagesGone')).toEqual([[{ topic, partition: 0, from: 5n, to: 8n, count: 3 }]]);
    await until('the commit', async () => (await committed(topic, topic)) === '15');
  });

  it('a topic that was made again is read from its beginning', async () => {
    const topic = group('again');
    await one(topic);
    await commit(topic, topic, '40');
    await produce(topic, 0, 3);

    const rig = aRig({ name: topic });
    await start(rig, [topic], { fromBeginning });
    await handled(rig, 0, 3);
    expect(rig.told.of('messagesGone')).toEqual([[{ topic, partition: 0, from: 40n, to: 0n }]]);
    await until('the commit', async () => (await committed(topic, topic)) === '3');
  });

  it('retention that runs past a partition while it is paused is reported, and what is left is applied', async () => {
    const topic = group('paused');
    await one(topic);
    const started: string[] = [];
    const held = Promise.withResolvers<undefined>();
    const rig = aRig({
      name: topic,
      handlers: {
        'order.placed': async ({ id }) => {
          started.push(id);
          if (Number(id) < 2) await held.promise;
          return undefined;
        },
      },
    });
    await start(rig, [topic], { fromBeginning, maxBuffered: 2 });
    await until('the partition is begun', async () => fromBeginning || (await committed(topic, topic)) === '0');
    await produce(topic, 0, 2);
    await until('the partition is full', () => started.length === 2);
    await produce(topic, 2, 12);
    await deleteUpTo(topic, 7);
    held.resolve(undefined);

    await until('what is left', () => started.includes('11'));
    expect(started.map(Number).toSorted((a, b) => a - b)).toEqual([0, 1, 7, 8, 9, 10, 11]);
    expect(rig.told.of('messagesGone')).toEqual([[{ topic, partition: 0, from: 2n, to: 7n, count: 5 }]]);
    await until('the commit', async () => (await committed(topic, topic)) === '12');
  });
});

it('with fromBeginning: false nothing is passed over between a start and the first message', async () => {
  await one('end');
  await produce('end', 0, 3);
  const first = aRig({ name: 'end' });
  const stopped = await start(first, ['end'], { fromBeginning: false });
  await until('the start is committed', async () => (await committed('end', 'end')) === '3');
  await stopped.stop();
  await produce('end', 3, 5);

  const second = aRig({ name: 'end' });
  await start(second, ['end'], { fromBeginning: false });
  await handled(second, 3, 5);
  expect([first.handled, second.handled]).toEqual([[], ['3', '4']]);
  expect(second.told.of('messagesGone')).toEqual([]);
});

it('waits for topics that do not exist, names them, and begins when they do', async () => {
  await one('there');
  const rig = aRig({ name: 'early' });
  await start(rig, ['there', 'absent', 'lacking']);
  expect(rig.told.of('topicsMissing')).toEqual([[{ topics: ['absent', 'lacking'] }]]);
  await one('absent');
  await until('the other one is named', () => rig.told.of('topicsMissing').length === 2);
  expect(rig.told.of('topicsMissing')[1]).toEqual([{ topics: ['lacking'] }]);
  await one('lacking');
  await produce('there', 0, 1);
  await produce('absent', 1, 2);
  await produce('lacking', 2, 3);
  await handled(rig, 0, 3);
  expect(rig.told.of('topicsMissing')).toHaveLength(2);
});

it('stops while it waits for a topic', async () => {
  const rig = aRig({ name: 'early-end' });
  const waiting = await start(rig, ['never']);
  await waiting.stop();
  await waiting.done;
  expect(rig.told.of('rebalanced')).toEqual([]);
});

it('a topic that is deleted while it is read is named, waited for, and read again when it is back', async () => {
  await one('deleted');
  const rig = aRig({ name: 'deleted' });
  await start(rig, ['deleted']);
  await produce('deleted', 0, 3);
  await handled(rig, 0, 3);
  await deleteTopic(brokers, 'deleted');
  await until('the topic is named', () => rig.told.of('topicsMissing').length > 0);
  expect(rig.told.of('topicsMissing')).toEqual([[{ topics: ['deleted'] }]]);
  await one('deleted');
  await produce('deleted', 3, 5);
  await handled(rig, 3, 5);
});
