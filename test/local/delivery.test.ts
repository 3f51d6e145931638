import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { CONTROL_PARTITION } from '../../lib/event/key';
import { parseReceipt } from '../../lib/event/receipt';
import type { OutboxError } from '../../lib';
import {
  allArrived,
  allMarked,
  BUSINESS_TABLE,
  Committed,
  expectCompleteAndInOrder,
  keysNamed,
  settled,
  startWorld,
  STARTUP_MS,
  until,
  write,
  type World,
} from './harness/world';

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, STARTUP_MS);

afterAll(async () => {
  await world.stop();
});

const processed = async (key: string) =>
  (await world.items(`order#${key}`)).filter(({ processedAt }) => processedAt !== undefined);

it('2,000 events by four concurrent writers arrive complete and in order, and every item is marked', async () => {
  const committed = new Committed();
  const keys = keysNamed('busy', 40);
  const shares = [0, 1, 2, 3].map((writer) => keys.filter((_, at) => at % 4 === writer));
  await Promise.all(shares.map((share) => write(world, { keys: share, events: 500, perTransaction: 2 }, committed)));

  expect(committed.count).toBe(2_000);
  await allArrived(world, committed);
  expectCompleteAndInOrder(world, committed);
  await allMarked(world);
});

it('writers that race for one key conflict, and what they commit arrives in the order of its versions', async () => {
  const committed = new Committed();
  const results = await Promise.all([1, 2, 3].map(() => write(world, { keys: ['raced'], events: 30 }, committed)));

  expect(results.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0);
  await allArrived(world, committed);
  expect(committed.ids('raced')).toHaveLength(90);
  expectCompleteAndInOrder(world, committed);
});

it('a second writer of a version gets a typed conflict, and nothing of it is written or published', async () => {
  const change = (id: string) => ({
    actions: [{ Put: { TableName: BUSINESS_TABLE, Item: { id: `by-${id}` } } }],
    changes: [
      {
        aggregate: 'order',
        key: 'contested',
        version: 1,
        events: [{ type: 'order.changed' as const, id, data: { n: 1 } }],
      },
    ],
  });
  await world.outbox.transact(world.document, change('first'));

  await expect(world.outbox.transact(world.document, change('second'))).rejects.toMatchObject({
    code: 'version-conflict',
    details: { aggregate: 'order', key: 'contested', version: 1 },
  } satisfies Partial<OutboxError>);

  const { Item } = await world.document.get({ TableName: BUSINESS_TABLE, Key: { id: 'by-second' } });
  expect(Item).toBeUndefined();
  await until('the first', () => world.reader.firstIds('contested').length === 1);
  expect(world.reader.firstIds('contested')).toEqual(['first']);
});

it('several events of one key in one transaction arrive in their order, with their sequence', async () => {
  const ids = Array.from({ length: 12 }, (_, at) => `several.${at}`);
  await world.outbox.transact(world.document, {
    changes: [
      {
        aggregate: 'order',
        key: 'several',
        version: 7,
        events: ids.map((id, n) => ({ type: 'order.changed' as const, id, data: { n } })),
      },
    ],
  });

  await until('twelve events', () => world.reader.ofKey('several').length === 12);
  expect(world.reader.firstIds('several')).toEqual(ids);
  expect(world.reader.ofKey('several').map(({ headers }) => headers['ce_sequence'])).toEqual(
    ids.map((_, at) => `0000000000000007.${String(at).padStart(4, '0')}`),
  );
  expect(world.reader.ofKey('several')[0]?.headers).toMatchObject({
    ce_specversion: '1.0',
    ce_type: 'order.changed',
    ce_source: '/shop/order',
    ce_subject: 'several',
    ce_aggregate: 'order',
    ce_partitionkey: 'several',
    ce_txevents: '12',
    'content-type': 'application/json',
  });
});

