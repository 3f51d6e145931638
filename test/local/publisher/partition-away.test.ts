import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigResourceTypes } from 'kafkajs';
import type { KafkaPublisher } from '../../../lib/relay/publishing/publisher';
import type { BatchOutcome, PartitionBatch } from '../../../lib/relay/ports';
import type { KafkaBroker } from '../../../local/kafka/broker';
import { startKafka, type KafkaCluster } from '../../../local/kafka/cluster';
import { createTopicsWithLeaders } from '../../../lib/kafka/create-topics';
import { createTopics, withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import { PUBLISHERS } from './clients';
import { readTopic } from './read-topic';

const REQUEST_TIMEOUT_MS = 1_500;
const ROUNDS = 20;
/** A broker that does not respond loses its leaderships after 9 s, on a busy machine later. */
const OUT_OF_SYNC_MS = 60_000;
/** Until all brokers know, and the other replicas fetch from the new leaders: about two seconds. */
const REPLICATED_AGAIN_MS = 5_000;

let cluster: KafkaCluster;
let publisher: KafkaPublisher;
let rebuilds: unknown[];
let made: number;

const batch = (topic: string, partition: number, value: string): PartitionBatch => ({
  topic,
  partition,
  messages: [{ topic, key: Buffer.from('key'), value: Buffer.from(value), headers: {} }],
});

/** Publishes one batch to each partition of each topic together; resolves with the outcomes by `topic-partition`. */
async function publishRound(
  partitions: readonly (readonly [topic: string, partition: number])[],
  value: string,
): Promise<Map<string, BatchOutcome>> {
  const outcomes = await publisher.publish(partitions.map(([topic, partition]) => batch(topic, partition, value)));
  return new Map(
    partitions.flatMap(([topic, partition], at) => {
      const outcome = outcomes[at];
      return outcome === undefined ? [] : [[`${topic}-${partition}`, outcome] as const];
    }),
  );
}

const failedIn = (outcomes: ReadonlyMap<string, BatchOutcome>): string[] =>
  [...outcomes].flatMap(([name, { kind }]) => (kind === 'acked' ? [] : [name]));

/** Number of copies of each value in each partition, as `partition:value`. */
async function copies(topic: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { partition, value } of await readTopic(cluster.brokers, topic)) {
    const name = `${partition}:${String(value)}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

const once = (partitions: number, values: readonly string[]): Map<string, number> =>
  new Map(
    Array.from({ length: partitions }, (_, partition) => partition).flatMap((partition) =>
      values.map((value) => [`${partition}:${value}`, 1] as const),
    ),
  );

/** Creates a topic with partitions on the given nodes. */
const assignedTopic = (topic: string, replicas: readonly number[][], configs: Record<string, string> = {}) =>
  withAdmin(cluster.brokers, (admin) =>
    createTopicsWithLeaders(
      admin,
      [
        {
          topic,
          replicaAssignment: replicas.map((nodes, partition) => ({ partition, replicas: nodes })),
          configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
      10_000,
    ),
  );

const nodeAt = (index: number): KafkaBroker => {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`There is no node ${index}.`);
  return node;
};

/** Kills the third broker, and waits until no partition of the topics counts on it. */
async function killThird(...topics: string[]): Promise<void> {
  const third = nodeAt(2);
  await third.kill();
  await waitUntil('The loss of the broker', OUT_OF_SYNC_MS, async () => {
    const metadata = await withAdmin(cluster.brokers, (admin) => admin.fetchTopicMetadata({ topics }));
    const partitions = metadata.topics.flatMap((topic) => topic.partitions);
    return partitions.every(({ leader, isr }) => leader !== 3 && !isr.includes(3)) ? true : undefined;
  });
  await sleep(REPLICATED_AGAIN_MS);
}

describe.each(PUBLISHERS)('with %s', (_, openPublisher) => {
  // Not shared by the clients, because the admin client of the tests fails while any topic has no leader.
  beforeAll(async () => {
    cluster = await startKafka({ nodes: 3 });
  });
  afterAll(() => cluster.stop());

  beforeEach(() => {
    rebuilds = [];
    made = 0;
    publisher = openPublisher({
      ...{ brokers: cluster.brokers, requestTimeoutMs: REQUEST_TIMEOUT_MS },
      onConnect: () => made++,
      onRebuilt: (cause) => rebuilds.push(cause),
    });
  });
  afterEach(async () => {
    await publisher.close();
    // After a failure too: the next test needs all brokers.
    await nodeAt(2)
      .start()
      .catch(() => undefined);
    await cluster.ready();
  });

  test('one topic without enough replicas costs the others neither a second copy nor their producer', async () => {
    await createTopics(cluster.brokers, [{ topic: 'healthy', partitions: 3 }]);
    await assignedTopic('starved', [[1, 3]], { 'min.insync.replicas': '2' });
    await killThird('healthy', 'starved');
    const healthy = [0, 1, 2].map((partition) => ['healthy', partition] as const);
    for (const topic of ['healthy', 'starved']) await publisher.partitionCount(topic);
    const values = Array.from({ length: ROUNDS }, (_, round) => `v${round}`);

    for (const value of values) {
      const outcomes = await publishRound([...healthy, ['starved', 0]], value);

      expect(failedIn(outcomes)).toEqual(['starved-0']);
      expect(outcomes.get('starved-0')).toMatchObject({
        kind: 'outage',
        topic: 'starved',
        partition: 0,
        message: expect.stringMatching(/^starved-0: NOT_ENOUGH_REPLICAS: .* The leader is broker 1\.$/) as string,
      });
    }

    expect(rebuilds).toEqual([]);
    expect(await copies('healthy')).toEqual(once(3, values));

    await withAdmin(cluster.brokers, (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: ConfigResourceTypes.TOPIC,
            name: 'starved',
            configEntries: [{ name: 'min.insync.replicas', value: '1' }],
          },
        ],
      }),
    );
    await waitUntil('The starved topic', 90_000, async () =>
      failedIn(await publishRound([...healthy, ['starved', 0]], 'after')).length === 0 ? true : undefined,
    );
    const producers = made;
    expect(failedIn(await publishRound([...healthy, ['starved', 0]], 'common'))).toEqual([]);
    // The topic's new producer replaced the one that had failed for it.
    expect(made).toBe(producers);
    expect(rebuilds).toHaveLength(1);
  });

  test('a partition without a leader hides no other partition, of its own topic or of another', async () => {
    await createTopics(cluster.brokers, [{ topic: 'replicated', partitions: 3 }]);
    await assignedTopic('fragile', [[1], [2], [3]], { 'min.insync.replicas': '1' });
    try {
      await killThird('replicated');
      const written = [0, 1, 2].map((partition) => ['replicated', partition] as const);
      const all = [...written, ...[0, 1, 2].map((partition) => ['fragile', partition] as const)];

      expect(await publisher.partitionCount('fragile')).toEqual({ kind: 'topic', partitions: 3 });
      expect(await publisher.partitionCount('replicated')).toEqual({ kind: 'topic', partitions: 3 });
      const values = Array.from({ length: ROUNDS }, (_, round) => `v${round}`);
      for (const value of values) {
        const outcomes = await publishRound(all, value);

        expect(failedIn(outcomes)).toEqual(['fragile-2']);
        expect(outcomes.get('fragile-2')).toMatchObject({
          kind: 'outage',
          topic: 'fragile',
          partition: 2,
          message: expect.stringMatching(/^fragile-2: LEADER_NOT_AVAILABLE: /) as string,
        });
      }

      expect(rebuilds).toEqual([]);
      expect(await publisher.otherPartitionsInSync('fragile', 2)).toBe(true);
      expect(await copies('replicated')).toEqual(once(3, values));
      await nodeAt(2).start();
      await cluster.ready();
      await waitUntil('The partition without a leader', 60_000, async () =>
        failedIn(await publishRound(all, 'after')).length === 0 ? true : undefined,
      );
      const stored = await copies('fragile');
      for (const value of values) expect([stored.get(`0:${value}`), stored.get(`1:${value}`)]).toEqual([1, 1]);
    } finally {
      await nodeAt(2)
        .start()
        .catch(() => undefined);
    }
  });

  test('a broker that stops answering repeats nothing that the other brokers acknowledged', async () => {
    await assignedTopic('spread', [[1], [2], [3]], { 'min.insync.replicas': '1' });
    const all = [0, 1, 2].map((partition) => ['spread', partition] as const);
    await publisher.partitionCount('spread');
    expect(failedIn(await publishRound(all, 'before'))).toEqual([]);
    nodeAt(2).pause();
    try {
      const values = Array.from({ length: ROUNDS }, (_, round) => `v${round}`);
      const rebuildsAfter: number[] = [];
      for (const value of values) {
        expect(failedIn(await publishRound(all, value))).toEqual(['spread-2']);
        rebuildsAfter.push(rebuilds.length);
      }

      // The first round may cost a producer for each of its sends; later rounds cost none.
      const [first] = rebuildsAfter;
      expect(rebuildsAfter).toEqual(values.map(() => first));
      nodeAt(2).resume();
      await cluster.ready();
      await waitUntil('The broker that was paused', 60_000, async () =>
        failedIn(await publishRound(all, 'after')).length === 0 ? true : undefined,
      );
      const stored = await copies('spread');
      for (const value of ['before', ...values]) {
        expect([stored.get(`0:${value}`), stored.get(`1:${value}`)]).toEqual([1, 1]);
      }
    } finally {
      nodeAt(2).resume();
    }
  });
});
