import * as v from 'valibot';
import { z } from 'zod';
import fc from '../../builders/fast-check';
import { createOutbox, defineEvents, readEvent, type StandardSchemaV1 } from '../../../lib';
import { decodeItem } from '../../../lib/event/item';
import { messagesOf } from '../../../lib/event/message';
import { marshall } from '@aws-sdk/util-dynamodb';
import { refusal, untyped } from './order-outbox';

/** Writes an event and reads its message, as a consumer with the same catalogue does. */
async function throughTheTopic(schema: StandardSchemaV1, data: unknown, contentType?: string) {
  const events = defineEvents({ 'order.placed': { schema, topic: 'orders', contentType } });
  const outbox = createOutbox({ tableName: 'shop-outbox', service: 'shop', region: 'eu-central-1', events });
  const [entry] = await outbox.items({ aggregate: 'order', key: '42' }, [untyped({ type: 'order.placed', data })]);
  const [message] = messagesOf(decodeItem(marshall(entry!.Put.Item)));
  return readEvent(events, message!);
}

class Money {
  readonly cents: number;
  constructor(cents: number) {
    this.cents = cents;
  }
  toJSON(): string {
    return (this.cents / 100).toFixed(2);
  }
}
const money = z.union([z.instanceof(Money), z.string().transform((text) => new Money(Math.round(Number(text) * 100)))]);

test.each<[string, StandardSchemaV1, unknown, unknown]>([
  ['a date by z.coerce.date()', z.object({ at: z.coerce.date() }), { at: new Date(0) }, { at: new Date(0) }],
  [
    'a date as text',
    z.object({ at: z.iso.datetime() }),
    { at: '2026-01-01T00:00:00Z' },
    { at: '2026-01-01T00:00:00Z' },
  ],
  ['a default', z.object({ note: z.string().default('none') }), {}, { note: 'none' }],
  ['what is trimmed', z.object({ name: z.string().trim() }), { name: ' a ' }, { name: 'a' }],
  ['what a strict schema takes', z.strictObject({ a: z.number() }), { a: 1 }, { a: 1 }],
  ['an undefined property', z.object({ a: z.string().optional() }), { a: undefined }, {}],
  ['negative zero', z.number(), -0, 0],
  ['an object without a prototype', z.looseObject({}), Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['a class that takes its own JSON', z.object({ total: money }), { total: new Money(150) }, { total: new Money(150) }],
  [
    'a date of valibot',
    v.pipe(
      v.union([v.date(), v.string()]),
      v.transform((at) => new Date(at)),
    ),
    new Date(0),
    new Date(0),
  ],
  ['nothing at all', z.undefined(), undefined, undefined],
  [
    '1000 levels',
    z.any(),
    JSON.parse('['.repeat(1000) + ']'.repeat(1000)),
    JSON.parse('['.repeat(1000) + ']'.repeat(1000)),
  ],
])('a consumer reads %s', async (_, schema, data, expected) => {
  expect(await throughTheTopic(schema, data)).toMatchObject({ kind: 'event', data: expected });
});

const refused = (schema: StandardSchemaV1, data: unknown, contentType?: string) =>
  refusal('invalid-event-data', () => throughTheTopic(schema, data, contentType));

test('z.date() is refused with event, path, both values and the fix', async () => {
  const error = await refused(z.object({ lines: z.array(z.object({ at: z.date() })) }), {
    lines: [{ at: new Date(0) }],
  });
  expect(error.details).toMatchObject({ type: 'order.placed', issues: [{ path: 'lines[0].at' }] });
  expect(error.message).toContain('The data of event "order.placed" is not valid. data.lines[0].at: ');
  expect(error.message).toContain(
    'gave the Date 1970-01-01T00:00:00.000Z, which is written as "1970-01-01T00:00:00.000Z"',
  );
  expect(error.message).toContain('z.iso.datetime()');
  expect(error.message).toContain('z.coerce.date()');
  expect(error.retryable).toBe(false);
});

test.each<[string, StandardSchemaV1, unknown, string]>([
  ['another type', z.object({ s: z.string().transform((text) => text.length) }), { s: 'abc' }, 's'],
  ['another name', z.object({ a: z.number() }).transform(({ a }) => ({ b: a })), { a: 1 }, 'a'],
  ['a class', z.object({ m: z.instanceof(Money) }), { m: new Money(1) }, 'm'],
  [
    'what no longer has toJSON',
    z.object({ at: z.any().transform((at: Date) => at.toISOString()) }),
    { at: new Date(0) },
    '',
  ],
  ['nothing', z.string().transform(() => undefined), 'a', ''],
  ['a date of valibot', v.object({ at: v.date() }), { at: new Date(0) }, 'at'],
  [
    'a property that must be there',
    z.object({ a: z.custom((value) => value !== undefined) }).transform(() => ({})),
    { a: 1 },
    'a',
  ],
])('a schema that does not take %s from itself is refused at the write', async (_, schema, data, path) => {
  const error = await refused(schema, data);
  expect(error.details.issues.map((issue) => issue.path)).toEqual([path]);
});

test.each<[string, StandardSchemaV1, unknown, string]>([
  ['a number', z.object({ cents: z.number().transform((n) => n * 100) }), { cents: 2 }, 'cents'],
  ['a text', z.string().transform((text) => `${text}!`), 'a', ''],
  ['a list', z.object({ l: z.array(z.number()).transform((l) => [...l, l.length]) }), { l: [1] }, 'l[2]'],
])('a transformation that consumers would apply again to %s is refused at the write', async (_, schema, data, path) => {
  const error = await refused(schema, data);
  expect(error.details.issues).toMatchObject([
    { path, message: expect.stringContaining('when it is read') as unknown },
  ]);
});

test.each<[string, StandardSchemaV1, unknown, string]>([
  ['text that is read as bytes', z.string(), 'a', 'application/octet-stream'],
  ['bytes that are read as text', z.instanceof(Uint8Array), new Uint8Array([65]), 'text/plain'],
  ['bytes that are no UTF-8, read as text', z.any(), new Uint8Array([255]), 'text/plain; charset=latin1'],
])('%s is refused at the write', async (_, schema, data, contentType) => {
  await refused(schema, data, contentType);
});

test.each<[string, StandardSchemaV1, unknown, string]>([
  ['text', z.string(), 'a', 'text/plain'],
  ['bytes', z.instanceof(Uint8Array), new Uint8Array([0, 255]), 'image/png'],
  ['a buffer', z.instanceof(Buffer), Buffer.from([0, 255]), 'image/png'],
  ['bytes that are UTF-8, read as text', z.any(), new Uint8Array([65]), 'text/plain'],
])('%s is read', async (_, schema, data, contentType) => {
  expect(await throughTheTopic(schema, data, contentType)).toMatchObject({ kind: 'event' });
});

test.each([1001, 3000, 100_000])('%i levels are refused, and end no stack', async (depth) => {
  const deep = JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
  const error = await refused(z.any(), deep);
  expect(error.details.issues).toMatchObject([{ message: expect.stringContaining('1000 levels') as unknown }]);
  expect(error.message.length).toBeLessThan(500);
});

test('data that is too deep for its own schema is refused as such', async () => {
  const depth = 100_000;
  const error = await refused(z.json(), JSON.parse('['.repeat(depth) + ']'.repeat(depth)));
  expect(error.cause).toBeInstanceOf(RangeError);
});

test('the schema is asked once where JSON changes nothing, and twice where it does', async () => {
  const calls: unknown[] = [];
  const counting: StandardSchemaV1 = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        calls.push(value);
        return { value };
      },
    },
  };
  const asked = async (data: unknown) => {
    calls.length = 0;
    await throughTheTopic(counting, data);
    // One call is the consumer's.
    return calls.length - 1;
  };
  expect(await asked({ a: [1, 'b', null, true, { c: 0.5 }] })).toBe(1);
  expect(await asked({ a: undefined })).toBe(2);
  expect(await asked({ at: new Date(0) })).toBe(2);
});

