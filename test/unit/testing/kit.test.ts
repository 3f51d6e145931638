import { z } from 'zod';
import { SILENT } from '../../../lib/consume/telemetry';
import { createConsumer } from '../../../lib/consumer';
import { createOutbox, defineEvents } from '../../../lib/index';
import { createTestOutbox } from '../../../lib/testing';
import { aKit, place } from './shop';

describe('a test outbox', () => {
  it('publishes what the code under test has committed', async () => {
    const kit = aKit();
    await place(kit, '42', 5, { sku: 'hat' });
    await expect(kit.relay()).resolves.toEqual({ published: 2, parked: 0, pending: 0, waiting: 0 });
    kit.expectPublished([
      { type: 'stock.reserved', key: 'hat' },
      { type: 'order.placed', key: '42', data: { total: 5 }, version: 1 },
    ]);
    await expect(kit.client.get({ TableName: 'orders', Key: { id: '42' } })).resolves.toMatchObject({
      Item: { total: 5, version: 1 },
    });
  });

  it('refuses a second writer of a version, as DynamoDB does', async () => {
    const kit = aKit();
    await place(kit, '42', 5);
    await expect(place(kit, '42', 6)).rejects.toMatchObject({ code: 'version-conflict' });
    await kit.relay();
    kit.expectPublished([{ type: 'order.placed', key: '42', data: { total: 5 } }]);
  });

  it('takes a repeated request for the same one', async () => {
    const kit = aKit();
    const request = {
      changes: [{ aggregate: 'order', key: '42', events: [{ type: 'order.placed' as const, data: { total: 5 } }] }],
      requestId: 'request-1',
      committedAt: 1_700_000_000_000,
    };
    await kit.outbox.transact(kit.client, request);
    await kit.outbox.transact(kit.client, request);
    await kit.relay();
    kit.expectPublished([{ type: 'order.placed', key: '42' }]);
  });

  it('marks what is published with its receipt, as the relay does', async () => {
    const kit = aKit();
    await place(kit, '42', 5);
    await kit.relay();
    const { Items } = await kit.client.scan({ TableName: 'outbox', FilterExpression: 'attribute_exists(processedAt)' });
    const [{ record } = { record: undefined }] = kit.published;
    expect(Items).toEqual([
      expect.objectContaining({ pk: 'order#42', receipts: [`orders-${record?.partition}@${record?.offset}`] }),
    ]);
  });

  it('parks what Kafka refuses, lets the later ones of its key wait, and publishes them in order after a redrive', async () => {
    const kit = aKit();
    kit.refuse(({ key, version }) => (key === '42' && version === 1 ? 'message-too-large' : undefined));
    await place(kit, '42', 1);
    await place(kit, '42', 2, { version: 2 });
    await place(kit, '7', 7);
    await expect(kit.relay()).resolves.toEqual({ published: 1, parked: 1, pending: 0, waiting: 1 });
    kit.expectPublished([{ type: 'order.placed', key: '7' }]);

    await kit.redrive({ aggregate: 'order', key: '42' });
    await expect(kit.relay()).resolves.toMatchObject({ published: 0, parked: 1, waiting: 1 });
    kit.refuse(() => undefined);
    await kit.redrive({ aggregate: 'order', key: '42' });
    await expect(kit.relay()).resolves.toEqual({ published: 2, parked: 0, pending: 0, waiting: 0 });
    kit.expectPublished([
      { type: 'order.placed', key: '7' },
      { type: 'order.placed', key: '42', version: 1 },
      { type: 'order.placed', key: '42', version: 2 },
    ]);
  });

  it('leaves everything pending while Kafka is away, and publishes it afterwards', async () => {
    const kit = aKit();
    await place(kit, '42', 1);
    kit.setKafkaAway(true);
    await expect(kit.relay()).resolves.toEqual({ published: 0, parked: 0, pending: 1, waiting: 0 });
    kit.setKafkaAway(false);
    await expect(kit.relay()).resolves.toMatchObject({ published: 1, pending: 0 });
  });

  it('publishes each event once, however many ask for it at the same time', async () => {
    const kit = aKit();
    for (const key of ['a', 'b', 'c']) await place(kit, key, 1);
    await Promise.all([kit.relay(), kit.relay(), kit.relay()]);
    const { Items = [] } = await kit.client.scan({ TableName: 'outbox' });
    expect(kit.published).toHaveLength(3);
    expect(Items.filter(({ processedAt }) => processedAt !== undefined)).toHaveLength(3);
    expect(kit.published.map(({ record: { topic, partition, offset } }) => `${topic}-${partition}@${offset}`)).toEqual(
      expect.arrayContaining(Items.flatMap(({ receipts }): unknown[] => (receipts as unknown[] | undefined) ?? [])),
    );
  });

  it('parks an event for a topic that does not exist', async () => {
    const kit = aKit();
    const change = { type: 'order.placed' as const, data: { total: 1 }, topic: 'nowhere' };
    await kit.outbox.transact(kit.client, { changes: [{ aggregate: 'order', key: '42', events: [change] }] });
    await expect(kit.relay()).resolves.toMatchObject({ parked: 1 });
    expect(() => kit.expectPublished([{ type: 'order.placed', key: '42', topic: 'nowhere' }])).toThrow(/unknown-topic/);
    const allowed = aKit({ topics: { nowhere: 1 } });
    await allowed.outbox.transact(allowed.client, { changes: [{ aggregate: 'order', key: '42', events: [change] }] });
    await allowed.relay();
    allowed.expectPublished([{ type: 'order.placed', key: '42', topic: 'nowhere' }]);
  });

  it('with strict order an item waits for the version before it', async () => {
    const kit = aKit({ order: 'strict' });
    const write = (version: number) =>
      kit.outbox.transact(kit.client, {
        changes: [
          { aggregate: 'order', key: '42', version, events: [{ type: 'order.placed', data: { total: version } }] },
        ],
      });
    await write(2);
    await expect(kit.relay()).resolves.toMatchObject({ published: 0, pending: 1 });
    await write(1);
    await kit.relay();
    await expect(kit.relay()).resolves.toMatchObject({ pending: 0 });
    kit.expectPublished([
      { type: 'order.placed', key: '42', version: 1 },
      { type: 'order.placed', key: '42', version: 2 },
    ]);
  });

  it('refuses a request that is not simulated, naming what to do', async () => {
    const kit = aKit();
    await expect(kit.client.get({ TableName: 'unknown', Key: { id: '1' } })).rejects.toMatchObject({
      code: 'not-simulated',
      message: expect.stringContaining('"tables" of createTestOutbox') as unknown,
    });
    await expect(
      kit.client.query({ TableName: 'orders', IndexName: 'byTotal', KeyConditionExpression: 'a = :a' }),
    ).rejects.toMatchObject({ code: 'not-simulated', details: { what: 'Query with IndexName' } });
    await expect(kit.client.put({ TableName: 'orders', Item: { id: '1' }, Expected: {} })).rejects.toMatchObject({
      details: { what: 'PutItem with Expected' },
    });
    await expect(kit.client.executeStatement({ Statement: 'SELECT * FROM orders' })).rejects.toMatchObject({
      details: { what: 'ExecuteStatement' },
    });
  });

  it.each([
    [{ tabels: {} }, 'tabels'],
    [{ tables: { orders: ['id'] } }, 'tables["orders"]'],
    [{ tables: { orders: { id: 'STRING' } } }, 'tables["orders"]'],
    [{ topics: { orders: 0 } }, 'topics["orders"]'],
    [{ order: 'loose' }, 'order'],
    [{ events: {} }, 'events'],
  ])('refuses the option %j', (options, option) => {
    expect(() => aKit(options as object)).toThrow(
      expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
    );
  });
});

