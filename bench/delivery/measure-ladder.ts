import { setTimeout as sleep } from 'node:timers/promises';
import { deleteTopic } from '../../local/kafka/topics';
import { newTopic } from './measure-drain';
import { commitOf, judge, type Verdict } from './judge';
import { stepOf, type Step } from './ladder';
import { startReader, type TopicReader } from './reader';
import type { Subject } from './subject';
import { startWriter, type WrittenEvent } from './writer';

export interface LadderResult {
  readonly steps: readonly Step[];
  readonly verdict: Verdict;
}

export interface LadderOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Events a second, ascending. */
  readonly rates: readonly number[];
  readonly seconds: number;
}

const KEYS = 2_000;
/** A JVM compiles for some seconds. */
const WARM_UP = { rate: 100, seconds: 10 };
const ARRIVAL_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 180_000;
const POLL_MS = 200;

/** One rate after the other, until the relay falls behind or the writer cannot write faster. */
export async function measureLadder(
  subject: Subject,
  { brokers, topic, rates, seconds }: LadderOptions,
): Promise<LadderResult> {
  await newTopic(brokers, topic);
  const open = await subject.open(brokers, [topic]);
  const reader = await startReader(brokers, [topic], subject.idHeader);
  const writer = await startWriter(open.target, { topics: [topic], keys: KEYS });
  try {
    await open.start();
    const steps: Step[] = [];
    const written = [...(await writer.write(WARM_UP))];
    await arrived(reader, written.length, START_TIMEOUT_MS);
    for (const rate of rates) {
      const events = await writer.write({ rate, seconds });
      written.push(...events);
      await arrived(reader, written.length);
      const step = stepOf(rate, await timingsOf(events, reader));
      steps.push(step);
      if (step.verdict !== 'keeps up') break;
    }
    const commits = written.map((event) => commitOf(event, event.committedAt));
    return { steps, verdict: judge(commits, await reader.messages()) };
  } finally {
    await Promise.all([writer.stop(), reader.stop()]);
    await open.close();
    await deleteTopic(brokers, topic);
  }
}

/** Waits until that many events are there. Those that do not come count as never arrived. */
export async function arrived(reader: TopicReader, events: number, timeoutMs = ARRIVAL_TIMEOUT_MS): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while ((await reader.counts()).events < events) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** @param clock - `at`: the arrival at the reader. `appendedAt`: the append, when a fault may delay the reader itself. */
export async function timingsOf(
  events: readonly WrittenEvent[],
  reader: TopicReader,
  clock: 'at' | 'appendedAt' = 'at',
): Promise<readonly (WrittenEvent & { readonly arrivedAt?: number })[]> {
  const arrivedAt = new Map<string, number>();
  for (const { id, [clock]: time } of await reader.messages()) {
    arrivedAt.set(id, Math.min(time, arrivedAt.get(id) ?? Infinity));
  }
  return events.map((event) => ({ ...event, arrivedAt: arrivedAt.get(event.id) }));
}
