import { createHash } from 'node:crypto';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { DynamoDBClient, GetItemCommand, PutItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { Kafka, logLevel, type ProducerConfig } from 'kafkajs';
import { z } from 'zod';
import { createOutbox, defineEvents, type OutboxAction } from '../../lib';
import type { ConsumedRecord, ConsumerOptions, TransactionAction } from '../../lib/consumer';
import { encodeItem, type ItemKey, type OutboxItem } from '../../lib/event/item';
import { uuidV7 } from '../../lib/event/uuid';
import { dynamoDbStores } from '../../lib/relay/dynamodb/stores';
import { RELAY_DEFAULTS, slowestRoundMs } from '../../lib/relay/environment';
import { costOf } from '../../lib/operate/cost';
import { createKafkaPublisher } from '../../lib/relay/kafkajs/publisher';
import type { KafkaPublisher } from '../../lib/relay/publishing/publisher';
import { createRelay, type Relay } from '../../lib/relay/relay';
import { itemBytes } from '../../lib/dynamodb/item-size';
import { startStack, type Stack } from '../../local/stack';
import { aRecord, feed, MemoryDeadLetters } from '../builders/consume';
import { anEvent, anItem, insertOf, streamImageOf } from '../builders/items';
import { plentyOfTime, silentTelemetry } from '../builders/relay-ports';
import { aConsumer, createConsumerTables, INBOX_TABLE, READ_MODEL } from './harness/consumers';
import { emptyDatabase, sharedKafka } from './harness/shared-servers';
import { TopicReader } from './harness/topic-reader';

/**
 * The cost of 1,000 events. Requests are counted on DynamoDB Local and Apache Kafka. Write units follow from the stored
 * bytes, because DynamoDB Local reports none for PartiQL and wrong ones for transactions.
 */
const EVENTS = 1_000;
const TOPIC = 'orders';
const PARTITIONS = 12;
const ITEMS_PER_TRANSACTION = 100;
const KB = 1_024;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    ...(await emptyDatabase()),
    brokers: await sharedKafka(),
    topics: [{ topic: TOPIC, partitions: PARTITIONS }],
    mapping: false,
  });
  await createConsumerTables({ stack });
});
afterAll(() => stack.stop());

function countRequests(client: DynamoDBClient): { client: DynamoDBClient; requests: Record<string, number> } {
  const requests: Record<string, number> = {};
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) => {
        const operation = commandName.replace(/Command$/, '');
        requests[operation] = (requests[operation] ?? 0) + 1;
        return next(args);
      },
    // After the retry step, so that every sent request counts.
    { step: 'deserialize' },
  );
  return { client, requests };
}

/** The longest mark of this topic in this test. */
const LONGEST_MARK = {
  processedAt: 1_790_000_000_123,
  receipts: [`${TOPIC}-${PARTITIONS - 1}@${EVENTS - 1}`],
  expiresAt: 1_790_086_401,
};

interface Shape {
  readonly events: number;
  readonly dataBytes: number;
}

/** Every key has the same length, because its bytes count as well. */
const keyOf = (dataBytes: number, at: number): string =>
  [dataBytes, at].map((part) => String(part).padStart(4, '0')).join('-');

/** The bytes of a one-event item without its data, so that data can fill an item exactly. */
const BYTES_BEYOND_DATA = itemBytes({
  ...encodeItem(outboxItem(keyOf(0, 0), { events: 1, dataBytes: 0 })),
  ...LONGEST_MARK,
});

function outboxItem(key: string, { events, dataBytes }: Shape): OutboxItem {
  return anItem({
    key,
    events: Array.from({ length: events }, () =>
      anEvent({ id: uuidV7(Date.now()), topic: TOPIC, data: 'x'.repeat(dataBytes) }),
    ),
  });
}

function countProduceRequests(): { connect: () => Kafka; count: () => number } {
  let produced = 0;
  const connect = (): Kafka => {
    const kafka = new Kafka({ brokers: [...stack.brokers], logLevel: logLevel.NOTHING });
    const newProducer = kafka.producer.bind(kafka);
    kafka.producer = (config?: ProducerConfig) => {
      const producer = newProducer(config);
      producer.on('producer.network.request', ({ payload }) => {
        if (payload.apiName === 'Produce') produced++;
      });
      return producer;
    };
    return kafka;
  };
  return { connect, count: () => produced };
}

