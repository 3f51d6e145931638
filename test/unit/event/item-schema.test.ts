import { gzipSync } from 'node:zlib';
import { marshall } from '@aws-sdk/util-dynamodb';
import Ajv2020 from 'ajv/dist/2020';
import fc from '../../builders/fast-check';
import { OutboxError } from '../../../lib';
import { decodeItem, encodeItem } from '../../../lib/event/item';
import itemSchema from '../../../lib/event/item.schema.json';
import { catalogue, NOW, order42, orderOutbox, placed } from '../write/order-outbox';

const validate = new Ajv2020({
  validateFormats: false,
  allErrors: true,
  strictTypes: false,
  strictTuples: false,
}).compile(itemSchema);

type Document = Record<string, unknown>;

const ID = '019c13ec-a200-7000-8000-000000000001';
const event = (changed: object = {}): Document => ({
  id: ID,
  type: 'order.placed',
  topic: 'orders',
  data: '{}',
  ...changed,
});
const item = (changed: object = {}): Document => ({
  pk: 'order#42',
  sk: '0000000000000001',
  id: ID,
  events: [event()],
  source: '/shop/order',
  region: 'eu-central-1',
  committedAt: NOW,
  ...changed,
});
const without = (document: Document, name: string): Document =>
  Object.fromEntries(Object.entries(document).filter(([other]) => other !== name));

function decodes(document: Document): boolean {
  try {
    decodeItem(marshall(document));
    return true;
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-item')) return false;
    throw error;
  }
}

const bothSay = (document: Document) => ({ schema: validate(document), relay: decodes(document) });
const ACCEPTED = { schema: true, relay: true };
const REFUSED = { schema: false, relay: false };

test('what the write helper puts is what the schema describes', async () => {
  const entries = await orderOutbox().items(
    order42,
    [
      placed,
      { type: 'order.shipped', data: { orderId: '42' }, headers: { tenant: 'a' }, time: new Date(1), topic: 'others' },
      { type: 'order.invoiced', data: new Uint8Array([1]) },
      { type: 'order.forgotten' },
    ],
    { traceContext: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'a=1' } },
  );
  const written = entries[0]!.Put.Item;
  expect(validate(written)).toBe(true);
  expect(Object.keys(catalogue.definitions)).toContain('order.invoiced');
});

test('the example of the schema is an item that the relay reads', () => {
  expect(itemSchema.examples.map((example) => bothSay(example))).toEqual([ACCEPTED]);
});

test.each<[string, Document]>([
  ['the smallest item', item()],
  ['a position that is a UUIDv7', item({ sk: ID })],
  ['a key with any character', item({ pk: 'order#4#2\n€' })],
  ['an aggregate with all it may have', item({ pk: 'Order.v2_eu-1#42' })],
  ['an attribute that is not of the format', item({ tenant: 'a' })],
  ['a later event without a topic', item({ events: [event(), without(event({ id: 'b' }), 'topic')] })],
  ['an event without data', item({ events: [without(event(), 'data')] })],
  ['empty data', item({ events: [event({ data: '' })] })],
  ['compressed data', item({ events: [event({ data: { gzip: gzipSync('{}') } })] })],
  ['binary data', item({ events: [event({ data: new Uint8Array([0]) })] })],
  [
    'every optional field of an event',
    item({ events: [event({ time: '2026-01-31T12:00:00+01:00', contentType: 'a/b', dataSchema: 'urn:d' })] }),
  ],
  ['headers', item({ events: [event({ headers: { a: '', outbox: 'x', ce: 'x', traceparents: 'x' } })] })],
  ['trace context', item({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'b=1' })],
  ['the epoch', item({ committedAt: 0 })],
])('schema and relay accept %s', (_, document) => {
  expect(bothSay(document)).toEqual(ACCEPTED);
});

