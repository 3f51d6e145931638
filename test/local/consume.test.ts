import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { deadLetterTopic } from '../../lib/consumer';
import { Semaphore } from '../../lib/consume/semaphore';
import { createTopics } from '../../local/kafka/topics';
import { killProcess, startConsumerProcess } from './harness/consumer-process';
import {
  aConsumer,
  counted,
  Counts,
  createConsumerTables,
  effectsOf,
  kafkaOf,
  putVersion,
  run,
} from './harness/consumers';
import { FaultyDynamoDb } from './harness/faulty-dynamodb';
import { TopicReader } from './harness/topic-reader';
import { allMarked, Committed, keysNamed, startWorld, STARTUP_MS, until, write, type World } from './harness/world';
import { partitionOf } from '../../lib/relay/plan-round';

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await createConsumerTables(world);
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
});

const applied = (reader: string, committed: Committed, timeoutMs?: number): Promise<void> =>
  until(
    `the effects of ${committed.count} events on ${reader}`,
    async () => {
      for (const key of committed.keys) {
        if ((await effectsOf(world, reader, key)).effects < committed.ids(key).length) return false;
      }
      return true;
    },
    timeoutMs,
  );

/** Each effect happened once, and those of a key in order. */
async function expectEffects(reader: string, committed: Committed): Promise<void> {
  for (const key of committed.keys) {
    const { effects, ids } = await effectsOf(world, reader, key);
    expect(ids.map((entry) => entry.split(' ')[1])).toEqual(committed.ids(key));
    expect(effects).toBe(committed.ids(key).length);
  }
}

const put = (key: string, version: number) => putVersion(world, key, version);

it('applies each event once, in order per key, although the relay is killed and publishes again', async () => {
  const committed = new Committed();
  const counts = new Counts();
  const running = await run(world, aConsumer(world, 'steady', { telemetry: counts.telemetry }));
  const writing = write(world, { keys: keysNamed('steady', 10), events: 300, pauseMs: 5 }, committed);
  for (let kill = 0; kill < 3; kill++) {
    await sleep(500);
    await world.stack.relay.kill();
  }
  await writing;
  await applied('steady', committed);
  await allMarked(world);
  await running.stop();

  await expectEffects('steady', committed);
  expect(counts.of('applied')).toBe(committed.count);
});

it('applies each event once while consumers join, leave and are killed', async () => {
  const committed = new Committed();
  const counts = new Counts();
  const writing = write(world, { keys: keysNamed('moved', 12), events: 360, pauseMs: 10 }, committed);
  const killed: ChildProcess[] = [];
  const steady = await run(world, aConsumer(world, 'moved', { telemetry: counts.telemetry }));
  try {
    for (let round = 0; round < 3; round++) {
      const child = await startConsumerProcess({ name: 'moved', stack: world.stack, sessionTimeoutMs: 2_000 });
      killed.push(child);
      const joined = await run(world, aConsumer(world, 'moved', { telemetry: counts.telemetry }));
      await sleep(500);
      await killProcess(child);
      await joined.stop();
    }
    await writing;
    await applied('moved', committed);
  } finally {
    await Promise.all(killed.map(killProcess));
    await steady.stop();
  }

  await expectEffects('moved', committed);
  expect(counts.of('rebalanced')).toBeGreaterThan(3);
  expect(counts.of('late')).toBe(0);
});

