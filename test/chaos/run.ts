import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../lib/event/errors';
import { withAdmin } from '../../local/kafka/topics';
import type { Control } from './controls/controls';
import { judgeHistory, type Judgement } from './checker';
import type { ChaosFault } from './faults/fault';
import { replicated } from './faults/brokers';
import { FaultSchedule, type Applied } from './faults/schedule';
import { countOpen, gather, type LoadCounts } from './gather';
import type { HistoryLine, Settings } from './history';
import type { DatabaseName } from './world/database';
import { CONSUMERS, TOPIC } from './world/load';
import { World, type WriterLoad } from './world/world';
import { endsOf } from './world/brokers';

export interface RunOptions {
  readonly seed: number;
  /** How long faults are applied. */
  readonly minutes: number;
  /** Faults are applied longer, until so many events are committed. */
  readonly events?: number;
  readonly faults: readonly ChaosFault[];
  readonly publisher: string;
  readonly database: DatabaseName;
  readonly load: WriterLoad;
  /** Set for a run that must be found wrong. */
  readonly control?: Control;
  /** Where the history is written. */
  readonly history: string;
  readonly tell: (text: string) => void;
}

export interface RunResult {
  readonly judgement: Judgement;
  readonly applied: ReadonlyMap<string, Applied>;
  readonly load: LoadCounts;
  readonly counts: Readonly<Record<string, number>>;
  /** Failures apart from the promises: faults that could not be repaired, operator commands that failed. */
  readonly failures: readonly string[];
  readonly seconds: { readonly faults: number; readonly settling: number };
}

const RETENTION_SECONDS = 86_400;
/**
 * Takes the redelivery after a fault and the sweeper into account, and the brokers: up to five minutes after a restart,
 * they move leaders back (`leader.imbalance.check.interval.seconds`), and a send meanwhile may time out.
 */
const AFTER_FAULT_MS = 330_000;
/** A fault kills each relay after it has published, for 20 s, and the next one is there in half a second. */
const MAX_COPIES = 40;
const WARM_UP_MS = 5_000;
const SETTLED_MS = 600_000;
/** A longer run has more open items at its end. */
const SETTLED_MS_PER_EVENT = 2;
/** The relay of a control may never settle, and is judged all the same. */
const CONTROL_SETTLED_MS = 60_000;
const PROGRESS_MS = 10_000;

/** Starts a world, applies the faults while it is written to, lets it settle, and judges its history. */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { tell } = options;
  const world = await World.start({
    ...{ seed: options.seed, database: options.database, publisher: options.publisher },
    ...{ writers: options.load, consumerProcesses: 2, onProgress: tell, control: options.control },
  });
  try {
    return await play(world, options);
  } finally {
    tell('stop');
    await world.stop();
  }
}

async function play(world: World, options: RunOptions): Promise<RunResult> {
  const { seed, minutes, events = 0, faults, tell } = options;
  const startedAt = Date.now();
  let doing = 'no fault';
  const schedule = new FaultSchedule({
    ...{ world, seed, faults },
    isOver: () => Date.now() >= startedAt + minutes * 60_000 && world.progress.committed >= events,
    onFault: (text) => (doing = text),
  });
  const progress = setInterval(() => {
    const { committed } = world.progress;
    tell(`${clock(Date.now() - startedAt)}  ${committed.toLocaleString('en-US')} events committed, ${doing}`);
  }, PROGRESS_MS);
  try {
    await world.writers.start();
    await sleep(WARM_UP_MS);
    await schedule.run();
    const faultsEndedAt = Date.now();
    doing = 'settling';
    await world.writers.stop();
    const unsettled = await settle(
      world,
      options.control === undefined ? Math.max(SETTLED_MS, events * SETTLED_MS_PER_EVENT) : CONTROL_SETTLED_MS,
      (text) => (doing = text),
    );
    const settling = (Date.now() - faultsEndedAt) / 1_000;
    doing = 'gathering the history';
    const { lines, load } = await gather(world);
    const history = [settingsOf(schedule), ...lines, ...schedule.history];
    await writeHistory(options.history, history);
    return {
      judgement: judgeHistory(history),
      ...{ applied: schedule.applied, load, counts: countsOf(world) },
      failures: [...schedule.failures, ...unsettled, ...world.operator.failures],
      seconds: { faults: (faultsEndedAt - startedAt) / 1_000, settling },
    };
  } finally {
    clearInterval(progress);
  }
}

