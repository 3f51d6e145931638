import { marshall } from '@aws-sdk/util-dynamodb';
import fc from '../../builders/fast-check';
import { z } from 'zod';
import { createOutbox, defineEvents, readEvent, type EventCatalogue, type StandardSchemaV1 } from '../../../lib';
import { decodeItem } from '../../../lib/event/item';
import { messagesOf } from '../../../lib/event/message';

interface PlacedV1 {
  readonly total: number;
}
interface PlacedV2 {
  readonly total: { readonly amount: number };
}

const newest = z.object({
  total: z.object({ amount: z.number(), currency: z.string() }),
  note: z.string().default(''),
});
const upcasters = {
  1: ({ total }: PlacedV1): PlacedV2 => ({ total: { amount: total } }),
  2: ({ total }: PlacedV2) => ({ total: { ...total, currency: 'EUR' } }),
};
const events = defineEvents({
  'order.placed': { schema: newest, topic: 'orders', version: 3, upcasters },
  'order.noted': { schema: z.string(), topic: 'notes', contentType: 'text/plain' },
  'order.drawn': { schema: z.instanceof(Uint8Array), topic: 'drawings', contentType: 'image/png' },
  'order.forgotten': { schema: z.undefined(), topic: 'orders', version: 2, upcasters: { 1: () => 'never called' } },
});

const message = (type: string | undefined, value: unknown, contentType?: string) => ({
  value: value === null || value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value)),
  headers: { ce_type: type, 'content-type': contentType },
});
const lifted = { total: { amount: 5, currency: 'EUR' }, note: '' };

test.each([
  [1, 'order.placed', { total: 5 }],
  [2, 'order.placed.v2', { total: { amount: 5 } }],
  [3, 'order.placed.v3', { total: { amount: 5, currency: 'EUR' } }],
])('data of version %p becomes data of the newest', async (writtenVersion, type, data) => {
  expect(await readEvent(events, message(type, data))).toEqual({
    kind: 'event',
    type: 'order.placed',
    writtenVersion,
    data: lifted,
  });
});

test('the type decides what data is', async () => {
  const event = await readEvent(events, message('order.placed', { total: 5 }));
  if (event.kind !== 'event' || event.type !== 'order.placed') throw new Error('not read');
  event.data.total.amount satisfies number;
  // @ts-expect-error data of the first version has no place in the newest
  expect(event.data.total.toFixed).toBeUndefined();
});

test('what a writer writes is the newest version, and a reader reads it', async () => {
  const outbox = createOutbox({ tableName: 'shop', service: 'shop', region: 'eu-west-1', events });
  const [entry] = await outbox.items({ aggregate: 'order', key: '42' }, [
    { type: 'order.placed', data: { total: { amount: 5, currency: 'EUR' } } },
    { type: 'order.noted', data: 'text: é' },
    { type: 'order.drawn', data: new Uint8Array([0, 255]) },
    { type: 'order.forgotten' },
  ]);
  const messages = messagesOf(decodeItem(marshall(entry!.Put.Item)));

  expect(messages.map(({ headers }) => headers['ce_type'])).toEqual([
    'order.placed.v3',
    'order.noted',
    'order.drawn',
    'order.forgotten.v2',
  ]);
  const read = await Promise.all(messages.map((each) => readEvent(events, each)));
  expect(read).toMatchObject([
    { type: 'order.placed', writtenVersion: 3, data: lifted },
    { type: 'order.noted', data: 'text: é' },
    { type: 'order.drawn', data: Buffer.from([0, 255]) },
    { type: 'order.forgotten', data: undefined },
  ]);
});

test('a tombstone of an earlier version is not lifted', async () => {
  expect(await readEvent(events, message('order.forgotten', null))).toMatchObject({ kind: 'event', data: undefined });
});

test('a type that is called like a version is its own first version', async () => {
  const own = defineEvents({
    'order.placed': { schema: z.number(), topic: 'orders' },
    'order.placed.v2': { schema: z.string(), topic: 'orders' },
  });
  expect(await readEvent(own, message('order.placed.v2', 'x'))).toMatchObject({
    type: 'order.placed.v2',
    writtenVersion: 1,
  });
});

