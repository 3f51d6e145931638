import { z } from 'zod';
import { defineEvents, createOutbox } from '../../../lib';
import { NOW, order42, orderOutbox, placed, refusal, untyped } from './order-outbox';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const outbox = orderOutbox();

interface WrittenEvent {
  readonly id: string;
  readonly data?: unknown;
}
const eventsOf = (entries: Awaited<ReturnType<typeof outbox.items>>) =>
  entries[0]?.Put.Item['events'] as readonly WrittenEvent[];
const dataOf = async (event: object) => eventsOf(await outbox.items(order42, [untyped(event)]))[0]?.data;

test('all events of a key become one put that no second writer of the version can repeat', async () => {
  const entries = await outbox.items(order42, [
    placed,
    { type: 'order.shipped', data: { orderId: '42' }, topic: 'shipments', headers: { tenant: 'a' }, id: 'e-2' },
  ]);
  const [{ id } = { id: '' }] = eventsOf(entries);
  expect(id).toMatch(UUID_V7);
  expect(entries).toHaveLength(1);
  expect(entries[0]).toEqual({
    Put: {
      TableName: 'shop-outbox',
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      Item: {
        pk: 'order#42',
        sk: '0000000000000001',
        id,
        events: [
          { id, type: 'order.placed', topic: 'orders', data: '{"orderId":"42","total":99.5,"note":"none"}' },
          {
            id: 'e-2',
            type: 'order.shipped',
            topic: 'shipments',
            dataSchema: 'https://example.com/order.shipped.json',
            data: '{"orderId":"42"}',
            headers: { tenant: 'a' },
          },
        ],
        source: '/shop/order',
        region: 'eu-central-1',
        committedAt: NOW,
      },
    },
  });
});

test('the token names the last event of each topic, with its sequence when the key has versions', async () => {
  const events = [
    { ...placed, id: 'a' },
    { ...placed, id: 'b', topic: 'others' },
    { ...placed, id: 'c' },
  ];
  const { token } = await outbox.items(order42, events);
  expect(token).toEqual({
    aggregate: 'order',
    key: '42',
    source: '/shop/order',
    position: '0000000000000001',
    topics: {
      orders: { id: 'c', sequence: '0000000000000001.0002' },
      others: { id: 'b', sequence: '0000000000000001.0001' },
    },
  });
  const unversioned = await outbox.items({ aggregate: 'order', key: '42' }, events);
  expect(unversioned.token).toEqual({
    ...token,
    position: unversioned[0]?.Put.Item['sk'],
    topics: { orders: { id: 'c' }, others: { id: 'b' } },
  });
});

test('a key without versions gets the time as its position', async () => {
  const [entry] = await outbox.items({ aggregate: 'order', key: '42' }, [{ ...placed, id: 'own' }]);
  expect(entry?.Put.Item['sk']).toMatch(UUID_V7);
  expect(entry?.Put.Item['sk']).toMatch(new RegExp(`^${NOW.toString(16).padStart(12, '0').slice(0, 8)}-`));
  expect(entry?.Put.Item['id']).toBe('own');
});

test('the source can be set for the whole outbox', async () => {
  const [entry] = await orderOutbox({ source: '/elsewhere' }).items(order42, [placed]);
  expect(entry?.Put.Item['source']).toBe('/elsewhere');
});

test('what is written is the output of the schema', async () => {
  const events = defineEvents({
    // The schema accepts its own output, because consumers validate with the same schema.
    t: {
      schema: z
        .union([z.string(), z.object({ length: z.number() })])
        .transform(async (data) => Promise.resolve({ length: typeof data === 'string' ? data.length : data.length })),
      topic: 't',
    },
  });
  const own = createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events });
  const [entry] = await own.items({ aggregate: 'a', key: 'k' }, [{ type: 't', data: 'four' }]);
  expect(entry?.Put.Item['events']).toMatchObject([{ data: '{"length":4}' }]);
});

test('bytes and text go as they are when the content type is not JSON', async () => {
  const bytes = Buffer.from([0, 255]);
  const written = await dataOf({ type: 'order.invoiced', data: bytes });
  bytes[0] = 9;
  expect(written).toEqual(new Uint8Array([0, 255]));
  expect(await dataOf({ type: 'order.noted', data: 'plain' })).toBe('plain');
});

test('an undefined output is a message without a value', async () => {
  const [event] = eventsOf(await outbox.items(order42, [{ type: 'order.forgotten' }]));
  expect(event).not.toHaveProperty('data');
});

test.each([[null], ['text'], [0], [false], [[]]])('JSON data may be %p', async (data) => {
  expect(await dataOf({ type: 'order.anything', data })).toBe(JSON.stringify(data));
});

test.each([
  ['zod', { type: 'order.placed', data: { orderId: 42, total: 'x' } }, ['orderId', 'total']],
  ['valibot', { type: 'order.shipped', data: { orderId: '1', lines: [{ quantity: 1 }, {}] } }, ['lines[1].quantity']],
])('every issue that %s finds is named with its path', async (_, event, paths) => {
  const error = await refusal('invalid-event-data', () => outbox.items(order42, [untyped(event)]));
  expect(error.details.issues.map(({ path }) => path)).toEqual(paths);
  for (const path of paths) expect(error.message).toContain(`data.${path}: `);
});