test.each<[string, StandardSchemaV1, string]>([
  ['multiplies', z.any().transform((order: { n: number }) => Object.assign(order, { n: order.n * 100 })), '20000'],
  [
    'counts',
    z.preprocess((order) => Object.assign(order as object, { n: 1 + (order as { n: number }).n }), z.any()),
    '4',
  ],
])('a schema that changes its input in place is tried again: it %s', async (_, schema, again) => {
  const error = await refusal('invalid-event-data', () => throughTheTopic(schema, { n: 2 }));
  expect(error.message).toContain(again);
});

test('whatever the write takes, the consumer reads, and to the same JSON', async () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue(),
      fc.date(),
      fc.constantFrom<unknown>(
        -0,
        undefined,
        1n,
        Number.NaN,
        new Map(),
        new Money(5),
        Object.create(null),
        '2026-01-01',
      ),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  const leaf = z.union([z.date(), z.coerce.date(), money, z.string().trim(), z.number(), z.any()]);
  const schemas = [
    z.any(),
    leaf,
    z.array(leaf),
    z.record(z.string(), leaf),
    z.looseObject({ a: z.date().optional(), b: z.coerce.date().optional() }),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...schemas), value, async (schema, data) => {
      try {
        const read = await throughTheTopic(schema, data);
        expect(read.kind).toBe('event');
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid-event-data' });
      }
    }),
    { numRuns: 500 },
  );
});