it('is read by the CloudEvents SDK and a plain kafkajs consumer, which need nothing of this package', async () => {
  await world.outbox.transact(world.document, {
    causationId: 'payment-7',
    correlationId: 'checkout 1 ü',
    changes: [
      {
        aggregate: 'order',
        key: 'foreign',
        version: 3,
        events: [
          { type: 'order.changed', id: 'foreign.0', data: { n: 7, text: 'grün' } },
          { type: 'order.changed', id: 'foreign.1', data: { n: 8 } },
        ],
      },
    ],
  });
  const consumer = fork(
    join(__dirname, 'harness', 'plain-consumer.ts'),
    [world.stack.brokers.join(','), 'orders', 'foreign'],
    { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const read: unknown[] = [];
  consumer.on('message', (message) => read.push(message));
  await until('both events', () => read.length === 2);
  const ended = once(consumer, 'exit');
  consumer.kill();
  await ended;

  expect(read).toMatchObject([
    {
      isValid: true,
      event: {
        specversion: '1.0',
        id: 'foreign.0',
        source: '/shop/order',
        type: 'order.changed',
        subject: 'foreign',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
        datacontenttype: 'application/json',
        data: { n: 7, text: 'grün' },
        // The extensions of the foreign event.
        partitionkey: 'foreign',
        sequence: '0000000000000003.0000',
        txevents: '2',
        causationid: 'payment-7',
        correlationid: 'checkout 1 ü',
      },
    },
    { isValid: true, event: { id: 'foreign.1', data: { n: 8 }, sequence: '0000000000000003.0001' } },
  ]);
});

it('events of one transaction for two topics arrive on both, in order on each', async () => {
  await world.outbox.transact(world.document, {
    changes: [
      {
        aggregate: 'order',
        key: 'both',
        version: 1,
        events: [
          { type: 'order.changed', id: 'both.0', data: { n: 0 } },
          { type: 'order.audited', id: 'both.1', data: { n: 1 } },
          { type: 'order.changed', id: 'both.2', data: { n: 2 } },
        ],
      },
    ],
  });

  await until('three events', () => world.reader.ofKey('both').length === 3);
  const on = (topic: string) =>
    world.reader
      .ofKey('both')
      .filter((arrival) => arrival.topic === topic)
      .map(({ headers }) => headers['ce_id']);
  expect({ orders: on('orders'), audit: on('audit') }).toEqual({ orders: ['both.0', 'both.2'], audit: ['both.1'] });
});

it('a transaction across three keys delivers to all of them', async () => {
  const keys = ['left', 'middle', 'right'];
  for (let version = 1; version <= 5; version++) {
    await world.outbox.transact(world.document, {
      changes: keys.map((key) => ({
        aggregate: 'order',
        key,
        version,
        events: [{ type: 'order.changed' as const, id: `${key}.${version}`, data: { n: version } }],
      })),
    });
  }

  await until('fifteen events', () => keys.every((key) => world.reader.firstIds(key).length === 5));
  for (const key of keys) {
    expect(world.reader.firstIds(key)).toEqual([1, 2, 3, 4, 5].map((version) => `${key}.${version}`));
  }
});

it('events without versions arrive in the order in which one writer committed them', async () => {
  const ids = Array.from({ length: 20 }, (_, at) => `unversioned.${at}`);
  for (const [n, id] of ids.entries()) {
    await world.outbox.transact(world.document, {
      changes: [{ aggregate: 'order', key: 'unversioned', events: [{ type: 'order.changed', id, data: { n } }] }],
    });
  }

  await until('twenty events', () => world.reader.firstIds('unversioned').length === 20);
  expect(world.reader.firstIds('unversioned')).toEqual(ids);
  expect(world.reader.ofKey('unversioned')[0]?.headers).not.toHaveProperty('ce_sequence');
});

it('an item written by hand from the JSON Schema, without the library, is relayed', async () => {
  const schema = JSON.parse(readFileSync(join(__dirname, '../../lib/event/item.schema.json'), 'utf8')) as object;
  const item = {
    pk: 'order#by-hand',
    sk: '0000000000000001',
    id: 'hand-1',
    events: [
      {
        id: 'hand-1',
        type: 'order.changed',
        topic: 'orders',
        data: '{"written":"by hand"}',
        headers: { shop: 'north' },
      },
      { id: 'hand-2', type: 'order.changed', contentType: 'text/plain', data: 'plain' },
    ],
    source: '/legacy',
    region: 'eu-central-1',
    committedAt: 1767323045678,
  };
  expect(new Ajv({ strict: false }).validate(schema, item)).toBe(true);

  await world.document.put({
    TableName: world.stack.tableName,
    Item: item,
    ConditionExpression: 'attribute_not_exists(pk)',
  });

  await until('both events', () => world.reader.ofKey('by-hand').length === 2);
  expect(world.reader.ofKey('by-hand')).toMatchObject([
    {
      value: '{"written":"by hand"}',
      headers: { ce_id: 'hand-1', ce_source: '/legacy', ce_time: '2026-01-02T03:04:05.678Z', shop: 'north' },
    },
    { value: 'plain', headers: { ce_id: 'hand-2', 'content-type': 'text/plain' } },
  ]);
  await until('its mark', async () => (await processed('by-hand')).length === 1);
});

it('a batch that is delivered twice is published once and stays marked', async () => {
  await world.outbox.transact(world.document, {
    changes: [
      {
        aggregate: 'order',
        key: 'twice',
        version: 1,
        events: [{ type: 'order.changed', id: 'twice', data: { n: 1 } }],
      },
    ],
  });
  await until('its mark', async () => (await processed('twice')).length === 1);
  const [before] = await processed('twice');

  await world.stack.mapping.redeliverLast();
  await settled(world);

  const [after] = await processed('twice');
  expect(after?.receipts).toEqual(before?.receipts);
  expect(world.reader.ofKey('twice')).toHaveLength(1);
});

it('a batch that is delivered twice to different processes is published twice: the second is a duplicate, in order', async () => {
  const ids = [1, 2, 3].map((version) => `again.${version}`);
  for (const [at, id] of ids.entries()) {
    await world.outbox.transact(world.document, {
      changes: [
        { aggregate: 'order', key: 'again', version: at + 1, events: [{ type: 'order.changed', id, data: { n: at } }] },
      ],
    });
  }
  await until('their marks', async () => (await processed('again')).length === 3);
  await world.stack.relay.kill();

  await world.stack.mapping.redeliverLast();
  await settled(world);

  expect(world.reader.ofKey('again').length).toBeGreaterThan(3);
  expect(world.reader.firstIds('again')).toEqual(ids);
  expect((await processed('again')).map(({ expiresAt }) => typeof expiresAt)).toEqual(['number', 'number', 'number']);
});

it('a processed item has an expiry a day ahead, and receipts that name where its messages truly are', async () => {
  await settled(world);
  const items = await world.items();
  const at = new Map(
    world.reader.arrivals.map(({ topic, partition, offset, headers }) => [
      `${topic}-${partition}@${offset}`,
      headers['ce_id'],
    ]),
  );

  expect(items.length).toBeGreaterThan(1_000);
  for (const { processedAt = 0, expiresAt = 0, receipts = [], events = [] } of items) {
    expect(expiresAt - Math.ceil(processedAt / 1000)).toBe(86_400);
    expect(receipts.map((receipt) => at.get(receipt))).toEqual(events.map(({ id }) => id));
    expect(receipts.map((receipt) => parseReceipt(receipt)?.topic)).not.toContain(undefined);
  }
});

it('no pending item ever has an expiry: nothing sets one before the acknowledgement', async () => {
  await world.stack.mapping.disable();
  const committed = new Committed();
  await write(world, { keys: keysNamed('waiting', 5), events: 25 }, committed);

  const waiting = (await world.items()).filter(({ pk }) => pk.startsWith('order#waiting'));
  expect(waiting).toHaveLength(25);
  for (const item of waiting) {
    expect(item).not.toHaveProperty('expiresAt');
    expect(item).not.toHaveProperty('processedAt');
  }

  world.stack.mapping.enable();
  await allArrived(world, committed);
  await allMarked(world);
  expectCompleteAndInOrder(world, committed);
});

it('the control partition holds only the names of the stream and of the owner as long as nothing is parked', async () => {
  const { Items } = await world.document.query({
    TableName: world.stack.tableName,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': CONTROL_PARTITION },
  });

  // Stream and owner were recorded once each.
  expect(Items).toEqual([
    expect.objectContaining({ sk: '!state', streamArn: world.stack.streamArn, owner: 'Outbox/Outbox', revision: 2 }),
  ]);
});