it('two consumers that work on one message at once apply its effect once', async () => {
  const names = keysNamed('raced', 50);
  const consumers = [1, 2].map(() => aConsumer(world, 'raced'));
  const deadLetters = { send: () => Promise.reject(new Error('none')) };
  const { signal } = new AbortController();
  const outcomes = await Promise.all(
    names.flatMap((key, offset) =>
      consumers.map((consumer) => {
        const headers = {
          ce_specversion: '1.0',
          ce_id: `${key}.1`,
          ce_source: '/shop/order',
          ce_type: 'order.changed',
          // Every second key has no versions.
          ...(offset % 2 === 0 ? { ce_sequence: '0000000000000001.0000' } : {}),
        };
        const record = {
          topic: 'orders',
          partition: 0,
          offset: BigInt(offset),
          timestamp: Date.now(),
          key: Buffer.from(key),
          value: Buffer.from('{"n":1}'),
          headers,
        };
        const delivery = { record, semaphore: new Semaphore(1), signal, finished: () => undefined };
        return consumer.processor(deadLetters).process([delivery], { take: () => Promise.resolve(undefined) });
      }),
    ),
  );

  expect(outcomes.filter((outcome) => outcome === 'applied')).toHaveLength(names.length);
  for (const key of names) expect((await effectsOf(world, 'raced', key)).effects).toBe(1);
});

