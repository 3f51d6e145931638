import { setTimeout as sleep } from 'node:timers/promises';
import { Partitioners, type Message } from 'kafkajs';
import type { RunningConsumer } from '../../lib/consumer';
import { withAdmin } from '../../local/kafka/topics';
import { verify, type VerifyReport } from '../../lib/operate/verify/verify';
import { OutboxCli } from './harness/cli';
import { aConsumer, Counts, createConsumerTables, effectsOf, kafkaOf, run } from './harness/consumers';
import {
  BEHIND_MS,
  createOldTables,
  HandOver,
  OLD_BUSINESS_TABLE,
  oldProducer,
  oldPublisherCaughtUp,
  PollingPublisher,
  SENT_BY,
  Service,
} from './harness/migration';
import {
  allArrived,
  allMarked,
  BUSINESS_TABLE,
  expectCompleteAndInOrder,
  keysNamed,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  type World,
} from './harness/world';

const READER = 'shipping';
/** A service that is deployed several times, on a busy machine. */
const DEPLOYMENTS_MS = 240_000;

let world: World;
let consumer: RunningConsumer;
const cli = new OutboxCli();
const counts = new Counts();
const startConsumer = () => run(world, aConsumer(world, READER, { telemetry: counts.telemetry }));

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
  await createConsumerTables(world);
  await createOldTables(world);
  consumer = await startConsumer();
  // The first invocation of the relay takes seconds, which would hide that it began too early.
  await serviceOf('first').write('first', 'new');
  await allMarked(world);
}, STARTUP_MS);

/** A test that fails must leave nothing at work for the next one. */
const running = new Set<{ stop(): Promise<void> }>();

function stopAfterTest<T extends { stop(): Promise<void> }>(started: T): T {
  running.add(started);
  return started;
}

afterEach(async () => {
  await Promise.all([...running].map((each) => each.stop()));
  running.clear();
  counts.take();
  world.stack.mapping.enable();
});

afterAll(async () => {
  await consumer.stop();
  await world.stop();
  cli.remove();
});

const serviceOf = (...keys: readonly string[]): Service => stopAfterTest(new Service(world, keys));
const startPublisher = async (): Promise<PollingPublisher> => stopAfterTest(await PollingPublisher.start(world));
const startLatePublisher = async (): Promise<PollingPublisher> =>
  stopAfterTest(await PollingPublisher.startLate(world));

/** Resolves when the relay has published all items of this moment: the service goes on writing. */
async function relayCaughtUp(): Promise<void> {
  const now = new Set((await world.items()).map(({ id }) => id));
  await until('the items of the outbox', async () =>
    (await world.items()).every(({ id, processedAt }) => processedAt !== undefined || !now.has(id)),
  );
}

const verifySince = ({ keys }: Service, sinceMs: number): Promise<VerifyReport> =>
  verify(
    { client: world.client, tableName: world.stack.tableName },
    { brokers: world.stack.brokers, auth: { kind: 'none' } },
    { sinceMs, keys: keys.map((key) => `order#${key}`) },
  );

const CLEAN = { counts: [], missingVersions: [], undecided: 0 };

/** The versions of the effects on a key, in their order. */
const effectsInOrder = async (reader: string, key: string): Promise<number[]> =>
  (await effectsOf(world, reader, key)).ids.map((entry) => Number(entry.split('.')[0]));

/** Resolves when every item of the service's keys is marked. */
const allMarkedOf = ({ keys }: Service): Promise<void> =>
  until('the marks', async () => {
    const items = await Promise.all(keys.map((key) => world.items(`order#${key}`)));
    return items.flat().every(({ processedAt }) => processedAt !== undefined);
  });

/** Resolves when the consumer has finished every message that is on the topic now. */
async function consumerCaughtUp(): Promise<void> {
  await withAdmin(world.stack.brokers, async (admin) => {
    const ends = new Map((await admin.fetchTopicOffsets('orders')).map(({ partition, high }) => [partition, high]));
    await until("the consumer's offsets", async () => {
      const [group] = await admin.fetchOffsets({ groupId: READER, topics: ['orders'] });
      const committed = group?.partitions ?? [];
      return committed.every(
        ({ partition, offset }) => Number(offset) >= Number(ends.get(partition) ?? 0) || ends.get(partition) === '0',
      );
    });
  });
}