test('data that JSON would change is refused, with its path', async () => {
  const error = await refusal('invalid-event-data', () => dataOf({ type: 'order.anything', data: { a: [1n] } }));
  expect(error.details.issues).toMatchObject([{ path: 'a[0]' }]);
  expect(error.message).toContain('BigInt');
});

test('text that is not well-formed is refused where it would be sent as it is', async () => {
  await refusal('invalid-event-data', () => dataOf({ type: 'order.noted', data: '\ud800' }));
});

test('an object is refused where the content type is not JSON', async () => {
  const events = defineEvents({ t: { schema: z.object({}), topic: 't', contentType: 'application/avro' } });
  const own = createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events });
  const error = await refusal('invalid-event-data', () => own.items(order42, [{ type: 't', data: {} }]));
  expect(error.message).toContain('application/avro');
});

test('an unknown type is refused', async () => {
  const error = await refusal('unknown-event-type', () => dataOf({ type: 'order.payed', data: {} }));
  expect(error.details.type).toBe('order.payed');
});

test.each([
  ['a Date', new Date(NOW - 1), '2026-01-31T11:59:59.999Z'],
  ['a text with an offset', '2026-01-31T13:00:00+02:00', '2026-01-31T13:00:00+02:00'],
])('an event may have happened before its commit: %s', async (_, time, written) => {
  const [event] = eventsOf(await outbox.items(order42, [{ ...placed, time }]));
  expect(event).toMatchObject({ time: written });
});

test.each([
  ['time', new Date(Number.NaN)],
  ['time', 'yesterday'],
  ['time', '2026-02-31'],
  ['time', '2026-13-01T00:00:00Z'],
  ['time', NOW],
  ['topic', 'a b'],
  ['topic', null],
  ['id', ''],
  ['id', 'a\nb'],
  ['headers', 'tenant=a'],
  ['headers', ['a']],
  ['dta', {}],
])('an event with %s %p is refused', async (field, got) => {
  const error = await refusal('invalid-event', () =>
    outbox.items(order42, [placed, untyped({ ...placed, [field]: got })]),
  );
  expect(error.details).toMatchObject(got === null ? { index: 1, field } : { index: 1, field, got });
});

test.each(['ce_id', 'CE_TYPE', 'outbox-replay', 'Content-Type', 'traceparent', 'TraceState'])(
  'header %s is the relay’s own',
  async (name) => {
    const error = await refusal('invalid-event', () =>
      outbox.items(order42, [{ ...placed, headers: { [name]: 'x' } }]),
    );
    expect(error.details.field).toBe(`headers.${name}`);
  },
);

test.each([
  ['an empty name', { '': 'x' }],
  ['a line feed in its name', { 'a\nb': 'x' }],
  ['a name that the SDK takes for a class', { constructor: 'x' }],
  ['a name that objects lose', JSON.parse('{"__proto__":"x"}') as object],
  ['a number', { a: 1 }],
  ['text that is not well-formed', { a: '\udfff' }],
])('a header with %s is refused', async (_, headers) => {
  await refusal('invalid-event', () => outbox.items(order42, [untyped({ ...placed, headers })]));
});

test.each([[null], ['order.placed'], [[placed]]])('the event %p is refused', async (event) => {
  const error = await refusal('invalid-event', () => outbox.items(order42, [untyped(event)]));
  expect(error.details.field).toBe('event');
});

test.each([[[]], [undefined], ['none']])('the events %p are none', async (events) => {
  const error = await refusal('no-events', () => outbox.items(order42, untyped(events)));
  expect(error.details).toEqual({ aggregate: 'order', key: '42' });
});

test.each([
  ['invalid-aggregate', { aggregate: '$outbox' }],
  ['invalid-aggregate', { aggregate: undefined }],
  ['invalid-key', { key: '' }],
  ['invalid-key', { key: 42 }],
  ['invalid-key', { key: '\ud800' }],
  ['invalid-key', { key: 'ä'.repeat(1022) }],
  ['invalid-version', { version: -1 }],
  ['invalid-version', { version: 1.5 }],
  ['invalid-version', { version: null }],
  ['invalid-option', { verson: 1 }],
] as const)('%s: %p', async (code, changed) => {
  await refusal(code, () => outbox.items(untyped({ ...order42, ...changed }), [placed]));
});

test('two events of one id are refused', async () => {
  const error = await refusal('duplicate-event-id', () =>
    outbox.items(order42, [placed, { ...placed, id: 'x' }, { ...placed, id: 'x' }]),
  );
  expect(error.details).toEqual({ id: 'x', indexes: [1, 2] });
});

test('a misspelt write option is refused', async () => {
  const error = await refusal('invalid-option', () => outbox.items(order42, [placed], untyped({ requestID: 'r' })));
  expect(error.details.option).toBe('requestID');
});

test('every item of a call names what caused its events and the flow that they belong to', async () => {
  const cause = { causationId: 'payment-7', correlationId: 'checkout-1' };
  const [entry] = await outbox.items(order42, [placed], cause);
  expect(entry?.Put.Item).toMatchObject(cause);
  const [root] = await outbox.items(order42, [placed]);
  expect(root?.Put.Item).not.toHaveProperty('causationId');
});

test.each(['causationId', 'correlationId'])('%s that no CloudEvents SDK could read is refused', async (option) => {
  for (const value of ['', ' ', 'a\nb', 7]) {
    const error = await refusal('invalid-option', () => outbox.items(order42, [placed], untyped({ [option]: value })));
    expect(error.details.option).toBe(option);
  }
});
