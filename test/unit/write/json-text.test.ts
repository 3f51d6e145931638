import fc from '../../builders/fast-check';
import { jsonText } from '../../../lib/write/json-text';

const pathOf = (value: unknown) => {
  const result = jsonText(value);
  return 'issues' in result ? result.issues.map(({ path }) => path) : result.text;
};

test('every JSON value is written as JSON writes it', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(jsonText(value)).toEqual({ text: JSON.stringify(value) })));
});

test('an undefined property is left out, as an optional field is', () => {
  expect(jsonText({ a: undefined, b: 1 })).toEqual({ text: '{"b":1}' });
});

test('a Date and whatever else has toJSON is written by it', () => {
  expect(jsonText({ at: new Date(0), money: { toJSON: () => '1.00' } })).toEqual({
    text: '{"at":"1970-01-01T00:00:00.000Z","money":"1.00"}',
  });
});

test('one object in two places is no cycle', () => {
  const address = { street: 'A' };
  expect(jsonText({ from: address, to: address, all: [address, address] })).toEqual({
    text: JSON.stringify({ from: address, to: address, all: [address, address] }),
  });
});

test('a cycle is refused where it closes', () => {
  const order: { lines: { order?: unknown }[] } = { lines: [{}] };
  order.lines[0]!.order = order;
  expect(pathOf(order)).toEqual(['lines[0].order']);
});

test.each([
  ['NaN', Number.NaN],
  ['Infinity', -Infinity],
  ['a BigInt', 1n],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a Map', new Map([[1, 2]])],
  ['a Set', new Set([1])],
  ['bytes', Buffer.from('x')],
  ['an ArrayBuffer', new ArrayBuffer(1)],
  ['an invalid Date', new Date(Number.NaN)],
  ['an Error', new Error('e')],
  ['a RegExp', /x/],
])('%s is refused, wherever it stands', (_, value) => {
  expect(pathOf(value)).toEqual(['']);
  expect(pathOf({ a: { b: value } })).toEqual(['a.b']);
  expect(pathOf([0, [value]])).toEqual(['[1][0]']);
});

test('an undefined element is refused, because JSON would write null', () => {
  expect(pathOf({ list: [1, undefined] })).toEqual(['list[1]']);
  expect(pathOf(undefined)).toEqual(['']);
});

test('every problem is named, not the first alone', () => {
  expect(pathOf({ a: 1n, b: [Number.NaN], c: 1 })).toEqual(['a', 'b[0]']);
});

test('a getter that throws once is refused without a path', () => {
  let isFirst = true;
  const order = {
    get total() {
      if (!isFirst) return 5;
      isFirst = false;
      throw new Error('not yet');
    },
  };
  expect(pathOf({ order })).toEqual(['']);
});

const throwing = (): never => {
  throw new Error('no');
};

test.each<[string, unknown, string]>([
  ['the value itself', { toJSON: throwing }, ''],
  ['a getter', Object.defineProperty({ a: 1 }, 'b', { enumerable: true, get: throwing }), 'b'],
  ['an element behind others', [1, null, 'x', { a: { toJSON: throwing } }], '[3].a'],
  ['a property behind a text and null', { text: 'x', none: null, last: { toJSON: throwing } }, 'last'],
  ['the first of two', { a: { toJSON: throwing }, b: { toJSON: throwing } }, 'a'],
  ['a part of what toJSON gives', { money: { toJSON: () => ({ cents: { toJSON: throwing } }) } }, 'money.cents'],
])('a part that throws when it is read is named: %s', (_, value, path) => {
  expect(pathOf(value)).toEqual([path]);
});

test('a part that throws is found behind an object that stands in two places', () => {
  const shared = { a: 1 };
  expect(pathOf({ first: shared, second: shared, third: { toJSON: throwing } })).toEqual(['third']);
});

test('toJSON gets the key, as JSON.stringify gives it', () => {
  const keys: string[] = [];
  const seen = { toJSON: (key: string) => void keys.push(key) };
  pathOf({ one: seen, list: [seen], last: { toJSON: throwing } });
  expect(keys.slice(0, 2)).toEqual(['one', '0']);
  expect(keys).toEqual(['one', '0', 'one', '0']);
});

test('a property named toJSON that is no function is data', () => {
  expect(pathOf({ a: { toJSON: 1 } })).toBe('{"a":{"toJSON":1}}');
  expect(pathOf({ a: { toJSON: 1 }, b: { toJSON: throwing } })).toEqual(['b']);
});

test('an object of a number is written or refused as the number', () => {
  expect(pathOf({ a: Object(5), b: Object('x'), c: Object(true) })).toBe('{"a":5,"b":"x","c":true}');
  expect(pathOf([Object(Number.NaN)])).toEqual(['[0]']);
  expect(pathOf([Object(1n)])).toEqual(['[0]']);
});

test('an instance of a class is written by its own properties, also one that is not plain', () => {
  class Order {
    readonly id = '42';
  }
  class Note {
    readonly text = undefined;
  }
  expect(pathOf([new Order(), new Note()])).toBe('[{"id":"42"},{}]');
});

test('a null that is no Date is written', () => {
  expect(pathOf({ a: { toJSON: () => null }, b: null })).toBe('{"a":null,"b":null}');
});
