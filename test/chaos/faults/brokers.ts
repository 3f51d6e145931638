import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Admin } from 'kafkajs';
import { createTopics, deleteTopic, withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import { configureTopic, type Testbed } from '../world/brokers';
import { ARCHIVE, PARTITIONS, SMALL_LIMIT_BYTES, TOPIC } from '../world/load';
import { during, type ChaosFault, type FaultContext } from './fault';

const run = promisify(execFile);

/** A broker that does not respond loses its leaderships after 9 s. */
const LEADERS_MOVED_MS = 12_000;
const REASSIGNED_MS = 60_000;
/** Longer than the relay's patience with a partition that fails alone. */
const ALONE_MS = 20_000;
const SLOW = { delayMs: 40, bytesPerSecond: 100_000 };
const TOO_SLOW = { delayMs: 40, bytesPerSecond: 500 };
const BEHIND_MS = 5_000;

const anyBroker = ({ world, random }: FaultContext) => {
  const { nodes } = world.testbed.cluster;
  return nodes[random.integer(nodes.length)] ?? nodes[0]!;
};

const brokers = (fault: Omit<ChaosFault, 'group'>): ChaosFault => ({ ...fault, group: 'brokers' });

/** Resolves when no partition misses a replica, so that the next fault begins with all of them. */
export const replicated = ({ cluster }: Testbed): Promise<unknown> =>
  waitUntil('All replicas in sync', REASSIGNED_MS, () =>
    withAdmin(cluster.brokers, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata();
      const isSynced = topics.every(({ partitions }) =>
        partitions.every(({ isr, replicas }) => isr.length >= replicas.length),
      );
      return isSynced ? true : undefined;
    }),
  );

/** As `withAdmin`, until it succeeds: brokers that have just changed refuse or are not there. */
const persistently = (
  { brokers: addresses }: Testbed['cluster'],
  work: (admin: Admin) => Promise<unknown>,
): Promise<unknown> =>
  waitUntil('An answer of the brokers', REASSIGNED_MS, async () => {
    await withAdmin(addresses, work);
    return true;
  });