const WRONG: [string, Document][] = [
  ...['pk', 'sk', 'id', 'events', 'source', 'region', 'committedAt'].map((name): [string, Document] => [
    `an item without ${name}`,
    without(item(), name),
  ]),
  ...['id', 'source', 'region', 'traceparent', 'tracestate'].flatMap((name): [string, Document][] => [
    [`an empty ${name}`, item({ [name]: '' })],
    [`a ${name} that is a number`, item({ [name]: 7 })],
  ]),
  ...['order', 'order#', '#42', '4rder#42', '$outbox#control', 'or der#42'].map((pk): [string, Document] => [
    `partition key ${pk}`,
    item({ pk }),
  ]),
  ...['1', '000000000000000001', '', '~signal#1', '019c13ec-a200-4000-8000-000000000001', ID.toUpperCase()].map(
    (sk): [string, Document] => [`position "${sk}"`, item({ sk })],
  ),
  ...[-1, 1.5, 8.64e15 + 1024, '2026-01-31', null].map((committedAt): [string, Document] => [
    `committedAt ${String(committedAt)}`,
    item({ committedAt }),
  ]),
  ['no events', item({ events: [] })],
  ['events that are a map', item({ events: { 0: event() } })],
  ['an event that is text', item({ events: ['{}'] })],
  ['a later event that is text', item({ events: [event(), '{}'] })],
  ['a first event without a topic', item({ events: [without(event(), 'topic')] })],
  ...['id', 'type'].map((name): [string, Document] => [
    `a later event without ${name}`,
    item({ events: [event(), without(event({ id: 'b' }), name)] }),
  ]),
  ...['id', 'type', 'topic', 'time', 'contentType', 'dataSchema'].flatMap((name): [string, Document][] => [
    [`a later event with an empty ${name}`, item({ events: [event(), event({ [name]: '' })] })],
    [`a later event with a ${name} that is a number`, item({ events: [event(), event({ [name]: 7 })] })],
  ]),
  ...['.', '..', 'a b', 'a/b', 'x'.repeat(250)].map((topic): [string, Document] => [
    `topic ${topic}`,
    item({ events: [event({ topic })] }),
  ]),
  ...[7, true, null, ['a']].map((data): [string, Document] => [
    `data ${JSON.stringify(data)}`,
    item({ events: [event({ data })] }),
  ]),
  ...['H4sI', 7, true, null, ['a']].map((gzip): [string, Document] => [
    `compressed data ${JSON.stringify(gzip)}`,
    item({ events: [event({ data: { gzip } })] }),
  ]),
  ['compressed data with a second attribute', item({ events: [event({ data: { gzip: gzipSync('{}'), level: 9 } })] })],
  ['headers that are a list', item({ events: [event({ headers: ['a'] })] })],
  ['a header that is a number', item({ events: [event({ headers: { a: 1 } })] })],
  ...['ce_id', 'CE_x', 'Outbox-replay', 'content-Type', 'TRACEPARENT', 'tracestate'].map((name): [string, Document] => [
    `header ${name}`,
    item({ events: [event({ headers: { [name]: 'x' } })] }),
  ]),
];

test.each(WRONG)('schema and relay refuse %s', (_, document) => {
  expect(bothSay(document)).toEqual(REFUSED);
});

test.each(['expiresAt', 'processedAt', 'receipts', 'parked'])(
  'a writer may not set %s, although a relay that meets it reads on',
  (name) => {
    expect(bothSay(item({ [name]: 1 }))).toEqual({ schema: false, relay: true });
  },
);

test('what a schema can not say: the id is that of the first event, ids are unique, data is no other map, and bytes', () => {
  expect(bothSay(item({ events: [event(), event()] }))).toEqual({ schema: true, relay: false });
  expect(bothSay(item({ pk: `order#${'ä'.repeat(1022)}` }))).toEqual({ schema: true, relay: false });
  expect(bothSay(item({ id: 'other' }))).toEqual({ schema: true, relay: false });
  expect(bothSay(item({ events: [event({ data: { a: 1 } })] }))).toEqual({ schema: true, relay: false });
  expect(bothSay(item({ events: [event({ data: { gzip: Buffer.from('{}') } })] }))).toEqual({
    schema: true,
    relay: false,
  });
});

test('schema and relay agree on any value of any field', () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string(), { maxLength: 2 }),
  );
  const field = fc.constantFrom('pk', 'sk', 'source', 'region', 'committedAt', 'traceparent', 'tracestate', 'events');
  const eventField = fc.constantFrom('type', 'topic', 'time', 'contentType', 'dataSchema', 'data', 'headers');
  // The SDK cannot marshall a map with a key such as "constructor".
  const headerName = fc.string({ minLength: 1 }).filter((name) => !(name in {}));
  const changed = fc.oneof(
    fc.tuple(field, value).map(([name, each]) => item({ [name]: each })),
    fc.tuple(eventField, value).map(([name, each]) => item({ events: [event(), event({ id: 'b', [name]: each })] })),
    fc.dictionary(headerName, fc.string()).map((headers) => item({ events: [event({ headers })] })),
  );
  fc.assert(
    fc.property(changed, (document) => {
      const { schema, relay } = bothSay(document);
      expect(relay).toBe(schema);
    }),
    { numRuns: 1000 },
  );
});

test('an item that was decoded is encoded as it was', () => {
  const document = item({ events: [event(), event({ id: 'b', topic: 'others', headers: { a: 'b' } })] });
  expect(encodeItem(decodeItem(marshall(document)))).toEqual(document);
});

test.each([
  ['1767323045678', true],
  ['1767323045678.000', true],
  ['1.767323045678E+12', true],
  ['1.7673230456780E12', true],
  ['1767323045678.0000000000001', false],
  ['1.7673230456785E+12', false],
  ['-1', false],
  ['', false],
  ['NaN', false],
  ['0x10', false],
])('a committedAt of %s is taken only when it is exact', (N, accepted) => {
  const decode = () => decodeItem({ ...marshall(item()), committedAt: { N } });
  if (accepted) expect(decode().committedAt).toBe(1_767_323_045_678);
  else expect(decode).toThrow(OutboxError);
});