/** Each event is on the topic and has its effect once, in the order of its key, in one partition. */
async function expectOnceAndInOrder(service: Service): Promise<void> {
  const committed = await service.committed();
  await allArrived(world, committed);
  await world.reader.caughtUp();
  await consumerCaughtUp();
  expectCompleteAndInOrder(world, committed);
  for (const key of committed.keys) {
    expect(new Set(world.reader.ofKey(key).map(({ partition }) => partition)).size).toBe(1);
    const expected = committed.ids(key);
    const { effects, ids } = await effectsOf(world, READER, key);
    expect(ids.map((entry) => entry.split(' ')[1])).toEqual(expected);
    expect(effects).toBe(expected.length);
  }
}

/** How many events both publishers sent. */
const sentByBoth = ({ keys }: Service): number =>
  keys.flatMap((key) => {
    const senders = new Map<string, Set<string | undefined>>();
    for (const { headers } of world.reader.ofKey(key)) {
      const id = headers['ce_id'] ?? '';
      senders.set(id, (senders.get(id) ?? new Set()).add(headers[SENT_BY]));
    }
    return [...senders.values()].filter(({ size }) => size === 2);
  }).length;

/** An item by docs/item-format.md alone. */
interface PublicItem {
  readonly pk: string;
  readonly sk: string;
  readonly id: string;
  readonly source: string;
  readonly committedAt: number;
  readonly events: readonly { readonly id: string; readonly type: string; readonly data?: string }[];
  readonly receipts?: readonly string[];
  readonly processedAt?: number;
  readonly discarded?: unknown;
}

/** The messages of an item that the relay has yet to send. */
function messagesByTheFormat({ pk, sk, source, committedAt, events, receipts = [] }: PublicItem): Message[] {
  const at = pk.indexOf('#');
  const [aggregate, key] = [pk.slice(0, at), pk.slice(at + 1)];
  const messages = events.map(({ id, type, data }, index) => ({
    key,
    value: data ?? null,
    headers: {
      ...{ ce_specversion: '1.0', ce_id: id, ce_source: source, ce_type: type, ce_subject: key, ce_partitionkey: key },
      ce_time: new Date(committedAt).toISOString(),
      ce_aggregate: aggregate,
      ce_sequence: `${sk}.${String(index).padStart(4, '0')}`,
      ce_txevents: String(events.length),
      'content-type': 'application/json',
    },
  }));
  return messages.slice(receipts.length);
}

const kindsIn = ({ counts: found }: VerifyReport): string[] => [...new Set(found.map(({ kind }) => kind))];

it(
  'the way in: old publisher, both, the relay alone, while the service writes and processes die',
  async () => {
    const { mapping, relay } = world.stack;
    const service = serviceOf(...keysNamed('in', 3));
    await mapping.disable();
    let publisher = await startPublisher();
    await service.deploy('old');
    await publisher.die();
    await service.deploy('both');
    const both = Date.now();
    await service.writes(6);
    expect(await verifySince(service, both)).toMatchObject(CLEAN);
    const late = startLatePublisher();
    await oldPublisherCaughtUp(world);
    mapping.enable();
    publisher = await late;
    await service.writes(6);
    await relay.kill();
    await publisher.die();
    await consumer.stop();
    publisher = await startPublisher();
    consumer = await startConsumer();
    await service.writes(6);
    await relayCaughtUp();
    await mapping.disable();
    const behind = sleep(BEHIND_MS).then(() => mapping.enable());
    await publisher.stop();
    const alone = Date.now();
    await service.deploy('new');
    await behind;
    await service.writes(5);
    await service.stop();
    await expectOnceAndInOrder(service);
    await allMarked(world);

    expect(sentByBoth(service)).toBeGreaterThan(0);
    expect(counts.of('late')).toBe(0);
    const last = await verifySince(service, alone);
    expect(last).toMatchObject({ ...CLEAN, items: { pending: 0, parked: 0 } });
    expect(last.events).toBeGreaterThan(10);
    expect(kindsIn(await verifySince(service, 0))).toEqual(['duplicate']);
    const { code, stdout } = await cli.run('verify', '--since', new Date(alone).toISOString());
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/\nNothing is missing, duplicated, reordered or misplaced\.\n$/),
    });
  },
  DEPLOYMENTS_MS,
);