async function commit(client: DynamoDBClient, items: readonly OutboxItem[]): Promise<void> {
  for (let at = 0; at < items.length; at += ITEMS_PER_TRANSACTION) {
    const TransactItems = items.slice(at, at + ITEMS_PER_TRANSACTION).map((item) => ({
      Put: { TableName: stack.tableName, Item: marshall(encodeItem(item), { removeUndefinedValues: true }) },
    }));
    await client.send(new TransactWriteItemsCommand({ TransactItems }));
  }
}

/** The relay with its real adapters, as the Lambda function assembles it. */
function assembleRelay(client: DynamoDBClient, connect: () => Kafka): { relay: Relay; publisher: KafkaPublisher } {
  const clock = { now: Date.now };
  const { tableName } = stack;
  const publisher = createKafkaPublisher({
    ...RELAY_DEFAULTS,
    brokers: stack.brokers,
    connect,
    clock,
    onRebuilt: (cause) => {
      throw new Error('A producer was replaced: requests were sent twice.', { cause });
    },
  });
  const relay = createRelay(
    {
      publisher,
      ...dynamoDbStores(client, { ...RELAY_DEFAULTS, tableName }, clock),
      telemetry: silentTelemetry(),
      clock,
    },
    {
      maxBatchBytes: RELAY_DEFAULTS.maxBatchBytes,
      maxMessages: EVENTS,
      minRoundMs: slowestRoundMs(RELAY_DEFAULTS),
      minParkMs: 0,
      order: RELAY_DEFAULTS.order,
      lateAfterMs: RELAY_DEFAULTS.lateAfterSeconds * 1000,
      partitionPatienceMs: RELAY_DEFAULTS.partitionPatienceSeconds * 1000,
      maxPartitionHolds: RELAY_DEFAULTS.maxPartitionHolds,
    },
  );
  return { relay, publisher };
}

async function storedItem(client: DynamoDBClient, { pk, sk }: ItemKey): Promise<Record<string, unknown>> {
  const { Item = {} } = await client.send(
    new GetItemCommand({ TableName: stack.tableName, Key: marshall({ pk, sk }), ConsistentRead: true }),
  );
  return unmarshall(Item);
}

/** Write units of a plain write: one for each started KB. A write in a transaction takes twice as many. */
const writeUnits = (item: Readonly<Record<string, unknown>>): number => Math.ceil(itemBytes(item) / KB);

/** The sample of `outbox cost` has an offset of seven digits; the offsets here have three. */
const LONGER_RECEIPT = 4;

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

test.each([
  {
    name: '1,000 items that fit 1 KB with their marks',
    shape: { events: 1, dataBytes: KB - BYTES_BEYOND_DATA },
    costs: { commitUnits: 2_000, markUnits: 1_000, requests: { Query: 1, BatchExecuteStatement: 40 }, produce: 1 },
  },
  {
    name: '1,000 items of one event with 1 KB of data',
    shape: { events: 1, dataBytes: KB },
    costs: { commitUnits: 4_000, markUnits: 2_000, requests: { Query: 1, BatchExecuteStatement: 40 }, produce: 1 },
  },
  {
    name: '100 items of ten events with 1,000 bytes of data each',
    shape: { events: 10, dataBytes: 1_000 },
    costs: { commitUnits: 2_200, markUnits: 1_100, requests: { Query: 1, BatchExecuteStatement: 4 }, produce: 1 },
  },
])('$name cost exactly these units and requests', async ({ shape, costs }) => {
  const items = Array.from({ length: EVENTS / shape.events }, (_, at) => outboxItem(keyOf(shape.dataBytes, at), shape));
  const plain = new DynamoDBClient(stack.clientConfig);
  await commit(plain, items);
  const metered = countRequests(new DynamoDBClient(stack.clientConfig));
  const kafka = countProduceRequests();
  const { relay, publisher } = assembleRelay(metered.client, kafka.connect);

  const failed = await relay.handle(
    items.map((item) => insertOf(item)),
    plentyOfTime,
  );
  await publisher.close();

  const stored = await Promise.all(items.map((item) => storedItem(plain, item)));
  expect(failed).toBeUndefined();
  expect(stored.filter(({ receipts }) => Array.isArray(receipts) && receipts.length === shape.events)).toHaveLength(
    items.length,
  );
  expect({
    commitUnits: total(items.map((item) => 2 * writeUnits(encodeItem(item)))),
    markUnits: total(stored.map(writeUnits)),
    requests: metered.requests,
    produce: kafka.count(),
  }).toEqual(costs);
  // The estimate of `outbox cost`. Its sample uses the names of these items.
  const told = costOf({
    eventsPerSecond: EVENTS,
    eventBytes: shape.dataBytes - LONGER_RECEIPT,
    eventsPerTransaction: shape.events,
    keyBytes: keyOf(shape.dataBytes, 0).length,
  });
  expect({
    commitUnits: told.perSecond.items * told.item.commitWriteUnits,
    markUnits: told.perSecond.items * told.item.markWriteUnits,
  }).toEqual({ commitUnits: costs.commitUnits, markUnits: costs.markUnits });
});

