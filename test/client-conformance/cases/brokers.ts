import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaCluster } from '../../../local/kafka/cluster';
import { withAdmin } from '../../../local/kafka/topics';
import { waitUntil } from '../../../local/wait-until';
import type { ConformanceCase } from '../case';
import type { Load } from '../load';
import { aloneUnderLoad, currentCallsEnded, PARTITIONS, RUN_MS } from './under-load';

/** A broker that does not respond loses its leaderships after 9 s. */
const LEADERS_MOVED_MS = 10_500;
const REASSIGNED_MS = 60_000;

export const steady: ConformanceCase = {
  name: 'steady',
  title: 'no fault',
  run: (context) =>
    aloneUnderLoad(context, {
      topic: 'steady',
      async disturb(loads) {
        while (acknowledgedBy(loads) < context.records) await sleep(100);
      },
    }),
};

const acknowledgedBy = (loads: readonly Load[]): number =>
  Math.min(...loads.map(({ acknowledged }) => acknowledged.size));

export const paused: ConformanceCase = {
  name: 'paused',
  title: 'each broker stops responding in turn, its connections stay open',
  catchesControls: true,
  run: (context) => aloneUnderLoad(context, { topic: 'paused', disturb: () => pauseInTurn(context.testbed.cluster) }),
};

/** Each broker stops responding twice, long enough to lose its leaderships. */
export async function pauseInTurn({ nodes }: KafkaCluster): Promise<void> {
  for (const node of [...nodes, ...nodes]) {
    node.pause();
    await sleep(LEADERS_MOVED_MS);
    node.resume();
    await sleep(RUN_MS);
  }
}

export const killed: ConformanceCase = {
  name: 'killed',
  title: 'each broker is killed in turn',
  run: (context) =>
    aloneUnderLoad(context, {
      topic: 'killed',
      async disturb() {
        const { cluster } = context.testbed;
        for (const node of cluster.nodes) {
          await node.kill();
          await sleep(RUN_MS);
          await node.start();
          await cluster.ready();
          await sleep(RUN_MS);
        }
      },
    }),
};

export const belowMinIsr: ConformanceCase = {
  name: 'below-min-isr',
  title: 'two of three brokers are stopped: fewer replicas than a write needs',
  run: (context) =>
    aloneUnderLoad(context, {
      topic: 'below-min-isr',
      async disturb(loads) {
        const [, ...others] = context.testbed.cluster.nodes;
        await Promise.all(others.map((node) => node.stop()));
        await currentCallsEnded(loads);
        const before = acknowledgedBy(loads);
        await sleep(3 * RUN_MS);
        if (acknowledgedBy(loads) > before) throw new Error('A broker alone acknowledged messages.');
        await Promise.all(others.map((node) => node.start()));
      },
    }),
};

export const leaders: ConformanceCase = {
  name: 'leaders',
  title: 'every partition moves to other brokers, again and again',
  run: (context) => {
    const topic = 'leaders';
    return aloneUnderLoad(context, {
      topic,
      async disturb() {
        for (let turn = 0; turn < 6; turn++) {
          await sleep(RUN_MS);
          await reassign(context.testbed.cluster, `${topic}-${context.clientName}`, turn);
        }
      },
    });
  },
};

/** Moves each partition to two brokers, which differ from turn to turn. Resolves when they have it. */
async function reassign({ brokers }: KafkaCluster, topic: string, turn: number): Promise<void> {
  const partitionAssignment = Array.from({ length: PARTITIONS }, (_, partition) => {
    const leader = (partition + turn) % 3;
    return { partition, replicas: [1 + leader, 1 + ((leader + 1) % 3)] };
  });
  await withAdmin(brokers, (admin) => admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] }));
  await waitUntil('The reassignment', REASSIGNED_MS, async () => {
    const { topics } = await withAdmin(brokers, (admin) => admin.listPartitionReassignments({}));
    return topics.length === 0 ? true : undefined;
  });
}