it(
  'the way out: the relay, both, the old publisher alone, while the service writes',
  async () => {
    const { mapping } = world.stack;
    const service = serviceOf(...keysNamed('out', 3));
    await mapping.disable();
    await service.deploy('new');
    await service.deploy('both');
    const both = Date.now();
    const late = sleep(BEHIND_MS).then(() => mapping.enable());
    await relayCaughtUp();
    const publisher = await startPublisher();
    await late;
    await service.writes(12);
    await oldPublisherCaughtUp(world);
    await mapping.disable();
    await service.writes(5);
    expect(await verifySince(service, both)).toMatchObject({ missingVersions: [] });
    await service.deploy('old');
    await service.writes(5);
    await service.stop();
    await oldPublisherCaughtUp(world);
    await publisher.stop();
    await expectOnceAndInOrder(service);

    expect(sentByBoth(service)).toBeGreaterThan(0);
    expect(counts.of('late')).toBe(0);
    const report = await verifySince(service, 0);
    expect(kindsIn(report)).toEqual(['duplicate']);
    // Committed to both after the relay had stopped: the old publisher sent these events, and their items stay pending.
    expect(report.items.pending).toBeGreaterThan(0);
  },
  DEPLOYMENTS_MS,
);

it('an old and a new instance that write the same version: one is refused, and no event is overwritten', async () => {
  const service = serviceOf('contended');
  await startPublisher();
  await service.write('contended', 'old');
  for (let n = 0; n < 8; n++) {
    await Promise.all([service.write('contended', 'old'), service.write('contended', 'both')]);
  }
  expect((await service.committed()).count).toBeGreaterThan(8);
  await allArrived(world, await service.committed());
});

it(
  'one key after the other, there, back and there again: each step taken twice, by instances with an old flag',
  async () => {
    const service = serviceOf(...keysNamed('handed-over', 2));
    const there = [OLD_BUSINESS_TABLE, BUSINESS_TABLE] as const;
    const back = [BUSINESS_TABLE, OLD_BUSINESS_TABLE] as const;
    const handOver = async (key: string, direction: typeof there | typeof back): Promise<void> => {
      const steps = new HandOver(world, key, direction);
      await steps.refuseWrites();
      await steps.refuseWrites();
      await steps.lastIsPublished();
      await steps.copy();
      await service.writes(4);
      await steps.copy();
    };
    for (const key of service.keys) await service.write(key, 'old', OLD_BUSINESS_TABLE);
    await service.deploy('where it is');
    const late = startLatePublisher();
    for (const key of service.keys) await handOver(key, there);
    await late;
    const [key = ''] = service.keys;
    await handOver(key, back);
    await service.writes(6);
    const begin = Date.now();
    await handOver(key, there);
    await service.writes(6);
    await service.stop();
    await expectOnceAndInOrder(service);
    await allMarkedOf(service);

    expect(sentByBoth(service)).toBe(0);
    expect(counts.of('late')).toBe(0);
    const report = await verifySince(service, begin);
    expect(report).toMatchObject({ ...CLEAN, items: { pending: 0 } });
    expect(report.events).toBeGreaterThan(0);
  },
  DEPLOYMENTS_MS,
);

it('a key that comes back without a new event can be handed over again', async () => {
  const service = serviceOf('unchanged');
  const there = new HandOver(world, 'unchanged', [OLD_BUSINESS_TABLE, BUSINESS_TABLE]);
  const back = new HandOver(world, 'unchanged', [BUSINESS_TABLE, OLD_BUSINESS_TABLE]);
  await startPublisher();
  await service.write('unchanged', 'old', OLD_BUSINESS_TABLE);
  for (const steps of [there, back, there]) {
    await steps.refuseWrites();
    await steps.lastIsPublished();
    await steps.copy();
  }
  await service.deploy('where it is');
  await service.stop();
  await expectOnceAndInOrder(service);
  expect((await world.items('order#unchanged')).length).toBeGreaterThan(0);
});

