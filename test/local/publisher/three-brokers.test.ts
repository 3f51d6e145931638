import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { createKafkaPublisher, type KafkaPublisher } from '../../../lib/relay/kafkajs/publisher';
import type { BatchOutcome, PartitionBatch } from '../../../lib/relay/ports';
import { startKafka, type KafkaCluster } from '../../../local/kafka/cluster';
import { createTopics } from '../../../local/kafka/topics';
import { readTopic, type StoredMessage } from './read-topic';

const PARTITIONS = 12;
const MESSAGES_PER_PARTITION = 20;
const REQUEST_TIMEOUT_MS = 1_500;
const IMPATIENT = { initialRetryTime: 100, retries: 2, maxRetryTime: 500 };
/** A paused broker loses its leaderships after 9 s, so a shorter pause would test little. */
const PAUSE_MS = 10_500;
const RUN_MS = 1_500;
/** Short, because the control may fail at once and permanently. */
const CONTROL_PAUSE_MS = 20;

jest.setTimeout(150_000);

let cluster: KafkaCluster;
beforeAll(async () => {
  cluster = await startKafka({ nodes: 3 });
  await createTopics(cluster.brokers, [
    { topic: 'published', partitions: PARTITIONS },
    { topic: 'control', partitions: PARTITIONS },
  ]);
});
afterAll(() => cluster.stop());

/** Publishes numbers in order per partition: an unacknowledged number is sent again before any later one. */
class Load {
  readonly acked = new Map<string, { partition: number; offset: bigint }>();
  readonly rebuilds: unknown[] = [];
  readonly refused: BatchOutcome[] = [];
  outages = 0;
  readonly #publisher: KafkaPublisher;
  #next = 0;
  readonly #unacked = new Map<number, PartitionBatch>();

  constructor(brokers: readonly string[]) {
    this.#publisher = createKafkaPublisher({
      brokers,
      connect: (list) =>
        new Kafka({
          brokers: [...list],
          logLevel: logLevel.NOTHING,
          requestTimeout: REQUEST_TIMEOUT_MS,
          connectionTimeout: REQUEST_TIMEOUT_MS,
          retry: IMPATIENT,
        }),
      compression: 'none',
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      clock: { now: Date.now },
      onRebuilt: (cause) => this.rebuilds.push(cause),
    });
  }

  async until(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted || this.#unacked.size > 0) await this.#round();
    await this.#publisher.close();
  }

  async #round(): Promise<void> {
    const batches = Array.from({ length: PARTITIONS }, (_, partition) => this.#batch(partition));
    const outcomes = await this.#publisher.publish(batches);
    batches.forEach((batch, at) => {
      const outcome = outcomes[at];
      if (outcome?.kind === 'acked') {
        this.#unacked.delete(batch.partition);
        batch.messages.forEach(({ value }, index) => {
          const offset = outcome.baseOffset + BigInt(index);
          this.acked.set(String(value), { partition: batch.partition, offset });
        });
      } else {
        this.#unacked.set(batch.partition, batch);
        if (outcome?.kind === 'poison') this.refused.push(outcome);
        else this.outages++;
      }
    });
  }

  #batch(partition: number): PartitionBatch {
    const messages = Array.from({ length: MESSAGES_PER_PARTITION }, () => {
      const value = Buffer.from(String(this.#next++));
      return { topic: 'published', key: Buffer.from(`key-${partition}`), value, headers: {} };
    });
    return this.#unacked.get(partition) ?? { topic: 'published', partition, messages };
  }
}

/** The control: a bare kafkajs producer with the same patience, still used after a failed send. */
async function connectControl(brokers: readonly string[]): Promise<Producer> {
  const kafka = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: IMPATIENT,
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: IMPATIENT });
  await producer.connect();
  return producer;
}

/** Returns the values that the control believes to be written. */
async function runControl(producer: Producer, stopped: AbortSignal): Promise<string[]> {
  const acked: string[] = [];
  let next = 0;
  while (!stopped.aborted) {
    const messages = Array.from({ length: PARTITIONS * MESSAGES_PER_PARTITION }, (_, index) => ({
      partition: index % PARTITIONS,
      value: String(next++),
    }));
    const sent = await producer.send({ topic: 'control', messages, acks: -1 }).catch(() => undefined);
    if (sent === undefined) await sleep(CONTROL_PAUSE_MS);
    else acked.push(...messages.map(({ value }) => value));
  }
  await producer.disconnect();
  return acked;
}

function firstDeliveries(stored: readonly StoredMessage[]): Map<string, StoredMessage> {
  const first = new Map<string, StoredMessage>();
  for (const message of stored) {
    const value = String(message.value);
    if (!first.has(value)) first.set(value, message);
  }
  return first;
}

test('with three brokers paused in turn nothing acknowledged is lost, out of order or at another offset', async () => {
  const stop = new AbortController();
  const bare = await connectControl(cluster.brokers);
  const load = new Load(cluster.brokers);
  const publishing = load.until(stop.signal);
  const control = runControl(bare, stop.signal);
  for (const node of [...cluster.nodes, ...cluster.nodes]) {
    node.pause();
    await sleep(PAUSE_MS);
    node.resume();
    await sleep(RUN_MS);
  }
  stop.abort();
  const [believed] = await Promise.all([control, publishing]);
  await cluster.ready();

  const controlStored = firstDeliveries(await readTopic(cluster.brokers, 'control'));
  const stored = await readTopic(cluster.brokers, 'published');
  const first = firstDeliveries(stored);
  const at = new Map(stored.map((message) => [`${message.partition}@${message.offset}`, String(message.value)]));
  const lost = [...load.acked.keys()].filter((value) => !first.has(value));
  console.log({
    publisher: {
      acked: load.acked.size,
      lost: lost.length,
      duplicates: stored.length - first.size,
      outages: load.outages,
      rebuilds: load.rebuilds.length,
    },
    bareKafkajs: { acked: believed.length, lost: believed.filter((value) => !controlStored.has(value)).length },
  });

  expect(load.refused).toEqual([]);
  expect(load.rebuilds.length).toBeGreaterThan(0);
  expect(load.acked.size).toBeGreaterThan(1_000);
  expect(lost).toEqual([]);
  for (const [value, { partition, offset }] of load.acked) expect(at.get(`${partition}@${offset}`)).toBe(value);
  const order = Array.from({ length: PARTITIONS }, (_, partition) =>
    [...first.values()].filter((message) => message.partition === partition).map(({ value }) => Number(value)),
  );
  for (const numbers of order) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
});
