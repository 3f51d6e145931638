import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import { OutboxError, type TransactionAction } from '../../lib';
import type { RunningConsumer } from '../../lib/consumer';
import { verify, type VerifyReport } from '../../lib/operate/verify/verify';
import { aConsumer, Counts, createConsumerTables, effectsOf, run } from './harness/consumers';
import {
  allArrived,
  allMarked,
  BUSINESS_TABLE,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  startWorld,
  STARTUP_MS,
  until,
  type World,
} from './harness/world';

/** The outbox that the service has had so far: a row for each event, until its publisher has sent it. */
const OLD_OUTBOX = 'old-outbox';
const READER = 'shipping';
/** A header of the old publisher alone, so that the test can distinguish the two. */
const SENT_BY = 'sent-by';

let world: World;
let consumer: RunningConsumer;
const counts = new Counts();

beforeAll(async () => {
  world = await startWorld();
  await createConsumerTables(world);
  await world.client.send(
    new CreateTableCommand({
      TableName: OLD_OUTBOX,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'key', AttributeType: 'S' },
        { AttributeName: 'version', AttributeType: 'N' },
      ],
      KeySchema: [
        { AttributeName: 'key', KeyType: 'HASH' },
        { AttributeName: 'version', KeyType: 'RANGE' },
      ],
    }),
  );
  consumer = await run(world, aConsumer(world, READER, { telemetry: counts.telemetry }));
}, STARTUP_MS);

/** A test that fails must leave nothing at work for the next one. */
const running = new Set<{ stop(): Promise<void> }>();

afterEach(async () => {
  await Promise.all([...running].map((each) => each.stop()));
  running.clear();
});

afterAll(async () => {
  await consumer.stop();
  await world.stop();
});

interface Row {
  readonly key: string;
  readonly version: number;
  readonly id: string;
  readonly time: string;
}

/** Consistent, and a key's rows in the order of their versions. */
async function rowsOfOldOutbox(): Promise<Row[]> {
  const { Items = [] } = await world.document.scan({ TableName: OLD_OUTBOX, ConsistentRead: true });
  return Items as Row[];
}

/** The message of a row as docs/migrating.md asks for it: the identity that the relay gives the same event. */
const messageOf = ({ key, version, id, time }: Row): Message => ({
  key,
  value: JSON.stringify({ n: version }),
  headers: {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: '/shop/order',
    ce_type: 'order.changed',
    ce_time: time,
    ce_aggregate: 'order',
    ce_sequence: `${String(version).padStart(16, '0')}.0000`,
    ce_txevents: '1',
    'content-type': 'application/json',
    [SENT_BY]: 'old',
  },
});

/** Polls the old outbox, sends its rows to Kafka, and deletes the rows that were sent. */
class PollingPublisher {
  readonly #producer: Producer;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;

  private constructor(producer: Producer) {
    this.#producer = producer;
    this.#loop = this.#poll();
    // `stop` reports a failure.
    this.#loop.catch(() => undefined);
  }