const forgetful = defineEvents({
  'order.placed': { schema: newest, topic: 'orders', version: 3, upcasters: { 2: upcasters[2] } },
});
const throwing = (schema: StandardSchemaV1) => defineEvents({ 'order.placed': { schema, topic: 'orders' } });

test.each<[string, EventCatalogue, ReturnType<typeof message>, object]>([
  ['without a type', events, message(undefined, {}), { reason: 'no-type' }],
  ['of a type that is unknown', events, message('order.paid', {}), { reason: 'unknown-type', type: 'order.paid' }],
  ['of a version of an unknown type', events, message('order.paid.v2', {}), { reason: 'unknown-type' }],
  ['of a type of the prototype', events, message('constructor', {}), { reason: 'unknown-type' }],
  ['of a version that nobody writes', events, message('order.placed.v1', {}), { reason: 'unknown-type' }],
  ['of a version with zeros', events, message('order.placed.v02', {}), { reason: 'unknown-type' }],
  [
    'of a newer version',
    events,
    message('order.placed.v4', {}),
    { reason: 'newer-version', type: 'order.placed', writtenVersion: 4 },
  ],
  [
    'whose upcaster is gone',
    forgetful,
    message('order.placed', { total: 5 }),
    { reason: 'no-upcaster', writtenVersion: 1 },
  ],
  ['that is no JSON', events, message('order.placed', Buffer.from('{"total":')), { reason: 'undecodable-data' }],
  ['that is empty', events, message('order.placed', Buffer.alloc(0)), { reason: 'undecodable-data' }],
  [
    'that is no UTF-8',
    events,
    message('order.placed', Buffer.from([0x22, 0xff, 0x22])),
    { reason: 'undecodable-data' },
  ],
  [
    'that is no text',
    events,
    message('order.noted', Buffer.from([0xff]), 'text/plain'),
    { reason: 'undecodable-data' },
  ],
  ['without a value where one is needed', events, message('order.placed', null), { reason: 'invalid-data' }],
  [
    'on which an upcaster throws',
    events,
    message('order.placed', Buffer.from('null')),
    { reason: 'upcaster-failed', cause: expect.any(TypeError) },
  ],
  [
    'that is invalid after the upcasters',
    events,
    message('order.placed', { total: 'five' }),
    { reason: 'invalid-data', issues: [{ path: 'total.amount', message: expect.any(String) }] },
  ],
  [
    'on which the schema throws',
    throwing({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('broken');
        },
      },
    }),
    message('order.placed', {}),
    { reason: 'invalid-data', cause: expect.objectContaining({ message: 'broken' }) },
  ],
  [
    'on which the schema rejects',
    throwing({ '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('broken')) } }),
    message('order.placed', {}),
    { reason: 'invalid-data' },
  ],
])('a message %s is answered, not thrown', async (_, catalogue, given, expected) => {
  expect(await readEvent(catalogue, given)).toMatchObject({ kind: 'unreadable', ...expected });
});

test('the answer for a newer version says what to do', async () => {
  expect(await readEvent(events, message('order.placed.v4', {}))).toMatchObject({
    message:
      'It is version 4 of "order.placed"; this catalogue knows 3. Deploy the newer catalogue here, then read it again.',
  });
});

test('whatever bytes and headers come, the answer is one', async () => {
  const types = fc.constantFrom(
    'order.placed',
    'order.placed.v2',
    'order.placed.v3',
    'order.noted',
    'order.drawn',
    'x',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(types, fc.string()),
      fc.oneof(
        fc.constant(null),
        fc.uint8Array(),
        fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
      ),
      fc.option(fc.oneof(fc.constantFrom('application/json', 'text/plain'), fc.string()), { nil: undefined }),
      async (type, value, contentType) => {
        const answer = await readEvent(events, { value, headers: { ce_type: type, 'content-type': contentType } });
        expect(['event', 'unreadable']).toContain(answer.kind);
      },
    ),
  );
});