test('compressed orders of 6 KB cost exactly these units, and their messages are the JSON that was written', async () => {
  const orders = 100;
  const orderOf = (key: string): object => ({
    orderId: key,
    lines: Array.from({ length: 50 }, (_, n) => ({
      sku: createHash('sha256').update(`${key} ${n}`).digest('hex').slice(0, 16),
      name: `Article number ${n}`,
      quantity: (n % 5) + 1,
      price: { amount: ((n * 317) % 10_000) / 100, currency: 'EUR' },
    })),
  });
  const types = defineEvents({ 'order.placed': { schema: z.unknown(), topic: TOPIC } });
  const outboxThat = (compressDataAbove?: number) =>
    createOutbox({
      tableName: stack.tableName,
      service: 'shop',
      region: 'eu-central-1',
      events: types,
      compressDataAbove,
    });
  const keys = Array.from({ length: orders }, (_, at) => `compressed-${String(at).padStart(3, '0')}`);
  const putsOf = async (compressDataAbove?: number) => {
    const puts = keys.map((key) =>
      outboxThat(compressDataAbove).items({ aggregate: 'order', key, version: 1 }, [
        { type: 'order.placed', data: orderOf(key) },
      ]),
    );
    return (await Promise.all(puts)).flat();
  };
  const client = new DynamoDBClient(stack.clientConfig);
  const document = DynamoDBDocument.from(client);
  const unitsOf = (puts: readonly OutboxAction[]): number => total(puts.map(({ Put }) => 2 * writeUnits(Put.Item)));
  const puts = await putsOf(1_000);
  await document.transactWrite({ TransactItems: [...puts] });
  const { relay, publisher } = assembleRelay(client, countProduceRequests().connect);

  // The records are the items as DynamoDB stores them.
  const itemAt = ({ Put: { Item } }: OutboxAction) => ({ pk: String(Item['pk']), sk: String(Item['sk']) });
  const stored = await Promise.all(puts.map((put) => storedItem(client, itemAt(put))));
  expect(
    await relay.handle(
      stored.map((item) => insertOf(streamImageOf(item))),
      plentyOfTime,
    ),
  ).toBeUndefined();
  await publisher.close();

  const marked = await Promise.all(puts.map((put) => storedItem(client, itemAt(put))));
  expect({
    plainCommitUnits: unitsOf(await putsOf()),
    commitUnits: unitsOf(puts),
    markUnits: total(marked.map(writeUnits)),
  }).toEqual({ plainCommitUnits: 100 * 2 * 6, commitUnits: 100 * 2 * 2, markUnits: 100 * 2 });
  expect(marked.filter(({ receipts }) => Array.isArray(receipts))).toHaveLength(orders);
  const reader = await TopicReader.start(stack.brokers, [TOPIC]);
  try {
    await reader.caughtUp();
    expect(keys.map((key) => reader.ofKey(key).map(({ value }) => value))).toEqual(
      keys.map((key) => [JSON.stringify(orderOf(key))]),
    );
  } finally {
    await reader.stop();
  }
});

