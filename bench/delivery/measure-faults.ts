import type { KafkaCluster } from '../../local/kafka/cluster';
import { createTopics, deleteTopic, withAdmin } from '../../local/kafka/topics';
import { eventData } from '../events';
import { commitOf, judge, type Verdict } from './judge';
import { Load } from './load';
import { newTopic } from './measure-drain';
import { arrived, timingsOf } from './measure-ladder';
import { startReader } from './reader';
import type { Subject } from './subject';
import { startWriter, type WrittenEvent } from './writer';

/** All brokers are unavailable for some time while writers continue. */
export interface OutageResult {
  readonly outageMs: number;
  readonly events: number;
  /** From the time at which the broker answers again until everything committed so far has arrived. */
  readonly caughtUpMs: number;
  readonly verdict: Verdict;
}

/** One event that the topic refuses, among others. */
export interface PoisonResult {
  /** Events of other keys. */
  readonly others: number;
  /** Of these, delivered within the time limit. */
  readonly delivered: number;
  readonly limitMs: number;
  /** Events of the key of the refused one that were delivered although an earlier event was not. */
  readonly overtookThePoison: number;
}

/** One topic lacks in-sync replicas, next to a healthy one. */
export interface MinIsrResult {
  readonly sickMs: number;
  /** Events of the healthy topic that were committed while the other was unavailable. */
  readonly healthy: number;
  /** Of these, delivered before the other topic was available again. */
  readonly deliveredMeanwhile: number;
  readonly healthyP99Ms: number;
  readonly verdict: Verdict;
}

const KEYS = 500;
const RATE = 50;
const WARM_UP_SECONDS = 5;
const CATCH_UP_TIMEOUT_MS = 180_000;
const POISON_BYTES = 200_000;
const MAX_MESSAGE_BYTES = 100_000;
const POISON_AT = 0.1;

/** @param outageMs - from the kill of the only broker until it is started again */
export async function measureOutage(
  subject: Subject,
  kafka: KafkaCluster,
  topic: string,
  outageMs: number,
): Promise<OutageResult> {
  const { brokers } = kafka;
  const [node] = kafka.nodes;
  if (node === undefined || kafka.nodes.length > 1) throw new Error('The outage needs one broker.');
  await newTopic(brokers, topic);
  const open = await subject.open(brokers, [topic]);
  const reader = await startReader(brokers, [topic], subject.idHeader);
  const writer = await startWriter(open.target, { topics: [topic], keys: KEYS });
  try {
    await open.start();
    const before = await writer.write({ rate: RATE, seconds: WARM_UP_SECONDS });
    if (!(await arrived(reader, before.length, CATCH_UP_TIMEOUT_MS)))
      throw new Error('Nothing arrived before the outage.');
    await node.kill();
    const during = await writer.write({ rate: RATE, seconds: outageMs / 1_000 });
    await node.start();
    await kafka.ready();
    const backAt = Date.now();
    const events = [...before, ...during];
    await arrived(reader, events.length, CATCH_UP_TIMEOUT_MS);
    const after = await writer.write({ rate: RATE, seconds: WARM_UP_SECONDS });
    await arrived(reader, events.length + after.length, CATCH_UP_TIMEOUT_MS);
    const times = (await timingsOf(during, reader, 'appendedAt')).map(({ arrivedAt = Infinity }) => arrivedAt);
    return {
      outageMs,
      events: events.length + after.length,
      caughtUpMs: Math.max(...times) - backAt,
      verdict: judge(commitsOf([...events, ...after]), await reader.messages()),
    };
  } finally {
    await Promise.all([writer.stop(), reader.stop()]);
    await open.close();
    await deleteTopic(brokers, topic);
  }
}

