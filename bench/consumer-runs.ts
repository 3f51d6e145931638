import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { messagesOf } from '../lib/event/message';
import { createTopics, deleteTopic } from '../local/kafka/topics';
import type { ChildBundles } from './bundles';
import { messageFrom, startChild } from './child-process';
import type { ConsumerAssignment, ConsumerMeasurement, ConsumerMessage, ConsumerSubject } from './children/consumer';
import { orderItem } from './events';
import type { DynamoDbStub } from './stub';

/** In the order of a round. Subjects to compare run one after the other, so that the machine has the same load. */
export const CONSUMER_SUBJECTS: readonly ConsumerSubject[] = ['bare', 'single', 'grouped'];

const PARTITIONS = 12;
const KEYS = 1_000;
/** Before that the engine compiles more than it runs. */
const WARMUP_EVENTS = 5_000;
const MESSAGES_PER_SEND = 1_000;

export interface ConsumerServers {
  readonly brokers: readonly string[];
  readonly stub: DynamoDbStub;
  readonly bundles: ChildBundles;
}

export interface ThroughputRun extends ConsumerMeasurement {
  readonly subject: ConsumerSubject;
  readonly events: number;
  /** Requests that write, for each event. */
  readonly writeCallsPerEvent: number;
}

/**
 * Runs every subject once, each in a process of its own, on the same topic full of events.
 *
 * @throws Error if a subject did not have exactly one effect for each event.
 */
export async function runThroughput(
  round: number,
  events: number,
  servers: ConsumerServers,
  onRun: (subject: ConsumerSubject) => void,
): Promise<ThroughputRun[]> {
  const { brokers, stub } = servers;
  const topic = `throughput-${round}`;
  const total = WARMUP_EVENTS + events;
  await createTopics(brokers, [{ topic, partitions: PARTITIONS }]);
  await publishing(brokers, async (send) => {
    for (let at = 0; at < total; at += MESSAGES_PER_SEND) {
      const count = Math.min(MESSAGES_PER_SEND, total - at);
      await send(
        topic,
        Array.from({ length: count }, (_, n) => message(topic, `key-${(at + n) % KEYS}`, at + n)),
      );
    }
  });
  const results: ThroughputRun[] = [];
  for (const subject of CONSUMER_SUBJECTS) {
    onRun(subject);
    await stub.takeCounts();
    const child = await startConsumer(servers, { subject, topic, warmup: WARMUP_EVENTS, events });
    const measurement = await child.measured();
    const { effects, writeCalls } = await stub.takeCounts();
    if (effects !== total) {
      throw new Error(`Expected ${total} effects of ${subject}, found ${effects}: the figures would be worth nothing.`);
    }
    results.push({ ...measurement, subject, events, writeCallsPerEvent: writeCalls / total });
  }
  await deleteTopic(brokers, topic);
  return results;
}

export const SLOW_KEY = { fastKeys: 100, slowMs: 200, perSecond: 400, slowPerSecond: 8, warmupSeconds: 5, seconds: 8 };
const TICK_MS = 20;

export interface SlowKeyRun {
  readonly withSlowKey: boolean;
  /** Of the fast keys alone. */
  readonly latenciesMs: readonly number[];
}

/**
 * Runs a hundred fast keys in one partition, with and without a slow key among them. The slow key gets more events than
 * its handler can process, so that they pile up.
 */
export async function runSlowKey(
  round: number,
  servers: ConsumerServers,
  onRun: (withSlowKey: boolean) => void,
): Promise<SlowKeyRun[]> {
  const results: SlowKeyRun[] = [];
  // In turns, so that neither variant always runs first.
  for (const withSlowKey of round % 2 === 0 ? [true, false] : [false, true]) {
    onRun(withSlowKey);
    const topic = `slow-key-${round}-${withSlowKey ? 'with' : 'without'}`;
    await createTopics(servers.brokers, [{ topic, partitions: 1 }]);
    const { perSecond, seconds, warmupSeconds, slowMs } = SLOW_KEY;
    const child = await startConsumer(servers, {
      ...{ subject: 'grouped', topic, warmup: warmupSeconds * perSecond, events: seconds * perSecond },
      slowKey: { key: 'slow', ms: slowMs },
    });
    const [{ latenciesMs }] = await Promise.all([child.measured(), trickle(topic, withSlowKey, servers.brokers)]);
    results.push({ withSlowKey, latenciesMs });
    await deleteTopic(servers.brokers, topic);
  }
  return results;
}

/** Publishes at an even pace, independently of the consumer. */
async function trickle(topic: string, withSlowKey: boolean, brokers: readonly string[]): Promise<void> {
  const { fastKeys, perSecond, slowPerSecond, seconds, warmupSeconds } = SLOW_KEY;
  const total = (seconds + warmupSeconds) * perSecond;
  await publishing(brokers, async (send) => {
    const startedAt = performance.now();
    let [fast, slow] = [0, 0];
    while (fast < total) {
      const elapsed = (performance.now() - startedAt) / 1000;
      const messages: Message[] = [];
      while (withSlowKey && slow < elapsed * slowPerSecond) messages.push(message(topic, 'slow', slow++ * KEYS));
      while (fast < Math.min(total, elapsed * perSecond)) {
        messages.push(message(topic, `fast-${fast % fastKeys}`, Math.floor(fast++ / fastKeys) * KEYS));
      }
      if (messages.length > 0) await send(topic, messages);
      await sleep(TICK_MS);
    }
  });
}

/** The message of the relay for event number `at` of all keys. */
function message(topic: string, key: string, at: number): Message {
  const version = Math.floor(at / KEYS) + 1;
  const [published] = messagesOf(orderItem({ topic, key, version, committedAt: Date.now() }));
  if (published === undefined) throw new Error('An item of one event has one message.');
  return { key: published.key, value: published.value, headers: { ...published.headers } };
}

async function publishing(
  brokers: readonly string[],
  work: (send: (topic: string, messages: Message[]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const producer = new Kafka({
    clientId: 'bench-producer',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
  }).producer();
  await producer.connect();
  try {
    await work(async (topic, messages) => {
      await producer.send({ topic, acks: -1, messages });
    });
  } finally {
    await producer.disconnect();
  }
}

let groups = 0;

/** Resolves when the consumer has joined its group. */
async function startConsumer(
  { brokers, stub, bundles }: ConsumerServers,
  assignment: Omit<ConsumerAssignment, 'brokers' | 'dynamodbEndpoint' | 'group'>,
): Promise<{ measured(): Promise<ConsumerMeasurement> }> {
  const child = startChild(bundles.child('consumer'), { NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning' });
  const group = `bench-${++groups}`;
  child.send({ ...assignment, group, brokers, dynamodbEndpoint: stub.endpoint } satisfies ConsumerAssignment);
  const expect = async (kind: ConsumerMessage['kind']): Promise<ConsumerMessage> => {
    const said = (await messageFrom(child)) as ConsumerMessage;
    if (said.kind !== kind) throw new Error(`A measured consumer sent "${said.kind}" instead of "${kind}".`);
    return said;
  };
  await expect('joined');
  // Listens from now on: the child may send the measurement before `measured` is called.
  const measured = expect('measured');
  measured.catch(() => undefined);
  return { measured: async () => (await measured) as ConsumerMeasurement };
}