test('DynamoDB bills a marked item by the bytes that the figures above are made of', async () => {
  const client = new DynamoDBClient(stack.clientConfig);
  const marked = { ...encodeItem(outboxItem('billed', { events: 1, dataBytes: 0 })), ...LONGEST_MARK };
  const padding = KB - itemBytes({ ...marked, pad: '' });
  const unitsOf = async (bytes: number): Promise<number | undefined> => {
    const { ConsumedCapacity: capacity } = await client.send(
      new PutItemCommand({
        TableName: stack.tableName,
        Item: marshall({ ...marked, pad: 'x'.repeat(bytes) }, { removeUndefinedValues: true }),
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
    return capacity?.CapacityUnits;
  };
  expect(await unitsOf(padding)).toBe(1);
  expect(await unitsOf(padding + 1)).toBe(2);
});

describe('an event at the consumer', () => {
  let document: DynamoDBDocument;
  beforeAll(() => {
    document = DynamoDBDocument.from(new DynamoDBClient(stack.clientConfig));
  });
  afterAll(() => document.destroy());

  /** The largest item of one write unit. */
  const effectOf = (id: string): TransactionAction => {
    const Item = { id, pad: '' };
    return { Put: { TableName: READ_MODEL, Item: { ...Item, pad: 'x'.repeat(KB - itemBytes(Item)) } } };
  };

  /** Transactions that a consumer writes when all messages arrive at once. */
  async function consume(
    name: string,
    records: readonly ConsumedRecord[],
    options: Partial<Omit<ConsumerOptions, 'events' | 'handlers'>>,
  ): Promise<TransactionAction[][]> {
    const transactions: TransactionAction[][] = [];
    const client: ConsumerOptions['client'] = {
      get: (input) => document.get(input),
      query: (input) => document.query(input),
      transactWrite: (input) => {
        transactions.push(input.TransactItems);
        return document.transactWrite(input);
      },
    };
    const consumer = aConsumer({ stack }, name, {
      client,
      handlers: { 'order.changed': ({ id }) => [effectOf(id)] },
      ...options,
    });
    const { outcomes } = await feed({ consumer, deadLetters: new MemoryDeadLetters() }, records);
    expect(new Set(outcomes)).toEqual(new Set(['applied']));
    return transactions;
  }

  /** Twice the units of the same write outside a transaction. A check is billed as a write of the checked item. */
  async function unitsOf({ Put: put }: TransactionAction): Promise<number> {
    if (put === undefined) return 2;
    const { ConsumedCapacity: capacity } = await document.put({
      TableName: put.TableName,
      Item: put.Item,
      ReturnConsumedCapacity: 'TOTAL',
    });
    return 2 * (capacity?.CapacityUnits ?? Number.NaN);
  }

  /** Enough messages to fill the window. */
  const PER_KEY = 20;
  const KEYS = 10;
  const recordsOf = (prefix: string, isVersioned: boolean): ConsumedRecord[] =>
    Array.from({ length: KEYS * PER_KEY }, (_, at) =>
      aRecord({
        key: `${prefix}-${at % KEYS}`,
        type: 'order.changed',
        value: Buffer.from('{"n":1}'),
        id: uuidV7(Date.now()),
        timestamp: Date.now(),
        ...(isVersioned ? { version: Math.floor(at / KEYS) + 1_000_000 } : {}),
      }),
    );

  test.each([
    { name: 'with a version', isVersioned: true, options: { eventsPerTransaction: 1 }, inbox: 2, requests: 1 },
    {
      name: 'four of one key together',
      isVersioned: true,
      options: { eventsPerTransaction: 1, eventsOfKeyPerTransaction: 4 },
      ...{ inbox: 0.5, requests: 0.25 },
    },
    { name: 'without a version', isVersioned: false, options: { eventsPerTransaction: 1 }, inbox: 4, requests: 1 },
    {
      name: 'without a version and without parking',
      isVersioned: false,
      options: {
        eventsPerTransaction: 1,
        onFailure: 'dead-letter' as const,
        onUnreadable: 'dead-letter' as const,
      },
      ...{ inbox: 2, requests: 1 },
    },
  ])('$name costs exactly these units and requests', async ({ name, isVersioned, options, inbox, requests }) => {
    const reader = name.replaceAll(' ', '-');
    const records = recordsOf(reader, isVersioned);
    const transactions = await consume(reader, records, options);
    const units = { effect: 0, inbox: 0 };
    for (const actions of transactions) {
      const each = await Promise.all(actions.map(unitsOf));
      actions.forEach(({ Put }, at) => {
        units[Put?.TableName === READ_MODEL ? 'effect' : 'inbox'] += each[at] ?? Number.NaN;
      });
    }

    expect({
      effect: units.effect / records.length,
      inbox: units.inbox / records.length,
      requests: transactions.length / records.length,
    }).toEqual({ effect: 2, inbox, requests });
  });

  test('sharing a transaction saves requests, and no units', async () => {
    const records = recordsOf('shared', true);
    const transactions = await consume('shared', records, { transactions: 1, concurrency: KEYS });

    expect(transactions.length).toBeLessThan(records.length / 2);
    const entries = transactions.flat();
    expect(entries.filter(({ Put }) => Put?.TableName === READ_MODEL)).toHaveLength(records.length);
    expect(entries.filter(({ Put }) => Put?.TableName === INBOX_TABLE)).toHaveLength(records.length);
  });
});