it('an instance that has read the flag of a key before it was set does not write the key afterwards', async () => {
  const service = serviceOf(...keysNamed('flagged', 3));
  await startPublisher();
  for (const key of service.keys) {
    await service.write(key, 'old', OLD_BUSINESS_TABLE);
    const stale = service.writeWhereItIs(key);
    const steps = new HandOver(world, key, [OLD_BUSINESS_TABLE, BUSINESS_TABLE]);
    await steps.refuseWrites();
    await stale;
    await steps.lastIsPublished();
    await steps.copy();
    await service.write(key, 'new');
    await service.writeWhereItIs(key);
  }
  await expectOnceAndInOrder(service);
  expect((await service.committed()).count).toBeGreaterThanOrEqual(9);
});

it('two instances that create a key by different codes at the same time create it once', async () => {
  const service = serviceOf(...keysNamed('created', 8));
  await startPublisher();
  for (const key of service.keys) {
    for (let n = 0; n < 3; n++) {
      await Promise.all([service.writeWhereItIs(key, 'old code'), service.writeWhereItIs(key, 'new code')]);
    }
  }
  await expectOnceAndInOrder(service);
  expect((await service.committed()).count).toBeGreaterThan(8);
});

it('from direct sends: the old instances stop before the new ones start', async () => {
  const service = serviceOf(...keysNamed('direct', 2));
  await service.deploy('kafka');
  await service.stop();
  const begin = Date.now();
  await service.deploy('new');
  await service.writes(5);
  await service.stop();
  await expectOnceAndInOrder(service);
  await allMarkedOf(service);

  expect(sentByBoth(service)).toBe(0);
  expect(await verifySince(service, begin)).toMatchObject({ ...CLEAN, items: { pending: 0 } });
});

it('a direct send overtakes the relay; a consumer that blocks keeps the order of keys that it knows', async () => {
  const { mapping } = world.stack;
  const blocking = stopAfterTest(await run(world, aConsumer(world, 'blocking', { onGap: 'block' })));
  const service = serviceOf('known', 'unknown');
  await service.write('known', 'kafka');
  await until('the first effect', async () => (await effectsInOrder('blocking', 'known')).length === 1);
  await mapping.disable();
  const begin = Date.now();
  await service.write('known', 'new');
  await service.write('known', 'kafka');
  await service.write('unknown', 'new');
  await service.write('unknown', 'kafka');
  await until('the events that were sent directly', async () => {
    const [known, unknown] = [await effectsInOrder(READER, 'known'), await effectsInOrder('blocking', 'unknown')];
    return known.includes(3) && unknown.includes(2);
  });
  mapping.enable();
  await service.write('known', 'new');
  await allArrived(world, await service.committed());
  await until('every effect', async () =>
    (await Promise.all([READER, 'blocking'].map((reader) => effectsInOrder(reader, 'known')))).every(
      ({ length }) => length === 4,
    ),
  );
  await until('both effects', async () => (await effectsInOrder('blocking', 'unknown')).length === 2);
  await blocking.stop();

  expect(await effectsInOrder(READER, 'known')).toEqual([1, 3, 2, 4]);
  expect(await effectsInOrder('blocking', 'known')).toEqual([1, 2, 3, 4]);
  expect(await effectsInOrder('blocking', 'unknown')).toEqual([2, 1]);
  expect((await verifySince(service, begin)).missingVersions).toEqual([{ pk: 'order#known', from: 3, to: 3 }]);
});