/** @param limitMs - the time that the other events have */
export async function measurePoison(
  subject: Subject,
  brokers: readonly string[],
  topic: string,
  events: number,
  limitMs: number,
): Promise<PoisonResult> {
  await newTopic(brokers, topic, { 'max.message.bytes': String(MAX_MESSAGE_BYTES) });
  const open = await subject.open(brokers, [topic]);
  try {
    const load = new Load({ topic, keys: KEYS }).take(events);
    const poisonAt = Math.floor(load.length * POISON_AT);
    const poison = load[poisonAt];
    if (poison === undefined) throw new RangeError('There is no event to poison.');
    // One event of 200 kB in a topic that takes 100 kB at most; random bytes, so that compression does not save it.
    await open.commit(load.map((event) => (event === poison ? { ...event, data: eventData(POISON_BYTES) } : event)));
    const others = load.filter(({ key }) => key !== poison.key);
    const reader = await startReader(brokers, [topic], subject.idHeader);
    try {
      await open.start();
      const before = load.slice(0, poisonAt).filter(({ key }) => key === poison.key).length;
      await arrived(reader, others.length + before, limitMs);
      const ids = new Set((await reader.messages()).map(({ id }) => id));
      const ofKey = load.slice(poisonAt + 1).filter(({ key }) => key === poison.key);
      return {
        others: others.length,
        delivered: others.filter(({ id }) => ids.has(id)).length,
        limitMs,
        overtookThePoison: ids.has(poison.id) ? 0 : ofKey.filter(({ id }) => ids.has(id)).length,
      };
    } finally {
      await reader.stop();
    }
  } finally {
    await open.close();
    await deleteTopic(brokers, topic);
  }
}

/** Needs three brokers. The third has replicas of the sick topic alone, which needs all three. */
export async function measureMinIsr(
  subject: Subject,
  kafka: KafkaCluster,
  topics: { readonly healthy: string; readonly sick: string },
  sickMs: number,
): Promise<MinIsrResult> {
  const { brokers } = kafka;
  const third = kafka.nodes[2];
  if (third === undefined) throw new Error('One topic below its minimum of in-sync replicas needs three brokers.');
  const { healthy, sick } = topics;
  await newTopic(brokers, healthy);
  await createTopics(brokers, [
    { topic: sick, configs: { 'message.timestamp.type': 'LogAppendTime', 'min.insync.replicas': '3' } },
  ]);
  await keepOffThirdBroker(brokers, healthy);
  const open = await subject.open(brokers, [healthy, sick]);
  const reader = await startReader(brokers, [healthy, sick], subject.idHeader);
  const writer = await startWriter(open.target, { topics: [healthy, sick], keys: KEYS });
  try {
    await open.start();
    const before = await writer.write({ rate: RATE, seconds: WARM_UP_SECONDS });
    if (!(await arrived(reader, before.length, CATCH_UP_TIMEOUT_MS)))
      throw new Error('Nothing arrived before the fault.');
    await third.kill();
    const during = await writer.write({ rate: RATE, seconds: sickMs / 1_000 });
    const backAt = Date.now();
    await third.start();
    await kafka.ready();
    await arrived(reader, before.length + during.length, CATCH_UP_TIMEOUT_MS);
    const timings = (await timingsOf(during, reader, 'appendedAt')).filter(({ topic }) => topic === healthy);
    const latencies = timings
      .map(({ calledAt, arrivedAt = Infinity }) => arrivedAt - calledAt)
      .toSorted((a, b) => a - b);
    return {
      sickMs,
      healthy: timings.length,
      deliveredMeanwhile: timings.filter(({ arrivedAt = Infinity }) => arrivedAt < backAt).length,
      healthyP99Ms: latencies[Math.ceil(latencies.length * 0.99) - 1] ?? Infinity,
      verdict: judge(commitsOf([...before, ...during]), await reader.messages()),
    };
  } finally {
    await Promise.all([writer.stop(), reader.stop()]);
    await open.close();
    for (const topic of [healthy, sick]) await deleteTopic(brokers, topic);
  }
}

const commitsOf = (events: readonly WrittenEvent[]) => events.map((event) => commitOf(event, event.committedAt));

const keepOffThirdBroker = (brokers: readonly string[], topic: string): Promise<unknown> =>
  withAdmin(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.alterPartitionReassignments({
      topics: topics.map(({ name, partitions }) => ({
        topic: name,
        partitionAssignment: partitions.map(({ partitionId }) => ({ partition: partitionId, replicas: [1, 2] })),
      })),
    });
  });
