import { NumberValue } from '@aws-sdk/lib-dynamodb';
import { itemBytes } from '../../../lib/dynamodb/item-size';

/** Rules: Amazon DynamoDB developer guide, "DynamoDB item sizes and formats". */
test.each([
  ['an empty item', {}, 0],
  ['a string: its UTF-8 bytes', { ab: 'é€' }, 2 + 5],
  ['the name in UTF-8 too', { é: '' }, 2],
  ['a number: a byte per two digits and one', { n: 12345 }, 1 + 4],
  ['zeros at both ends are not significant', { n: 12000 }, 1 + 2],
  ['zero', { n: 0 }, 1 + 1],
  ['a fraction', { n: 0.0125 }, 1 + 3],
  ['an exponent', { n: 1.5e300 }, 1 + 2],
  ['a negative number: one more', { n: -12 }, 1 + 3],
  ['a BigInt', { n: 12345678901234567890n }, 1 + 11],
  ['a wrapped number', { n: NumberValue.from('1234') }, 1 + 3],
  ['booleans and null', { b: true, c: null }, 4],
  ['binary: its raw length', { b: new Uint8Array(7) }, 8],
  ['an ArrayBuffer', { b: new ArrayBuffer(7) }, 8],
  ['an empty list', { l: [] }, 1 + 3],
  ['a list: one byte per element', { l: ['a', 'b'] }, 1 + 3 + 2 + 2],
  ['a map: one byte per element', { m: { ab: 'c' } }, 1 + 3 + 1 + 3],
  ['a map that looks like a wrapped number', { m: { value: '12' } }, 1 + 3 + 1 + 7],
  ['a set', { s: new Set(['ab', 'c']) }, 1 + 3],
  ['undefined: not written', { u: undefined, m: { u: undefined } }, 1 + 3],
])('%s', (_, item, bytes) => {
  expect(itemBytes(item)).toBe(bytes);
});