describe('a step that is left out', () => {
  it('3: an event overtakes another one if the relay starts before the old publisher has caught up', async () => {
    const { mapping } = world.stack;
    const service = serviceOf('early');
    await mapping.disable();
    await service.write('early', 'old');
    await service.write('early', 'both');
    mapping.enable();
    await until('the event of the relay', () => world.reader.firstIds('early').length === 1);
    await startPublisher();
    await oldPublisherCaughtUp(world);
    const committed = await service.committed();
    await allArrived(world, committed);

    expect(world.reader.firstIds('early')).toEqual(committed.ids('early').toReversed());
    await until('the late event', () => counts.of('late') === 1);
    // It is in no table that `verify` reads.
    expect(kindsIn(await verifySince(service, 0))).toEqual(['duplicate']);
  });

  it('5 before 6, or 2 of the way out: an event of the relay alone is overtaken, and verify shows it', async () => {
    const { mapping } = world.stack;
    const service = serviceOf('overtaken');
    await mapping.disable();
    await service.write('overtaken', 'new');
    await service.write('overtaken', 'both');
    await startPublisher();
    await oldPublisherCaughtUp(world);
    await until('the event of the old publisher', () => world.reader.firstIds('overtaken').length === 1);
    mapping.enable();
    const committed = await service.committed();
    await allArrived(world, committed);
    await allMarkedOf(service);

    expect(world.reader.firstIds('overtaken')).toEqual(committed.ids('overtaken').toReversed());
    expect(kindsIn(await verifySince(service, 0))).toContain('reordered');
  });

  it('2: verify shows that an instance of the former kind still writes', async () => {
    const service = serviceOf('left-running');
    await startPublisher();
    for (const to of ['both', 'old', 'both'] as const) await service.write('left-running', to);

    const { missingVersions } = await verifySince(service, 0);
    expect(missingVersions).toEqual([{ pk: 'order#left-running', from: 2, to: 2 }]);
  });

  it.each<[part: string, change: (message: Message) => Message]>([
    ['ce_id', (message) => ({ ...message, headers: { ...message.headers, ce_id: `other ${Math.random()}` } })],
    ['ce_source', (message) => ({ ...message, headers: { ...message.headers, ce_source: '/other/order' } })],
    ['ce_sequence', ({ headers: { ce_sequence: _, ...headers } = {}, ...message }) => ({ ...message, headers })],
    ['the key', (message) => ({ ...message, key: JSON.stringify(String(message.key)) })],
  ])('a copy that differs in %s has its effect again', async (part, change) => {
    const key = `copied-${part}`;
    const service = serviceOf(key);
    await service.write(key, 'new');
    await allArrived(world, await service.committed());
    await until('the effect', async () => (await effectsOf(world, READER, key)).effects === 1);
    const [{ value = '', headers } = { headers: {} }] = world.reader.ofKey(key);
    const producer = await oldProducer(world);
    const copy: Message = { key, value, headers };
    const effects = async () => {
      await consumerCaughtUp();
      const named = await Promise.all([key, JSON.stringify(key)].map((name) => effectsOf(world, READER, name)));
      return named.reduce((sum, each) => sum + each.effects, 0);
    };
    await producer.send({ topic: 'orders', messages: [copy] });
    const withTheSame = await effects();
    await producer.send({ topic: 'orders', messages: [change(copy)] });
    await producer.disconnect();

    expect([withTheSame, await effects()]).toEqual([1, 2]);
  });

  it("another partitioner sends a key's events to two partitions", async () => {
    const keys = keysNamed('partitioned', 20);
    const service = serviceOf(...keys);
    for (const key of keys) await service.write(key, 'new');
    await allArrived(world, await service.committed());
    const producer = kafkaOf(world.stack.brokers).producer({ createPartitioner: Partitioners.LegacyPartitioner });
    await producer.connect();
    const copies = keys
      .flatMap((key) => world.reader.ofKey(key))
      .map(({ key, value = '', headers }) => ({ key, value, headers }));
    await producer.send({ topic: 'orders', messages: copies });
    await producer.disconnect();
    await world.reader.caughtUp();

    const partitionsOf = (key: string) => new Set(world.reader.ofKey(key).map(({ partition }) => partition)).size;
    expect(keys.some((key) => partitionsOf(key) === 2)).toBe(true);
  });
});

