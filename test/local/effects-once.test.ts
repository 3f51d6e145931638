import type { ChildProcess } from 'node:child_process';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { messagesOf, type Message } from '../../lib/event/message';
import { uuidV7 } from '../../lib/event/uuid';
import { withAdmin } from '../../local/kafka/topics';
import { startStack, type Stack } from '../../local/stack';
import { anEvent, anItem } from '../builders/items';
import { killProcess, startConsumerProcess } from './harness/consumer-process';
import { Counts, createConsumerTables, effectsOf, kafkaOf } from './harness/consumers';
import { FaultyDynamoDb } from './harness/faulty-dynamodb';
import { emptyDatabase } from './harness/shared-servers';
import { TopicReader } from './harness/topic-reader';
import { keysNamed, STARTUP_MS, until } from './harness/world';

/** Of consumers, and of relays. `KILLS=20 npm test -- effects-once` takes about four minutes. */
const KILLS = Number(process.env['KILLS'] ?? 5);
const EVENTS = 400 * KILLS;
const REPEATED_EVERY = 10;
const CONSUMERS = 3;
const KEYS = keysNamed('account', 250);
/** The inbox knows these keys by event ids, the others by versions. */
const isWithoutVersions = (key: string): boolean => key.endsWith('0');
const NAME = 'ledger';
const TOPIC = 'orders';
/** The topic of the events that the consumers emit. */
const EMITTED = 'audit';
const SESSION_TIMEOUT_MS = 2_000;

/** A proxy between the relay and its table. */
const ofRelay = new FaultyDynamoDb();
let stack: Stack;
let client: DynamoDBClient;
let reader: TopicReader;

beforeAll(async () => {
  // Kafka is not shared, because consumers and relays are killed at any moment and leave groups in any state.
  stack = await startStack({
    ...(await emptyDatabase()),
    topics: [{ topic: TOPIC }, { topic: EMITTED, partitions: 3 }],
    pollIntervalMs: 100,
    relayDynamodbEndpoint: (endpoint) => ofRelay.start(endpoint),
  });
  client = new DynamoDBClient(stack.clientConfig);
  await createConsumerTables({ stack });
  reader = await TopicReader.start(stack.brokers, [EMITTED]);
}, STARTUP_MS);

afterAll(async () => {
  await reader.stop();
  client.destroy();
  await stack.stop();
  await ofRelay.stop();
});

/** Events of all keys in turn, as the relay writes them, and their expected results. */
class Ledger {
  readonly ids = new Map(KEYS.map((key) => [key, [] as string[]]));
  readonly amounts = new Map(KEYS.map((key) => [key, 0]));
  repeated = 0;
  #events = 0;