it('sets aside what it cannot read and what it cannot apply, whole, and goes on', async () => {
  const topic = deadLetterTopic('orders', 'picky');
  await createTopics(world.stack.brokers, [{ topic, partitions: 1 }]);
  const counts = new Counts();
  const running = await run(
    world,
    aConsumer(world, 'picky', {
      telemetry: counts.telemetry,
      onFailure: 'dead-letter',
      attempts: 2,
      handlers: {
        'order.changed': ({ id }, context) => {
          if (id === 'poison.2') throw new Error('no such article');
          return [counted('picky', context, id)];
        },
      },
    }),
  );
  const reader = await TopicReader.start(world.stack.brokers, [topic]);
  const producer = new Kafka({ brokers: [...world.stack.brokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const value = Buffer.from([0, 0xff, 0x7b]);
  await producer.send({
    topic: 'orders',
    messages: [
      { key: Buffer.from([0xff, 0xfe]), value, headers: { odd: [Buffer.from([0xff]), Buffer.from('b')] } },
      { key: 'poison', value: null },
    ],
  });
  for (let version = 1; version <= 3; version++) await put('poison', version);
  await until('three dead letters', () => reader.arrivals.length >= 3);
  await until('the others', async () => (await effectsOf(world, 'picky', 'poison')).effects === 2);
  await running.stop();
  await producer.disconnect();
  await reader.stop();

  const byReason = new Map(reader.arrivals.map((arrival) => [arrival.headers['outbox-dlt-reason'], arrival]));
  expect([...byReason.keys()].toSorted()).toEqual(['handler-failed', 'not-a-cloudevent']);
  expect(byReason.get('handler-failed')).toMatchObject({
    key: 'poison',
    value: '{"n":2}',
    headers: {
      // The stack has the code's place, but neither the message nor the machine's folders.
      'outbox-dlt-stack': expect.stringMatching(/^at [^/]*consume\.test\.ts:\d+:\d+/) as unknown,
      ce_id: 'poison.2',
      ce_sequence: '0000000000000002.0000',
      'outbox-dlt-topic': 'orders',
      'outbox-dlt-message': 'Error: no such article',
    },
  });
  expect((await effectsOf(world, 'picky', 'poison')).ids.map((entry) => entry.split(' ')[1])).toEqual([
    'poison.1',
    'poison.3',
  ]);
  expect(counts.of('gap')).toBe(0);
});

it('keeps the bytes of a message that it sets aside', async () => {
  const topic = deadLetterTopic('orders', 'exact');
  await createTopics(world.stack.brokers, [{ topic, partitions: 1 }]);
  const kafka = new Kafka({ brokers: [...world.stack.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const sent = {
    key: Buffer.from([0xff, 0x00]),
    value: Buffer.from([0x00, 0xff, 0x7b, 0x80]),
    headers: { twice: [Buffer.from([0xff]), Buffer.from('b')], once: Buffer.from([0x80]) },
  };
  await producer.send({ topic: 'orders', messages: [sent] });
  await producer.disconnect();
  const running = await run(world, aConsumer(world, 'exact'));
  const reader = kafka.consumer({ groupId: 'exact-reader', maxWaitTimeInMs: 100 });
  await reader.connect();
  await reader.subscribe({ topics: [topic], fromBeginning: true });
  const arrived: unknown[] = [];
  await reader.run({
    eachMessage: ({ message: { key, value, headers = {} } }) => {
      arrived.push({ key, value, headers: { twice: headers['twice'], once: headers['once'] } });
      return Promise.resolve();
    },
  });
  await until('the dead letter', () => arrived.some((each) => (each as typeof sent).key.equals(sent.key)));
  await running.stop();
  await reader.disconnect();

  expect(arrived).toContainEqual(sent);
});

it('parks a key whose handler fails, lets the others pass, and releases it in order', async () => {
  let isFixed = false;
  const consumer = aConsumer(world, 'careful', {
    attempts: 2,
    handlers: {
      'order.changed': ({ id }, context) => {
        if (id === 'parked.2' && !isFixed) throw new Error('not yet');
        return [counted('careful', context, id)];
      },
    },
  });
  const running = await run(world, consumer);
  for (let version = 1; version <= 5; version++) await Promise.all([put('parked', version), put('beside', version)]);
  await until('the key beside', async () => (await effectsOf(world, 'careful', 'beside')).effects === 5);
  const key = { source: '/shop/order', topic: 'orders', key: 'parked' };
  const token = {
    aggregate: 'order',
    key: 'parked',
    source: '/shop/order',
    position: '5'.padStart(16, '0'),
    topics: { orders: { id: 'parked.5', sequence: '0000000000000005.0000' } },
  };
  await until('the parking of all', async () => (await consumer.lag(token))[0]?.isParked === true);
  expect((await effectsOf(world, 'careful', 'parked')).effects).toBe(1);
  expect(await consumer.lag(token)).toMatchObject([{ isApplied: false, versionsBehind: 4 }]);
  await until('the last one', async () => {
    const { Items = [] } = await world.document.scan({ TableName: 'inbox', ConsistentRead: true });
    return Items.filter(({ sk, topic }) => String(sk).startsWith('parked#') && topic === 'orders').length === 4;
  });

  isFixed = true;
  expect(await consumer.redriveParked(key)).toEqual({ released: 4, isParked: false });
  await put('parked', 6);
  await until('the sixth', async () => (await effectsOf(world, 'careful', 'parked')).effects === 6);
  await running.stop();

  expect((await effectsOf(world, 'careful', 'parked')).ids.map((entry) => entry.split(' ')[1])).toEqual(
    [1, 2, 3, 4, 5, 6].map((version) => `parked.${version}`),
  );
});

it('unavailable DynamoDB uses up no attempt, and everything is applied once when it is back', async () => {
  const faulty = new FaultyDynamoDb();
  const endpoint = await faulty.start(world.stack.dynamodbEndpoint);
  const counts = new Counts();
  const committed = new Committed();
  const running = await run(
    world,
    aConsumer(world, 'patient', { endpoint, telemetry: counts.telemetry, attempts: 1, onFailure: 'dead-letter' }),
  );
  await write(world, { keys: keysNamed('away', 5), events: 20 }, committed);
  await applied('patient', committed);
  faulty.failEverything = true;
  await write(world, { keys: keysNamed('away', 5), events: 40 }, committed);
  await until('the outage', () => counts.of('outage') > 0);
  await sleep(1_000);
  faulty.failEverything = false;
  await applied('patient', committed);
  await running.stop();
  await faulty.stop();

  await expectEffects('patient', committed);
  expect({ burnt: counts.of('attemptFailed'), aside: counts.of('deadLettered') }).toEqual({ burnt: 0, aside: 0 });
});

it('a writer waits until a read model has applied its own write, and reads it', async () => {
  const consumer = aConsumer(world, 'mirror');
  const running = await run(world, consumer);
  const { tokens } = await put('own', 1);
  const [token] = tokens;
  await consumer.waitUntilApplied(token!, { timeoutMs: 90_000 });

  expect((await effectsOf(world, 'mirror', 'own')).effects).toBe(1);
  expect(await consumer.isApplied(token!)).toBe(true);
  expect(await consumer.lag(token!)).toMatchObject([
    { topic: 'orders', isApplied: true, versionsBehind: 0, isParked: false },
  ]);
  await running.stop();
  const { tokens: later } = await put('own', 2);
  await expect(consumer.waitUntilApplied(later[0]!, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'not-applied-in-time',
    retryable: true,
  });
});

it('a handler that takes longer than the session keeps its membership, although its partition is paused', async () => {
  const topic = 'orders-slow';
  await createTopics(world.stack.brokers, [{ topic, partitions: 1 }]);
  const counts = new Counts();
  const started: string[] = [];
  // If the machine stalls for some seconds, the session must not end.
  const sessionTimeout = 8_000;
  const running = await run(
    world,
    aConsumer(world, 'enduring', {
      telemetry: counts.telemetry,
      handlers: {
        'order.changed': async ({ id }, context) => {
          started.push(id);
          if (id === 'enduring.1') await sleep(1.5 * sessionTimeout);
          return [counted('enduring', context, id)];
        },
      },
    }),
    {
      topics: [topic],
      // The first three messages fill the buffer: kafkajs fetches nothing until the slow one is done.
      maxBuffered: 3,
      kafkaConsumer: { maxWaitTimeInMs: 100, heartbeatInterval: 300, sessionTimeout },
    },
  );
  const producer = kafkaOf(world.stack.brokers).producer();
  await producer.connect();
  for (let version = 1; version <= 6; version++) {
    const headers = {
      ...{ ce_specversion: '1.0', ce_id: `enduring.${version}`, ce_source: '/shop/order', ce_type: 'order.changed' },
      ce_sequence: `${String(version).padStart(16, '0')}.0000`,
    };
    // Sends one message at a time, so that one fetch does not bring them all.
    await producer.send({ topic, messages: [{ key: 'enduring', value: '{"n":1}', headers }] });
    await sleep(200);
  }
  await until('all six', async () => (await effectsOf(world, 'enduring', 'enduring')).effects === 6);
  await producer.disconnect();
  await running.stop();

  expect(started).toEqual([1, 2, 3, 4, 5, 6].map((version) => `enduring.${version}`));
  expect({ joined: counts.of('rebalanced'), repeated: counts.of('duplicateIgnored') }).toEqual({
    joined: 1,
    repeated: 0,
  });
});

it('a slow key delays no other key of its partition', async () => {
  // The topic has twelve partitions; the chosen keys share one.
  const partition = (key: string): number => partitionOf(Buffer.from(key), 12);
  const fast = keysNamed('uneven-fast', 500)
    .filter((key) => partition(key) === partition('uneven-slow'))
    .slice(0, 30);
  const done: string[] = [];
  const others = Promise.withResolvers<undefined>();
  const running = await run(
    world,
    aConsumer(world, 'uneven', {
      handlers: {
        'order.changed': async ({ id }, { key }) => {
          if (!key.startsWith('uneven')) return [];
          // The slow handler ends only after all the others.
          if (key === 'uneven-slow') await others.promise;
          done.push(id);
          if (done.length === fast.length) others.resolve(undefined);
          return [];
        },
      },
    }),
  );
  for (let version = 1; version <= 3; version++) await put('uneven-slow', version);
  for (const key of fast) await put(key, 1);
  await until('all', () => done.length === fast.length + 3);
  await running.stop();

  expect(fast).toHaveLength(30);
  expect(done.slice(fast.length)).toEqual([1, 2, 3].map((version) => `uneven-slow.${version}`));
});