it('another relay publishes the items of the table as docs/migrating.md says, and gives them back', async () => {
  const { mapping, tableName } = world.stack;
  const because = ['--by', 'the test', '--why', 'to see it'];
  const put = (key: string, version: number, type: 'order.changed' | 'order.lost', ids: readonly string[]) =>
    world.outbox.transact(world.document, {
      changes: [{ aggregate: 'order', key, version, events: ids.map((id, n) => ({ type, id, data: { n } })) }],
    });
  await put('other-relay', 1, 'order.changed', ['o1']);
  await put('skipped', 1, 'order.lost', ['s1']);
  await until('the hold', async () => (await world.holds()).length === 1);
  expect(await cli.run('skip', 'order#skipped', '--at', '1', ...because, '--yes', '--follow')).toMatchObject({
    code: 0,
  });
  await settled(world);
  await mapping.disable();
  await put('other-relay', 2, 'order.changed', ['o2', 'o3']);
  await put('other-relay', 3, 'order.changed', ['o4']);

  const { Items = [] } = await world.document.scan({ TableName: tableName, ConsistentRead: true });
  const left = (Items as PublicItem[])
    .filter(({ pk, sk }) => !pk.startsWith('$outbox#') && !sk.startsWith('~signal#'))
    .filter(
      ({ pk, processedAt, discarded }) => /other-relay|skipped/.test(pk) && (processedAt ?? discarded) === undefined,
    )
    .toSorted((a, b) => (`${a.pk} ${a.sk}` < `${b.pk} ${b.sk}` ? -1 : 1));
  expect(left.map(({ id }) => id)).toEqual(['o2', 'o4']);
  const producer = await oldProducer(world);
  await producer.send({ topic: 'orders', messages: left.flatMap(messagesByTheFormat) });
  await producer.disconnect();
  await until('its messages', () => world.reader.firstIds('other-relay').length === 4);
  mapping.enable();
  await until('the marks', async () =>
    (await world.items('order#other-relay')).every(({ processedAt }) => processedAt !== undefined),
  );
  await settled(world);

  expect(world.reader.firstIds('other-relay')).toEqual(['o1', 'o2', 'o3', 'o4']);
  expect(world.reader.ofKey('skipped')).toEqual([]);
  for (const id of ['o2', 'o3', 'o4']) {
    const [first, second, ...others] = world.reader
      .ofKey('other-relay')
      .filter(({ headers }) => headers['ce_id'] === id);
    expect(others).toEqual([]);
    expect(second).toEqual({ ...first, offset: expect.any(String) as string, at: expect.any(Number) as number });
  }
});

/** A consumer without the library: the keys of the messages that it reads. */
async function readKeysAs(groupId: string): Promise<{ readonly keys: string[]; stop(): Promise<void> }> {
  const own = kafkaOf(world.stack.brokers).consumer({ groupId, maxWaitTimeInMs: 100 });
  const keys: string[] = [];
  await own.connect();
  await own.subscribe({ topics: ['orders'], fromBeginning: true });
  await own.run({
    eachMessage: ({ message }) => {
      keys.push(String(message.key));
      return Promise.resolve();
    },
  });
  return stopAfterTest({ keys, stop: () => own.disconnect() });
}

it('the library begins where a consumer with the name of its group stopped', async () => {
  const former = await readKeysAs('taken-over');
  const service = serviceOf('taken');
  await service.write('taken', 'kafka');
  await until('the message', () => former.keys.includes('taken'));
  await former.stop();
  stopAfterTest(await run(world, aConsumer(world, 'taken-over')));
  await service.write('taken', 'kafka');
  await until('an effect', async () => (await effectsInOrder('taken-over', 'taken')).length > 0);

  expect(await effectsInOrder('taken-over', 'taken')).toEqual([2]);
});

it('a consumer without the library begins where the library stopped', async () => {
  const service = serviceOf('before', 'after');
  await service.write('before', 'new');
  await allArrived(world, await service.committed());
  await until('the effect', async () => (await effectsOf(world, READER, 'before')).effects === 1);
  await consumerCaughtUp();
  await consumer.stop();
  const { keys } = await readKeysAs(READER);
  await service.write('after', 'new');
  await until('the message', () => keys.includes('after'));

  expect(keys).toEqual(['after']);
});