export const BROKER_FAULTS: readonly ChaosFault[] = [
  brokers({
    name: 'rolling-restart',
    title: 'each broker is restarted in turn',
    async apply({ world }) {
      const { cluster } = world.testbed;
      for (const node of cluster.nodes) {
        await during(
          () => node.stop(),
          () => node.start(),
        );
        await cluster.ready();
        await replicated(world.testbed);
      }
    },
  }),
  brokers({
    name: 'broker-killed',
    title: 'a broker is killed (SIGKILL), and starts again',
    async apply(context) {
      const node = anyBroker(context);
      await during(
        async () => {
          await node.kill();
          await sleep(3_000 + context.random.integer(5_000));
        },
        () => node.start(),
      );
      await context.world.testbed.cluster.ready();
    },
  }),
  brokers({
    name: 'broker-stopped',
    title: 'a broker stops for more than 12 s (SIGSTOP), its connections stay open',
    async apply(context) {
      const node = anyBroker(context);
      await during(
        async () => {
          node.pause();
          await sleep(LEADERS_MOVED_MS + context.random.integer(3_000));
        },
        () => node.resume(),
      );
    },
  }),
  brokers({
    name: 'leaders-moved',
    title: 'the partitions of a topic move to other brokers, and back',
    async apply({ world, random }) {
      const topic = random.pick([TOPIC.orders, TOPIC.payments]) ?? TOPIC.orders;
      for (const turn of [1, 2, 0]) await reassign(world.testbed.cluster, topic, replicasIn(turn));
    },
  }),
  brokers({
    name: 'below-min-isr',
    title: 'two of three brokers are killed: no topic can be written',
    async apply({ world, random }) {
      const { cluster } = world.testbed;
      const kept = random.integer(3);
      const others = cluster.nodes.filter((_, at) => at !== kept);
      await during(
        async () => {
          await Promise.all(others.map((node) => node.kill()));
          await sleep(8_000);
        },
        () => Promise.all(others.map((node) => node.start())),
      );
      await cluster.ready();
    },
  }),
  brokers({
    name: 'topic-below-min-isr',
    title: 'one topic is below min ISR, the others are not',
    apply: ({ world }) =>
      during(
        async () => {
          // More in-sync replicas than it has brokers.
          await configureTopic(world.testbed, TOPIC.payments, 'min.insync.replicas', '4');
          await sleep(ALONE_MS);
        },
        () => configureTopic(world.testbed, TOPIC.payments, 'min.insync.replicas', undefined),
      ),
  }),
  brokers({
    name: 'limit-lowered',
    title: 'a topic accepts smaller messages only, for a while',
    apply: ({ world }) =>
      during(
        async () => {
          await configureTopic(world.testbed, TOPIC.payments, 'max.message.bytes', String(SMALL_LIMIT_BYTES));
          await sleep(10_000);
        },
        () => configureTopic(world.testbed, TOPIC.payments, 'max.message.bytes', undefined),
      ),
  }),
  brokers({
    name: 'disk-full',
    title: 'the disk of one broker is full',
    unavailable: () => (process.getuid?.() === 0 ? undefined : 'only root can mount a small disk'),
    apply: ({ world }) => fillDisk(world.testbed),
  }),
  brokers({
    name: 'topic-recreated',
    title: 'a topic is deleted, and made again 5 s later',
    async apply({ world }) {
      const { testbed, readers, removals } = world;
      const { cluster } = testbed;
      await readers.leave(TOPIC.archive);
      await deleteTopic(cluster.brokers, TOPIC.archive);
      await sleep(5_000);
      // A request that was sent before may be acknowledged until then, and its mark comes later.
      removals.push({ kind: 'removal', topic: TOPIC.archive, until: Date.now() });
      await createTopics(cluster.brokers, [ARCHIVE]);
      await readers.read([TOPIC.archive], removals.length);
    },
  }),
  brokers({
    name: 'partitions-added',
    title: 'a topic gets more partitions while its consumers are behind',
    async apply({ world }) {
      const { consumers, testbed } = world;
      const slots = Array.from({ length: consumers.size }, (_, slot) => slot);
      await during(
        async () => {
          for (const slot of slots) consumers.freeze(slot);
          await sleep(BEHIND_MS);
          await withAdmin(testbed.cluster.brokers, async (admin) => {
            const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC.payments] });
            const count = (topics[0]?.partitions.length ?? PARTITIONS.payments) + 2;
            await admin.createPartitions({ topicPartitions: [{ topic: TOPIC.payments, count }] });
          });
          // The relay learns of new partitions when its metadata are a minute old, or from a new process.
          await world.relay.sandboxes.kill('all');
          await sleep(BEHIND_MS);
        },
        () => slots.forEach((slot) => consumers.thaw(slot)),
      );
    },
  }),
  brokers({
    name: 'slow-connections',
    title: 'connections to the brokers are slow, then too slow for any request',
    apply: ({ world }) =>
      during(
        async () => {
          const { proxied } = world.testbed.proxies;
          proxied.forEach((proxy) => proxy.slowDown(SLOW));
          await sleep(6_000);
          proxied.forEach((proxy) => proxy.slowDown(TOO_SLOW));
          await sleep(6_000);
        },
        () => world.testbed.proxies.proxied.forEach((proxy) => proxy.restore()),
      ),
  }),
  brokers({
    name: 'half-open-connections',
    title: 'connections to the brokers stay open and go silent: the old ones, then all',
    apply: ({ world }) =>
      during(
        async () => {
          const { proxied } = world.testbed.proxies;
          proxied.forEach((proxy) => proxy.silenceConnections());
          await sleep(6_000);
          proxied.forEach((proxy) => proxy.silence());
          await sleep(4_000);
        },
        () => world.testbed.proxies.proxied.forEach((proxy) => proxy.restore()),
      ),
  }),
  brokers({
    name: 'credentials-expire',
    title: 'relays log in, and each login is valid for 5 s',
    async apply({ world }) {
      const { sandboxes, login } = world.relay;
      await during(
        async () => {
          sandboxes.deviation = login;
          await sleep(16_000);
        },
        () => {
          sandboxes.deviation = undefined;
        },
      );
    },
  }),
];

/** Gives each partition of a topic other replicas, the leader first. Resolves when they have it. */
async function reassign(
  cluster: Testbed['cluster'],
  topic: string,
  replicasOf: (partition: number) => number[],
): Promise<void> {
  await persistently(cluster, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitionAssignment = (topics[0]?.partitions ?? []).map(({ partitionId }) => ({
      ...{ partition: partitionId, replicas: replicasOf(partitionId) },
    }));
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
  });
  await persistently(cluster, async (admin) => {
    const { topics } = await admin.listPartitionReassignments({});
    if (topics.length > 0) throw new Error('The reassignment goes on.');
  });
}

/** All three brokers; the leaders are others from turn to turn. */
const replicasIn =
  (turn: number) =>
  (partition: number): number[] =>
    [0, 1, 2].map((at) => 1 + ((partition + turn + at) % 3));

const DISK_MB = 96;

/** A further broker on a small disk leads the partitions of a topic; then the disk gets full. */
async function fillDisk({ cluster }: Testbed): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'outbox-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', disk]);
  try {
    const own = await cluster.addBroker({ folder: disk });
    try {
      await reassign(cluster, TOPIC.archive, (partition) => [own.nodeId, ...replicasIn(0)(partition).slice(0, 2)]);
      await sleep(2_000);
      const ballast = await open(join(disk, 'ballast'), 'w');
      // Until nothing more fits.
      for (let isFull = false; !isFull;)
        isFull = await ballast.write(Buffer.alloc(1 << 20)).then(
          ({ bytesWritten }) => bytesWritten < 1 << 20,
          () => true,
        );
      await ballast.close();
      await sleep(8_000);
    } finally {
      await own.kill();
      // For some seconds, others still name the dead broker, and the client may try it first.
      await reassign(cluster, TOPIC.archive, replicasIn(0));
    }
  } finally {
    await run('umount', ['-l', disk]);
    await rm(disk, { recursive: true, force: true });
  }
}