  /** The next messages. Every tenth is repeated up to 150 messages later. */
  next(count: number): Message[] {
    const messages: Message[] = [];
    const repeats: { readonly at: number; readonly message: Message }[] = [];
    for (const last = this.#events + count; this.#events < last;) {
      const message = this.#message(++this.#events);
      messages.push(message);
      if (this.#events % REPEATED_EVERY > 0) continue;
      repeats.push({ at: messages.length + ((this.#events * 7) % 150), message });
    }
    // From the last to the first, so that earlier insertions do not shift later places.
    for (const { at, message } of repeats.toReversed()) messages.splice(at, 0, message);
    this.repeated += repeats.length;
    return messages;
  }

  get amount(): number {
    return [...this.amounts.values()].reduce((sum, amount) => sum + amount, 0);
  }

  #message(number: number): Message {
    const key = KEYS[number % KEYS.length] ?? '';
    const ids = this.ids.get(key) ?? [];
    const id = uuidV7(Date.now());
    ids.push(id);
    this.amounts.set(key, (this.amounts.get(key) ?? 0) + number);
    const item = anItem({
      key,
      version: ids.length,
      ...(isWithoutVersions(key) ? { sk: id } : {}),
      events: [anEvent({ id, type: 'order.changed', topic: TOPIC, data: JSON.stringify({ n: number }) })],
    });
    const [message] = messagesOf(item);
    return message!;
  }
}

/** The group's lag in messages. */
const owed = (): Promise<number> =>
  withAdmin(stack.brokers, async (admin) => {
    const [ends, [group]] = await Promise.all([
      admin.fetchTopicOffsets(TOPIC),
      admin.fetchOffsets({ groupId: NAME, topics: [TOPIC] }),
    ]);
    const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    // A partition without a committed offset has the offset -1.
    return ends.reduce(
      (sum, { partition, offset }) => sum + Number(offset) - Math.max(0, committed.get(partition) ?? 0),
      0,
    );
  });

it(`${EVENTS} events have their effects and emit their events once and in order, although every tenth comes twice, and ${KILLS} consumers and ${KILLS} relays are killed`, async () => {
  const startedAt = performance.now();
  const ledger = new Ledger();
  // A killed process loses its last counts; no assertion depends on them.
  const told = new Counts();
  const start = (): Promise<ChildProcess> =>
    startConsumerProcess(
      {
        name: NAME,
        stack,
        emitsTo: stack.tableName,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
      },
      (counts) => Object.entries(counts).forEach(([name, count]) => told.add(name, count)),
    );
  const producer = kafkaOf(stack.brokers).producer();
  const running: ChildProcess[] = [];
  let replacement: Promise<ChildProcess> | undefined;
  let relayedMs: number;
  try {
    await producer.connect();
    running.push(...(await Promise.all(Array.from({ length: CONSUMERS }, start))));
    for (let kill = 0; kill < KILLS; kill++) {
      const before = told.of('applied');
      const messages = ledger.next(EVENTS / KILLS).map((message) => ({ ...message, headers: { ...message.headers } }));
      await producer.send({ topic: TOPIC, acks: -1, messages });
      // Kills in the middle of the work, each time after a different amount.
      await until('some work', () => told.of('applied') >= before + 50 + ((kill * 137) % 200));
      // After Kafka acknowledged the emitted events, and before the relay has marked them.
      const relayKilled = ofRelay.holdNextMark(() => stack.relay.kill());
      if (replacement !== undefined) running.push(await replacement);
      replacement = start();
      await killProcess(running.shift()!);
      await relayKilled;
    }
    await until('the end of the topic', async () => (await owed()) === 0, 600_000);
    const consumedAt = performance.now();
    await stack.mapping.caughtUp(600_000);
    await reader.caughtUp();
    relayedMs = performance.now() - consumedAt;
  } finally {
    await Promise.all(running.map(killProcess));
    if (replacement !== undefined) await killProcess(await replacement);
    await producer.disconnect();
  }

  const document = DynamoDBDocument.from(client);
  const effects = new Map(
    await Promise.all(KEYS.map(async (key) => [key, await effectsOf({ document }, NAME, key)] as const)),
  );
  const sum = (of: 'effects' | 'amount'): number => [...effects.values()].reduce((all, each) => all + each[of], 0);
  const { arrivals } = reader;
  console.log(
    [
      `${EVENTS} events of ${KEYS.length} keys, ${ledger.repeated} of them delivered twice`,
      `${KILLS} kills, ${told.of('generation')} rebalances, ${told.of('duplicateIgnored')} duplicates ignored`,
      `${new Set(arrivals.map(({ headers }) => headers['ce_id'])).size} events emitted, ${arrivals.length} messages after ${KILLS} kills of the relay, the last one ${Math.round(relayedMs / 1000)} s after the last effect`,
      `${sum('effects')} effects, their sum ${sum('amount')} of ${ledger.amount}`,
      `${Math.round((performance.now() - startedAt) / 1000)} s`,
    ].join('; '),
  );
  expect({ effects: sum('effects'), amount: sum('amount') }).toEqual({ effects: EVENTS, amount: ledger.amount });
  for (const key of KEYS) {
    const { ids, amount } = effects.get(key)!;
    expect(ids.map((entry) => entry.split(' ')[1])).toEqual(ledger.ids.get(key));
    expect(amount).toBe(ledger.amounts.get(key));
    // The n-th consumed event caused the n-th emitted one. A killed relay repeats messages; only first ones count.
    const emitted = new Map(reader.ofKey(key).map(({ headers }) => [headers['ce_id'], headers['ce_causationid']]));
    expect([...emitted.values()]).toEqual(ledger.ids.get(key));
  }
  expect(new Set(arrivals.map(({ headers }) => headers['ce_id'])).size).toBe(EVENTS);
  expect(arrivals.length).toBeGreaterThan(EVENTS);
  expect(ledger.repeated).toBe(EVENTS / REPEATED_EVERY);
  expect(told.of('generation')).toBeGreaterThanOrEqual(KILLS);
  expect(['late', 'parked', 'deadLettered', 'attemptFailed'].map((name) => told.of(name))).toEqual([0, 0, 0, 0]);
}, 1_200_000);
