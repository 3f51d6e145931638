import { setTimeout as sleep } from 'node:timers/promises';
import { COMPRESSIONS, type Compression } from '../../lib/relay/environment';
import type { BatchOutcome, PartitionBatch } from '../../lib/relay/ports';
import type { KafkaCluster } from '../../local/kafka/cluster';
import { createTopics, deleteTopic, withAdmin } from '../../local/kafka/topics';
import { waitUntil } from '../../local/wait-until';
import { readTopic } from '../local/publisher/read-topic';
import type { OpenClient } from './client';
import { judge, type Verdict } from './judge';
import { Load } from './load';

export interface CaseContext {
  readonly cluster: KafkaCluster;
  /** Messages that the case without faults publishes. */
  readonly records: number;
  readonly isControl: boolean;
  /** Opens the client that is tested. The suite closes it. */
  open(compression?: Compression): OpenClient;
}

export interface CaseResult {
  readonly verdict?: Verdict;
  readonly outages?: number;
  /** Everything else that was not as it should be. */
  readonly faults: readonly string[];
}

export interface ConformanceCase {
  readonly name: string;
  readonly title: string;
  /** Whether a client is known to lose messages here that is used again after a failure. */
  readonly catchesControls?: boolean;
  run(context: CaseContext): Promise<CaseResult>;
}

const PARTITIONS = 12;
const MESSAGES_PER_PARTITION = 20;
/** A broker that does not respond loses its leaderships after 9 s. */
const LEADERS_MOVED_MS = 10_500;
const RUN_MS = 1_500;
const REASSIGNED_MS = 60_000;

/** Publishes while the brokers are disturbed, and until all is acknowledged; then reads the topic. */
async function underLoad(
  context: CaseContext,
  topic: string,
  disturb: (load: Load) => Promise<void>,
): Promise<CaseResult> {
  const { cluster } = context;
  await createTopics(cluster.brokers, [{ topic, partitions: PARTITIONS }]);
  const load = new Load(context.open(), {
    topic,
    partitions: PARTITIONS,
    messagesPerPartition: MESSAGES_PER_PARTITION,
  });
  const stop = new AbortController();
  const publishing = load.until(stop.signal, context.isControl);
  try {
    await disturb(load);
  } finally {
    stop.abort();
  }
  await publishing;
  await cluster.ready();
  const faults = load.refused.map((outcome) => `refused: ${JSON.stringify(outcome)}`);
  return { verdict: judge(load.acknowledged, await readTopic(cluster.brokers, topic)), outages: load.outages, faults };
}

const steady: ConformanceCase = {
  name: 'steady',
  title: 'no fault',
  run: (context) =>
    underLoad(context, 'steady', async ({ acknowledged }) => {
      while (acknowledged.size < context.records) await sleep(100);
    }),
};

const paused: ConformanceCase = {
  name: 'paused',
  title: 'each broker stops responding in turn, its connections stay open',
  catchesControls: true,
  run: (context) => underLoad(context, 'paused', () => pauseInTurn(context.cluster)),
};

/** Each broker stops responding twice, long enough to lose its leaderships. */
export async function pauseInTurn({ nodes }: KafkaCluster): Promise<void> {
  // A control that fails before its first acknowledgement would have nothing to lose.
  await sleep(RUN_MS);
  for (const node of [...nodes, ...nodes]) {
    node.pause();
    await sleep(LEADERS_MOVED_MS);
    node.resume();
    await sleep(RUN_MS);
  }
}

const killed: ConformanceCase = {
  name: 'killed',
  title: 'each broker is killed in turn',
  run: (context) =>
    underLoad(context, 'killed', async () => {
      for (const node of context.cluster.nodes) {
        await node.kill();
        await sleep(RUN_MS);
        await node.start();
        await context.cluster.ready();
        await sleep(RUN_MS);
      }
    }),
};

const belowMinIsr: ConformanceCase = {
  name: 'below-min-isr',
  title: 'two of three brokers are stopped: fewer replicas than a write needs',
  run: (context) =>
    underLoad(context, 'below-min-isr', async ({ acknowledged }) => {
      const [, ...others] = context.cluster.nodes;
      await sleep(RUN_MS);
      await Promise.all(others.map((node) => node.stop()));
      const before = acknowledged.size;
      await sleep(3 * RUN_MS);
      if (acknowledged.size > before) throw new Error('A broker alone acknowledged messages.');
      await Promise.all(others.map((node) => node.start()));
    }),
};

const leaders: ConformanceCase = {
  name: 'leaders',
  title: 'every partition moves to other brokers, again and again',
  run: (context) =>
    underLoad(context, 'leaders', async () => {
      const { brokers } = context.cluster;
      for (let turn = 0; turn < 6; turn++) {
        await sleep(RUN_MS);
        await withAdmin(brokers, (admin) =>
          admin.alterPartitionReassignments({
            topics: [
              {
                topic: 'leaders',
                partitionAssignment: Array.from({ length: PARTITIONS }, (_, partition) => {
                  const leader = (partition + turn) % 3;
                  return { partition, replicas: [1 + leader, 1 + ((leader + 1) % 3)] };
                }),
              },
            ],
          }),
        );
        await waitUntil('The reassignment', REASSIGNED_MS, async () => {
          const { topics } = await withAdmin(brokers, (admin) => admin.listPartitionReassignments({}));
          return topics.length === 0 ? true : undefined;
        });
      }
    }),
};