describe('a service that compresses large data', () => {
  it('publishes it as it was written, to be consumed as any other', async () => {
    const notes = defineEvents({ 'order.noted': { schema: z.object({ note: z.string() }), topic: 'orders' } });
    const kit = createTestOutbox({ events: notes, tables: { inbox: { pk: 'S', sk: 'S' } } });
    const outbox = createOutbox({ ...SERVICE, events: notes, compressDataAbove: 0 });
    const note = 'grüße '.repeat(500);
    const event = { type: 'order.noted' as const, data: { note } };
    await outbox.transact(kit.client, { changes: [{ aggregate: 'order', key: '42', version: 1, events: [event] }] });
    const { Item } = await kit.client.get({ TableName: 'outbox', Key: { pk: 'order#42', sk: '0000000000000001' } });
    expect(Item).toMatchObject({ events: [{ data: { gzip: expect.any(Uint8Array) as unknown } }] });

    await expect(kit.relay()).resolves.toEqual({ published: 1, parked: 0, pending: 0, waiting: 0 });
    kit.expectPublished([{ type: 'order.noted', key: '42', data: { note } }]);
    const read: string[] = [];
    const consumer = createConsumer({
      ...{ name: 'notes', tableName: 'inbox', client: kit.client, events: notes, telemetry: SILENT },
      handlers: {
        'order.noted': ({ data }) => {
          read.push(data.note);
          return [];
        },
      },
    });
    await expect(kit.deliver(consumer)).resolves.toMatchObject({ applied: 1 });
    expect(read).toEqual([note]);
  });
});

const SERVICE = { tableName: 'outbox', service: 'shop', region: 'in-memory' };
