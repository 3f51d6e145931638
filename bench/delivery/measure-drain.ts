import { setTimeout as sleep } from 'node:timers/promises';
import { createTopics, deleteTopic } from '../../local/kafka/topics';
import type { Commit, Delivery } from '../../test/chaos/history';
import { judge, type Verdict } from './judge';
import { Load } from './load';
import { readTopics, storedMessages, type ReadMessage } from './reader';
import type { OpenSubject, Subject, UsageGroup } from './subject';
import { loadAverage, UsageSampler } from './usage';

/** Figures of one drain. Those of speed and processor time are of its measured part. */
export interface DrainResult {
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Of the relay. */
  readonly cpuMsPer1000: number;
  /** Of the store, which is a service in production. */
  readonly storeCpuMsPer1000: number;
  readonly peakRssMb: number;
  /** From the start of the relay's process to its first message. */
  readonly firstMessageMs: number;
  /** Of the machine, in the last minute of the drain. */
  readonly loadAverage: number;
  readonly verdict: Verdict;
}

/** A drain in whose middle the relay was killed. */
export interface CrashResult {
  readonly events: number;
  readonly duplicates: number;
  /** From the SIGKILL to the first event that was not delivered before. */
  readonly awayMs: number;
  readonly verdict: Verdict;
}

/** The JVM compiles and connections open in the first part of a drain, which is not measured. */
const WARM_UP_SHARE = 0.3;
/** Of the backlog, when the relay is killed. */
const KILL_SHARE = 0.5;
const KEYS = 1_000;
const MB = 1024 * 1024;
const POLL_MS = 250;
/** A drain whose topic has not grown for this time does not go on. */
const STILL_MS = 60_000;
/** After everything arrived, duplicates may still follow. */
const SETTLE_MS = 2_000;

export const newTopic = (
  brokers: readonly string[],
  topic: string,
  configs: Record<string, string> = {},
): Promise<void> =>
  createTopics(brokers, [{ topic, configs: { 'message.timestamp.type': 'LogAppendTime', ...configs } }]);

interface Drain {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly events: number;
}

/** Commits a backlog, starts the relay, and measures until everything is in the topic. */
export async function measureDrain(subject: Subject, { brokers, topic, events }: Drain): Promise<DrainResult> {
  return withBacklog(subject, { brokers, topic, events }, async (open, commits) => {
    const usage = new UsageSampler<UsageGroup>(open.pidsOf);
    const startedAt = Date.now();
    await open.start();
    await waitForMessages(brokers, topic, events);
    usage.stop();
    const load = loadAverage();
    await open.stop();
    const messages = await readTopics(brokers, [topic], subject.idHeader);
    const appended = messages.map(({ appendedAt }) => appendedAt).toSorted((a, b) => a - b);
    const from = appended[Math.floor(appended.length * WARM_UP_SHARE)] ?? 0;
    const to = appended.at(-1) ?? 0;
    const measured = appended.filter((at) => at > from).length;
    const per1000 = (group: UsageGroup): number => (usage.cpuMs(group, from, to) / measured) * 1_000;
    return {
      events,
      eventsPerSecond: (measured / (to - from)) * 1_000,
      cpuMsPer1000: per1000('relay'),
      storeCpuMsPer1000: per1000('store'),
      peakRssMb: usage.peakRssBytes('relay') / MB,
      firstMessageMs: (appended[0] ?? 0) - startedAt,
      loadAverage: load,
      verdict: judge(commits, messages),
    };
  });
}

/** Kills the relay in the middle of a drain; its supervisor starts it again at once. */
export async function measureCrash(subject: Subject, { brokers, topic, events }: Drain): Promise<CrashResult> {
  return withBacklog(subject, { brokers, topic, events }, async (open, commits) => {
    await open.start();
    await waitForMessages(brokers, topic, events * KILL_SHARE);
    const killedAt = Date.now();
    await open.kill();
    const messages = await readAll(brokers, topic, subject.idHeader, commits);
    await open.stop();
    const verdict = judge(commits, messages);
    return { events, duplicates: verdict.duplicates, awayMs: awayAfter(killedAt, messages), verdict };
  });
}

async function withBacklog<T>(
  subject: Subject,
  { brokers, topic, events }: Drain,
  work: (open: OpenSubject, commits: readonly Commit[]) => Promise<T>,
): Promise<T> {
  await newTopic(brokers, topic);
  const open = await subject.open(brokers, [topic]);
  try {
    return await work(open, await open.commit(new Load({ topic, keys: KEYS }).take(events)));
  } finally {
    await open.close();
    await deleteTopic(brokers, topic);
  }
}

/** @throws Error if the topic has not grown for a minute. */
async function waitForMessages(brokers: readonly string[], topic: string, count: number): Promise<void> {
  let last = { stored: 0, at: Date.now() };
  for (;;) {
    const stored = await storedMessages(brokers, [topic]);
    if (stored >= count) return;
    if (stored > last.stored) last = { stored, at: Date.now() };
    if (Date.now() - last.at > STILL_MS)
      throw new Error(`${topic} has ${stored} of ${count} messages, and no more come.`);
    await sleep(POLL_MS);
  }
}

/** Reads until every event is there or no more come, and once more after some time for the duplicates. */
export async function readAll(
  brokers: readonly string[],
  topic: string,
  idHeader: string,
  commits: readonly Commit[],
): Promise<readonly ReadMessage[]> {
  const ids = new Set(commits.flatMap(({ events }) => events.map(({ id }) => id)));
  let grownAt = Date.now();
  let stored = 0;
  for (;;) {
    const now = await storedMessages(brokers, [topic]);
    if (now > stored) grownAt = Date.now();
    stored = now;
    const isStill = Date.now() - grownAt > STILL_MS;
    if ((stored >= ids.size && Date.now() - grownAt > SETTLE_MS) || isStill) {
      const messages = await readTopics(brokers, [topic], idHeader);
      const found = new Set(messages.map(({ id }) => id));
      if (isStill || [...ids].every((id) => found.has(id))) return messages;
    }
    await sleep(POLL_MS);
  }
}

/** Milliseconds from a time to the first message after it whose event had not been delivered before. */
export function awayAfter(killedAt: number, messages: readonly (Delivery & { readonly appendedAt: number })[]): number {
  const firstOf = new Map<string, number>();
  for (const { id, appendedAt } of messages) firstOf.set(id, Math.min(appendedAt, firstOf.get(id) ?? Infinity));
  const next = Math.min(...[...firstOf.values()].filter((at) => at > killedAt + IN_FLIGHT_MS));
  return next - killedAt;
}

/** A request that the killed process had sent may still be appended. */
const IN_FLIGHT_MS = 100;