const message = (topic: string, value: Buffer | null, headers: Record<string, string> = {}) => ({
  ...{ topic, key: Buffer.from('schlüssel'), value, headers },
});
const batchOf = (topic: string, partition: number, ...messages: PartitionBatch['messages']): PartitionBatch => ({
  ...{ topic, partition, messages },
});

const shown = (outcome: BatchOutcome | undefined): string =>
  outcome?.kind === 'poison' ? outcome.reason : (outcome?.kind ?? 'nothing');

/** Brokers need some time before they replicate a new topic: until then an outage is the right outcome. */
const SETTLED_MS = 20_000;

/** The outcomes of the batches; those that had an outage are published again. */
async function settled(client: OpenClient, batches: readonly PartitionBatch[]): Promise<BatchOutcome[]> {
  const outcomes = new Map<PartitionBatch, BatchOutcome>();
  await waitUntil('The outcome of each batch', SETTLED_MS, async () => {
    const open = batches.filter((batch) => (outcomes.get(batch)?.kind ?? 'outage') === 'outage');
    const answers = await client.publish(open);
    for (const [at, batch] of open.entries()) {
      const answer = answers[at];
      if (answer !== undefined) outcomes.set(batch, answer);
    }
    return batches.every((batch) => (outcomes.get(batch)?.kind ?? 'outage') !== 'outage') ? true : undefined;
  });
  return batches.flatMap((batch) => outcomes.get(batch) ?? []);
}

/** A fault for each outcome that differs. */
const compared = (outcomes: readonly BatchOutcome[], expected: readonly string[]): string[] =>
  expected.flatMap((wanted, at) => {
    const got = shown(outcomes[at]);
    return got === wanted ? [] : [`batch ${at}: ${got} instead of ${wanted}`];
  });

const bytes: ConformanceCase = {
  name: 'bytes',
  title: 'keys, values and headers are stored as given, with each compression',
  async run({ cluster, open }) {
    const faults: string[] = [];
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = Buffer.from('a text that can be compressed, '.repeat(100));
    const headers = { ce_id: 'ü-1', 'content-type': 'application/json', empty: '' };
    for (const compression of COMPRESSIONS) {
      const topic = `bytes-${compression}`;
      await createTopics(cluster.brokers, [{ topic, partitions: 3 }]);
      const messages = [message(topic, all, headers), message(topic, null), message(topic, text)];
      faults.push(...compared(await settled(open(compression), [batchOf(topic, 2, ...messages)]), ['acked']));
      const stored = await readTopic(cluster.brokers, topic);
      for (const [at, { key, value, headers: given }] of messages.entries()) {
        const found = stored[at];
        const isSame =
          found?.partition === 2 &&
          found.key?.equals(key) === true &&
          (value === null ? found.value === null : found.value?.equals(value) === true) &&
          JSON.stringify(Object.entries(found.headers ?? {}).map(([name, text]) => [name, String(text)])) ===
            JSON.stringify(Object.entries(given));
        if (!isSame) faults.push(`${compression}: message ${at} is not stored as given`);
      }
    }
    return { faults };
  },
};

const tooLarge: ConformanceCase = {
  name: 'too-large',
  title: 'a message above the limit of its topic is refused, the others are written',
  async run({ cluster, open }) {
    await createTopics(cluster.brokers, [
      { topic: 'small', partitions: 2, configs: { 'max.message.bytes': '2000' } },
      { topic: 'beside-small', partitions: 1 },
    ]);
    const outcomes = await settled(open(), [
      batchOf('small', 0, message('small', Buffer.alloc(5_000, 1))),
      batchOf('small', 1, message('small', Buffer.from('1'))),
      batchOf('beside-small', 0, message('beside-small', Buffer.from('1'))),
    ]);
    return { faults: compared(outcomes, ['message-too-large', 'acked', 'acked']) };
  },
};

const unknownTopic: ConformanceCase = {
  name: 'unknown-topic',
  title: 'a topic that does not exist, or no longer, is refused, the others are written',
  async run({ cluster, open }) {
    await createTopics(cluster.brokers, [
      { topic: 'kept', partitions: 1 },
      { topic: 'deleted', partitions: 1 },
    ]);
    const client = open();
    const both = [
      batchOf('kept', 0, message('kept', Buffer.from('1'))),
      batchOf('deleted', 0, message('deleted', Buffer.from('1'))),
    ];
    const faults = compared(await settled(client, both), ['acked', 'acked']);
    await deleteTopic(cluster.brokers, 'deleted');
    faults.push(...compared(await settled(client, both), ['acked', 'unknown-topic']));
    const never = [both[0] ?? batchOf('kept', 0), batchOf('never', 0, message('never', Buffer.from('1')))];
    faults.push(...compared(await settled(client, never), ['acked', 'unknown-topic']));
    return { faults };
  },
};

/** Lets the brokers replicate a first topic: before, they answer the first messages of any topic too late. */
export async function warmUp({ brokers }: KafkaCluster, client: OpenClient): Promise<void> {
  const topic = 'warm-up';
  await createTopics(brokers, [{ topic, partitions: PARTITIONS }]);
  const batches = Array.from({ length: PARTITIONS }, (_, partition) =>
    batchOf(topic, partition, message(topic, Buffer.from('1'))),
  );
  await settled(client, batches);
  await client.close();
}

export const CASES: readonly ConformanceCase[] = [
  ...[bytes, tooLarge, unknownTopic, steady, leaders, killed, belowMinIsr, paused],
];
