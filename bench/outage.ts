import { ConfigResourceTypes } from 'kafkajs';
import { withAdmin } from '../local/kafka/topics';
import { silenceTimerWarning } from '../lib/kafka/timer-warning';
import { allMarked, keysNamed, startWorld, until, type World } from '../test/local/harness/world';
import { percentile } from './statistics';

/**
 * One topic is below its minimum of in-sync replicas for minutes, next to two healthy topics. This measures the effect
 * on the healthy topics, and the recovery: three brokers, DynamoDB Local, the deployed bundle and its settings.
 */
const OUTAGE_MS = Number(process.argv[2] ?? 300) * 1_000;
const WARM_UP_MS = 60_000;
const BEFORE_MS = 60_000;
const SICK_KEYS = 50;
const HEALTHY_KEYS = 40;
/** Of each healthy topic. */
const WRITES_PER_SECOND = 5;
const SICK_WRITES_PER_SECOND = 2;
/** Interval of the schedule that probes partitions that take no writes. */
const PROBE_EVERY_MS = 60_000;
const RECOVERED_WITHIN_MS = 180_000;

type Type = 'order.changed' | 'order.noted' | 'order.audited';

interface Sent {
  readonly id: string;
  readonly key: string;
  readonly at: number;
}

class Load {
  readonly sent: Sent[] = [];
  readonly #world: World;
  readonly #versions = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #open = new Set<Promise<void>>();

  constructor(world: World) {
    this.#world = world;
  }

  write(type: Type, key: string): void {
    const version = (this.#versions.get(key) ?? 0) + 1;
    this.#versions.set(key, version);
    const id = `${key}.${version}`;
    const { outbox, document } = this.#world;
    const at = Date.now();
    const writing = outbox
      .transact(document, {
        changes: [{ aggregate: 'order', key, version, events: [{ type, id, data: { n: version } }] }],
      })
      .then(() => {
        this.sent.push({ id, key, at });
        this.#open.delete(writing);
      });
    this.#open.add(writing);
  }

  /** Writes to one key after the other. A key is not written again before all others were. */
  every(ms: number, type: Type, keys: readonly string[]): void {
    let turn = 0;
    this.#timers.push(setInterval(() => this.write(type, keys[turn++ % keys.length] ?? ''), ms));
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#open);
  }
}

/** The third broker keeps replicas of the sick topic alone, which needs all three: its end affects no other topic. */
const makeOneTopicDependent = (brokers: readonly string[]): Promise<unknown> =>
  withAdmin(brokers, async (admin) => {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: 'audit',
          configEntries: [{ name: 'min.insync.replicas', value: '3' }],
        },
      ],
    });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['orders', 'small'] });
    await admin.alterPartitionReassignments({
      topics: topics.map(({ name, partitions }) => ({
        topic: name,
        partitionAssignment: partitions.map(({ partitionId }) => ({ partition: partitionId, replicas: [1, 2] })),
      })),
    });
  });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

async function measure(world: World): Promise<void> {
  const { stack, reader } = world;
  const load = new Load(world);
  const arrivedAt = (): Map<string, number> => {
    const first = new Map<string, number>();
    for (const { headers, at } of reader.arrivals) {
      const id = headers['ce_id'] ?? '';
      if (!first.has(id)) first.set(id, at);
    }
    return first;
  };
  const isHealthy = ({ key }: Sent): boolean => !key.startsWith('sick');
  const tell = (text: string): void => console.log(`${seconds(Date.now() - begun)}: ${text}`);
  const begun = Date.now();
  const holds = async (): Promise<number> =>
    (await world.holds()).filter(({ reason }) => reason === 'partition-unavailable').length;

  await makeOneTopicDependent(stack.brokers);
  load.every(1_000 / WRITES_PER_SECOND, 'order.changed', keysNamed('changed', HEALTHY_KEYS));
  load.every(1_000 / WRITES_PER_SECOND, 'order.noted', keysNamed('noted', HEALTHY_KEYS));
  load.every(1_000 / SICK_WRITES_PER_SECOND, 'order.audited', keysNamed('sick', SICK_KEYS));
  await pause(WARM_UP_MS + BEFORE_MS);

  const awaySince = Date.now();
  await stack.kafka?.nodes[2]?.kill();
  tell('the topic "audit" is below its minimum of in-sync replicas');
  const probes = setInterval(() => void stack.probe(), PROBE_EVERY_MS);
  await until('the holds', async () => (await holds()) >= SICK_KEYS, OUTAGE_MS);
  const heldAt = Date.now();
  tell(`all ${SICK_KEYS} keys of the topic are held`);
  await pause(Math.max(0, awaySince + OUTAGE_MS - Date.now()));

  await stack.kafka?.nodes[2]?.start();
  const backAt = Date.now();
  tell('the topic takes writes again');
  await until('the release', async () => (await holds()) === 0, RECOVERED_WITHIN_MS);
  tell(`no key is held any more, ${seconds(Date.now() - backAt)} after that`);
  await load.stop();
  const stoppedAt = Date.now();
  await until('every event', () => load.sent.every(({ id }) => arrivedAt().has(id)), RECOVERED_WITHIN_MS);
  await allMarked(world, RECOVERED_WITHIN_MS);
  tell(`everything is published and marked, ${seconds(Date.now() - stoppedAt)} after the last write`);
  clearInterval(probes);

  const arrived = arrivedAt();
  const latencies = (from: number, to: number): readonly number[] =>
    load.sent
      .filter((sent) => isHealthy(sent) && sent.at >= from && sent.at < to)
      .map(({ id, at }) => (arrived.get(id) ?? Infinity) - at);
  for (const [name, from, to] of [
    ['before', begun + WARM_UP_MS, awaySince],
    ['until the keys are held', awaySince, heldAt],
    ['while they are held', heldAt + 5_000, backAt],
    ['after', backAt, stoppedAt],
  ] as const) {
    const ms = latencies(from, to);
    const [p50, p99] = [50, 99].map((percent) => percentile(ms, percent).toFixed(0));
    console.log(`${name}: ${ms.length} events of healthy topics, p50 ${p50 ?? ''} ms, p99 ${p99 ?? ''} ms`);
  }
  const copies = [...Map.groupBy(reader.arrivals, ({ headers }) => headers['ce_id'] ?? '').values()].map(
    (of) => of.length,
  );
  const healthyCopies = reader.arrivals.filter(({ topic }) => topic !== 'audit').length;
  const overtaken = [...new Set(load.sent.map(({ key }) => key))].filter((key) => {
    const ids = reader.firstIds(key);
    return ids.some((id, at) => id !== `${key}.${at + 1}`);
  });
  console.log(
    `${load.sent.length} events committed, ${load.sent.filter(({ id }) => !arrived.has(id)).length} lost, ${overtaken.length} keys out of order, at most ${Math.max(...copies)} copies; ${healthyCopies - load.sent.filter(isHealthy).length} copies too many on healthy topics`,
  );
}

async function main(): Promise<void> {
  silenceTimerWarning();
  const world = await startWorld({ ownKafka: true, nodes: 3, pollIntervalMs: 250 });
  try {
    await measure(world);
  } finally {
    await world.stop();
  }
}

void main();
