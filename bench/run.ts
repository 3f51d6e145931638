import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTopics, deleteTopic, withAdmin } from '../local/kafka/topics';
import type { Bundles } from './bundles';
import { messageFrom, startChild } from './child-process';
import type { Assignment, Measurement } from './children/measure';
import { streamBatch } from './events';
import { EVENTS_PER_BATCH, type BenchOptions } from './options';
import { relayEnvironment } from './relay-environment';
import { isBaseline, isMarking, recordAgeMs, SCENARIOS, type Scenario } from './scenario';
import type { DynamoDbStub } from './stub';

export const PARTITIONS = 12;
/** Before this many batches the engine compiles more than it runs. A run of a few events only shows that it works. */
const WARMUP_BATCHES = 10;
const warmupsOf = (events: number): number => Math.min(WARMUP_BATCHES, (2 * events) / EVENTS_PER_BATCH);

export interface RunResult extends Measurement {
  readonly scenario: Scenario;
}

export interface Servers {
  readonly brokers: readonly string[];
  readonly stub: DynamoDbStub;
}

/**
 * Runs every scenario once, each in a process of its own, on the same events and a topic of this round.
 *
 * @throws Error if a scenario did not publish or mark exactly the events that it received.
 */
export async function runRound(
  round: number,
  { events }: Pick<BenchOptions, 'events'>,
  bundles: Bundles,
  servers: Servers,
  folder: string,
  onRun: (scenario: Scenario) => void,
): Promise<RunResult[]> {
  const topic = `bench-${round}`;
  const batches = join(folder, topic);
  const files = writeBatches(batches, topic, warmupsOf(events) + events / EVENTS_PER_BATCH);
  await createTopics(servers.brokers, [{ topic, partitions: PARTITIONS, configs: { 'file.delete.delay.ms': '0' } }]);
  const results: RunResult[] = [];
  for (const scenario of SCENARIOS) {
    if (isBaseline(scenario.subject) && bundles.baseline === undefined) continue;
    onRun(scenario);
    results.push({
      scenario,
      ...(await runScenario(scenario, { files, warmupFiles: warmupsOf(events) }, bundles, servers)),
    });
    const handled = files.length * EVENTS_PER_BATCH;
    const stored = await storedMessages(servers.brokers, topic);
    assertEqual(stored, results.length * handled, `messages in the topic after ${scenario.subject}`);
    const { marks } = await servers.stub.takeCounts();
    assertEqual(marks, isMarking(scenario.subject) ? handled : 0, `marks of ${scenario.subject}`);
  }
  await deleteTopic(servers.brokers, topic);
  rmSync(batches, { recursive: true });
  return results;
}

function writeBatches(folder: string, topic: string, count: number): string[] {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, at) => {
    const file = join(folder, `${at}.json`);
    writeFileSync(file, JSON.stringify(streamBatch(topic)));
    return file;
  });
}

async function runScenario(
  { subject, compression }: Scenario,
  files: Pick<Assignment, 'files' | 'warmupFiles'>,
  bundles: Bundles,
  { brokers, stub }: Servers,
): Promise<Measurement> {
  const child = startChild(bundles.child(subject === 'ceiling' ? 'ceiling' : 'handler'), {
    ...relayEnvironment(brokers, stub.endpoint, compression),
    BENCH_BUNDLE: bundleOf(subject, bundles),
  });
  child.send({ ...files, recordAgeMs: recordAgeMs(subject) } satisfies Assignment);
  return (await messageFrom(child)) as Measurement;
}

function bundleOf(subject: Scenario['subject'], { relay, relayWithoutMarks, baseline = '' }: Bundles): string {
  if (isBaseline(subject)) return baseline;
  return isMarking(subject) ? relay : relayWithoutMarks;
}

const storedMessages = (brokers: readonly string[], topic: string): Promise<number> =>
  withAdmin(brokers, async (admin) =>
    (await admin.fetchTopicOffsets(topic)).reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0),
  );

function assertEqual(got: number, expected: number, what: string): void {
  if (got !== expected)
    throw new Error(`Expected ${expected} ${what}, found ${got}: the figures would be worth nothing.`);
}
