import { runInNewContext } from 'node:vm';
import { jsonText } from '../../../lib/write/json-text';
import { order42, orderOutbox, placed, refusal, untyped } from './order-outbox';

const outbox = orderOutbox();

test.each<[string, unknown]>([
  ['a boxed NaN', Object(Number.NaN)],
  ['a boxed BigInt', Object(1n)],
  ['a boxed symbol', Object(Symbol('s'))],
  ['a Blob', new Blob(['x'])],
  ['Headers', new Headers({ a: 'b' })],
  ['URLSearchParams', new URLSearchParams('a=1')],
  ['FormData', new FormData()],
  ['an iterator', [1].values()],
  ['the entries of a Map', new Map([[1, 2]]).entries()],
  [
    'a generator',
    (function* () {
      yield 1;
    })(),
  ],
  ['a WeakRef', new WeakRef({})],
  ['a WeakMap', new WeakMap()],
  ['a Promise', Promise.resolve(1)],
  ['a SharedArrayBuffer', new SharedArrayBuffer(4)],
  ['a DataView', new DataView(new ArrayBuffer(2))],
  ['a typed array', new Float64Array(2)],
  ['a Map of another realm', runInNewContext('new Map([[1, 2]])')],
  ['a Set of another realm', runInNewContext('new Set([1])')],
  ['an Error of another realm', runInNewContext('Object.assign(new Error("x"), { code: 1 })')],
  ['an invalid Date of another realm', runInNewContext('new Date(NaN)')],
  ['a Map with a property', Object.assign(new Map(), { a: 1 })],
])('%s is refused with its path', async (_, value) => {
  const error = await refusal('invalid-event-data', () =>
    outbox.items(order42, [{ type: 'order.anything', data: { a: [{ b: value }] } }]),
  );
  expect(error.details.issues).toEqual([{ path: 'a[0].b', message: expect.any(String) }]);
});

class Money {
  readonly cents = 5;
}
class Cancelled {
  readonly describe = undefined;
}
class Tagged {
  readonly [Symbol.toStringTag] = 'Tagged';
  readonly a = 1;
}

test.each<[string, unknown, string]>([
  ['an instance of a class', new Money(), '{"cents":5}'],
  ['an instance without properties', new Cancelled(), '{}'],
  ['an instance with a tag of its own', new Tagged(), '{"a":1}'],
  ['an object of another realm', runInNewContext('({ a: [1, {}] })'), '{"a":[1,{}]}'],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  ['a boxed number', Object(5), '5'],
  ['a boxed text', Object('x'), '"x"'],
  ['a boxed boolean', Object(false), 'false'],
  ['a URL', new URL('https://example.com/'), '"https://example.com/"'],
  ['a Date of another realm', runInNewContext('new Date(0)'), '"1970-01-01T00:00:00.000Z"'],
])('%s is written as JSON writes it', (_, value, text) => {
  expect(jsonText(value)).toEqual({ text });
});

test.each([
  ['a Map', new Map([['a', 'b']])],
  ['Headers', new Headers({ a: 'b' })],
  ['URLSearchParams', new URLSearchParams('a=b')],
  ['an array', [['a', 'b']]],
  ['inherited names', Object.create({ a: 'b' })],
  ['a symbol as name', { [Symbol('a')]: 'b' }],
])('headers as %s are refused instead of dropped', async (_, headers) => {
  const error = await refusal('invalid-event', () => outbox.items(order42, [{ ...placed, headers: untyped(headers) }]));
  expect(error.details).toMatchObject({ index: 0, field: 'headers', got: headers });
  expect(error.message).toContain('Object.fromEntries()');
});

test('headers of another realm and without a prototype are kept', async () => {
  for (const headers of [runInNewContext('({ a: "b" })'), Object.assign(Object.create(null), { a: 'b' })]) {
    const [entry] = await outbox.items(order42, [{ ...placed, headers: untyped(headers) }]);
    expect(entry?.Put.Item['events']).toMatchObject([{ headers: { a: 'b' } }]);
  }
});

test('options in a Map are refused instead of ignored', async () => {
  const error = await refusal('invalid-option', () =>
    outbox.items(order42, [placed], untyped(new Map([['requestId', 'r']]))),
  );
  expect(error.details.option).toBe('options');
});