/** Repairs everything, and waits until nothing is open. Resolves with what did not settle. */
async function settle(world: World, settleMs: number, doing: (text: string) => void): Promise<string[]> {
  const { operator, relay, testbed, stack, readers } = world;
  try {
    doing('settling: waiting for replicas and zombies');
    await testbed.cluster.ready();
    await replicated(testbed);
    await relay.sandboxes.withoutZombies();
    await world.repairTopics();
    await world.deployConsumers();
    const deadline = Date.now() + settleMs;
    for (;;) {
      const lag = await lagOf(world);
      const parked = (await operator.parked()).length;
      const [open, held] = [await countOpen(stack), (await operator.held()).length];
      doing(`settling: ${open} items open, ${held} keys held, ${lag} messages to consume, ${parked} keys parked`);
      if (open + held + lag + parked === 0) break;
      if (Date.now() > deadline) {
        return [
          `Not settled: ${open} items open, ${held} keys held, ${lag} messages to consume, ${parked} keys parked`,
        ];
      }
      if (held > 0) {
        await operator.skipUndecodable();
        await operator.redriveAll();
      }
      if (parked > 0) await operator.redriveConsumers();
      await sleep(2_000);
    }
    await relay.mapping.caughtUp();
    await readers.caughtUp();
    return [];
  } catch (error) {
    return [`Not settled: ${messageOf(error)}`];
  }
}

/** Messages that the consumers have not committed. */
const lagOf = ({ testbed }: World): Promise<number> =>
  withAdmin(testbed.cluster.brokers, async (admin) => {
    let lag = 0;
    for (const { name, topics } of CONSUMERS) {
      const ends = await endsOf(testbed, topics);
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId: name, topics: [...topics] })) {
        for (const { partition, offset } of partitions) {
          lag += Math.max(0, (ends.get(`${topic}-${partition}`) ?? 0) - Math.max(0, Number(offset)));
        }
      }
    }
    return lag;
  });

const settingsOf = ({ applied }: FaultSchedule): Settings => ({
  ...{ kind: 'settings', retentionSeconds: RETENTION_SECONDS, maxCopies: MAX_COPIES, afterFaultMs: AFTER_FAULT_MS },
  consumers: CONSUMERS.map(({ name, topics, emits }) => ({ name, topics, emits })),
  ...(applied.has('partitions-added') ? { grownTopics: [TOPIC.payments] } : {}),
});

function* textsOf(lines: readonly HistoryLine[]): Generator<string> {
  for (const line of lines) yield `${JSON.stringify(line)}\n`;
}

async function writeHistory(path: string, lines: readonly HistoryLine[]): Promise<void> {
  await pipeline(Readable.from(textsOf(lines)), createWriteStream(path));
}

function countsOf({
  relay,
  relayDatabase,
  serviceDatabase,
  writers,
  consumers,
  operator,
}: World): Record<string, number> {
  const { counts, sandboxes, mapping } = relay;
  const database = Object.entries(relayDatabase.counts).map(([name, count]) => [
    `database requests ${name}`,
    count + serviceDatabase.counts[name as keyof typeof serviceDatabase.counts],
  ]);
  return {
    ...{
      invocations: counts.invocations,
      'batches bisected': counts.bisects,
      'batches failed in part': counts.partial,
    },
    ...{ 'batches failed': counts.retries, 'records dropped by the stream': counts.trimmed },
    ...{ 'sweeper runs': counts.sweeps, 'sweeper runs failed': counts.sweepFailures },
    ...{ 'records dropped by the mapping': mapping.metrics().DroppedEventCount },
    ...{ 'relays killed': sandboxes.ends.killed, 'relays out of time': sandboxes.ends.timedOut },
    ...{ 'relays out of memory': sandboxes.ends.outOfMemory, 'relays replaced while frozen': sandboxes.ends.abandoned },
    ...(Object.fromEntries(database) as Record<string, number>),
    ...{
      'writers ended by themselves': writers.unexpectedEnds,
      'consumers ended by themselves': consumers.unexpectedEnds,
    },
    ...Object.fromEntries([...operator.counts].map(([name, count]) => [`outbox ${name}`, count])),
  };
}

export const clock = (ms: number): string =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1_000) % 60).padStart(2, '0')}`;