  static async start(): Promise<PollingPublisher> {
    const kafka = new Kafka({ clientId: 'old', brokers: [...world.stack.brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const publisher = new PollingPublisher(producer);
    running.add(publisher);
    return publisher;
  }

  /** Resolves when all rows of this moment are sent: later ones do not count, because the service goes on writing. */
  async caughtUp(): Promise<void> {
    const now = await rowsOfOldOutbox();
    await until('the rows of the old outbox', async () => {
      const left = new Set((await rowsOfOldOutbox()).map(({ id }) => id));
      return now.every(({ id }) => !left.has(id));
    });
  }

  /** Resolves after the last send. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#producer.disconnect();
  }

  async #poll(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const rows = (await rowsOfOldOutbox()).slice(0, ROWS_PER_POLL);
      if (rows.length > 0) {
        await this.#producer.send({ topic: 'orders', messages: rows.map(messageOf) });
        const deletions = rows.map(({ key, version }) => ({ DeleteRequest: { Key: { key, version } } }));
        await world.document.batchWrite({ RequestItems: { [OLD_OUTBOX]: deletions } });
      }
      await sleep(200);
    }
  }
}

/** DynamoDB's limit for a batch. */
const ROWS_PER_POLL = 25;

/** The outboxes into which an instance of the service writes. */
type Outboxes = 'old' | 'both' | 'new';

/** A service of two instances that write the same keys. */
class Service {
  readonly keys: readonly string[];
  readonly #instances: { stop(): Promise<void> }[] = [];
  readonly #failures: unknown[] = [];
  #written = 0;

  constructor(keys: readonly string[]) {
    this.keys = keys;
    running.add(this);
  }

  /** Replaces one instance after the other. Resolves when no instance of the former kind is left. */
  async deploy(outboxes: Outboxes): Promise<void> {
    for (const at of [0, 1]) {
      await this.#instances[at]?.stop();
      this.#instances[at] = this.#start(outboxes);
      await this.writes(4);
    }
  }

  /** Resolves when so many more events are committed. */
  async writes(count: number): Promise<void> {
    const wanted = this.#written + count;
    await until(`${count} more events`, () => {
      if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'An instance has failed.');
      return this.#written >= wanted;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stop()));
  }

  /** Commits the next version of a key with its event, if no other instance does. */
  async write(key: string, outboxes: Outboxes): Promise<void> {
    const { version: known, ids } = await businessItem(key);
    const row: Row = { key, version: known + 1, id: randomUUID(), time: new Date().toISOString() };
    const actions: TransactionAction[] = [
      {
        Put: {
          TableName: BUSINESS_TABLE,
          Item: { id: key, version: row.version, ids: [...ids, row.id] },
          ConditionExpression: known === 0 ? 'attribute_not_exists(id)' : 'version = :known',
          ...(known === 0 ? {} : { ExpressionAttributeValues: { ':known': known } }),
        },
      },
      ...(outboxes === 'new' ? [] : [{ Put: { TableName: OLD_OUTBOX, Item: { ...row } } }]),
    ];
    try {
      if (outboxes === 'old') await commit(actions);
      else await world.outbox.transact(world.document, { actions, changes: [changeOf(row)] });
      this.#written++;
    } catch (error) {
      // The business item shows the next turn whether it was written.
      if (!(error instanceof OutboxError) || !EXPECTED.some((code) => error.is(code))) throw error;
    }
  }

  /** The committed events, read from the business items: they know the outcome of each transaction. */
  async committed(): Promise<Committed> {
    const committed = new Committed();
    for (const key of this.keys)
      for (const [at, id] of (await businessItem(key)).ids.entries()) committed.add(key, at + 1, [id]);
    return committed;
  }

  #start(outboxes: Outboxes): { stop(): Promise<void> } {
    const stopping = new AbortController();
    const loop = (async () => {
      for (let turn = 0; !stopping.signal.aborted; turn++) {
        await this.write(this.keys[turn % this.keys.length] ?? '', outboxes);
        await sleep(50);
      }
    })();
    const ended = loop.catch((error: unknown) => void this.#failures.push(error));
    return {
      stop: () => {
        stopping.abort();
        return ended;
      },
    };
  }
}

/** Another instance was faster, or DynamoDB Local did not respond in time. */
const EXPECTED = [
  ...(['condition-failed', 'version-conflict', 'transaction-conflict'] as const),
  ...(['throttled', 'outcome-unknown'] as const),
];

async function businessItem(key: string): Promise<{ readonly version: number; readonly ids: readonly string[] }> {
  const { Item } = await world.document.get({ TableName: BUSINESS_TABLE, Key: { id: key }, ConsistentRead: true });
  const { version = 0, ids = [] } = (Item ?? {}) as { version?: number; ids?: string[] };
  return { version, ids };
}

async function commit(actions: TransactionAction[]): Promise<void> {
  try {
    await world.document.transactWrite({ TransactItems: actions });
  } catch (error) {
    throw world.outbox.toOutboxError(error, actions);
  }
}

const changeOf = ({ key, version, id, time }: Row) => ({
  ...{ aggregate: 'order', key, version },
  events: [{ type: 'order.changed' as const, id, time, data: { n: version } }],
});

/** Resolves when the relay has published all items of this moment: the service goes on writing. */
async function relayCaughtUp(): Promise<void> {
  const now = new Set((await world.items()).map(({ id }) => id));
  await until('the items of the outbox', async () =>
    (await world.items()).every(({ id, processedAt }) => processedAt !== undefined || !now.has(id)),
  );
}

const verifyNow = ({ keys }: Service, sinceMs: number): Promise<VerifyReport> =>
  verify(
    { client: world.client, tableName: world.stack.tableName },
    { brokers: world.stack.brokers, auth: { kind: 'none' } },
    { sinceMs, keys: keys.map((key) => `order#${key}`) },
  );

/** Each event is on the topic and has its effect once, in the order of its key, in one partition. */
async function expectOnceAndInOrder(service: Service): Promise<void> {
  const committed = await service.committed();
  await allArrived(world, committed);
  await world.reader.caughtUp();
  expectCompleteAndInOrder(world, committed);
  for (const key of committed.keys) {
    expect(new Set(world.reader.ofKey(key).map(({ partition }) => partition)).size).toBe(1);
    const expected = committed.ids(key);
    await until(`the effects of ${key}`, async () => (await effectsOf(world, READER, key)).effects >= expected.length);
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

const kindsIn = ({ counts: found }: VerifyReport): string[] => [...new Set(found.map(({ kind }) => kind))];

it('the way in: old publisher, both, the relay alone, while the service writes', async () => {
  const { mapping } = world.stack;
  const service = new Service(keysNamed('in', 3));
  await mapping.disable();
  const publisher = await PollingPublisher.start();
  await service.deploy('old');
  await service.deploy('both');
  await publisher.caughtUp();
  mapping.enable();
  await service.writes(12);
  await publisher.stop();
  const alone = Date.now();
  await service.writes(5);
  await service.deploy('new');
  await service.writes(5);
  await service.stop();
  await expectOnceAndInOrder(service);
  await allMarked(world);

  expect(sentByBoth(service)).toBeGreaterThan(0);
  expect(counts.of('late')).toBe(0);
  const last = await verifyNow(service, alone);
  expect(last).toMatchObject({ counts: [], missingVersions: [], undecided: 0, items: { pending: 0, parked: 0 } });
  expect(last.events).toBeGreaterThan(10);
  expect(kindsIn(await verifyNow(service, 0))).toEqual(['duplicate']);
});

it('the way back: the relay, both, the old publisher alone, while the service writes', async () => {
  const { mapping } = world.stack;
  const service = new Service(keysNamed('back', 3));
  await service.deploy('new');
  await service.deploy('both');
  await relayCaughtUp();
  const publisher = await PollingPublisher.start();
  await service.writes(12);
  await mapping.disable();
  await service.writes(5);
  await service.deploy('old');
  await service.writes(5);
  await service.stop();
  await publisher.caughtUp();
  await publisher.stop();
  await expectOnceAndInOrder(service);

  expect(sentByBoth(service)).toBeGreaterThan(0);
  expect(counts.of('late')).toBe(0);
  const report = await verifyNow(service, 0);
  expect(kindsIn(report)).toEqual(['duplicate']);
  // Committed to both after the relay had stopped: the old publisher sent these events, and their items stay pending.
  expect(report.items.pending).toBeGreaterThan(0);
});

it('one key after the other, without a phase of both: no event is published twice', async () => {
  const { mapping } = world.stack;
  const service = new Service(['handed-over']);
  const [key = ''] = service.keys;
  mapping.enable();
  const publisher = await PollingPublisher.start();
  for (let n = 0; n < 3; n++) await service.write(key, 'old');
  await publisher.caughtUp();
  for (let n = 0; n < 3; n++) await service.write(key, 'new');
  await publisher.stop();
  await expectOnceAndInOrder(service);
  await allMarked(world);

  expect(sentByBoth(service)).toBe(0);
  expect(await verifyNow(service, 0)).toMatchObject({ counts: [], missingVersions: [], items: { processed: 3 } });
});

it('an event overtakes another one if the relay starts before the old publisher has caught up', async () => {
  const { mapping } = world.stack;
  const service = new Service(['early']);
  const [key = ''] = service.keys;
  await mapping.disable();
  await service.write(key, 'old');
  await service.write(key, 'both');
  mapping.enable();
  await until('the event of the relay', () => world.reader.firstIds(key).length === 1);
  const publisher = await PollingPublisher.start();
  await publisher.caughtUp();
  await publisher.stop();
  const committed = await service.committed();
  await allArrived(world, committed);

  expect(world.reader.firstIds(key)).toEqual(committed.ids(key).toReversed());
  await until('the late event', () => counts.of('late') === 1);
});
