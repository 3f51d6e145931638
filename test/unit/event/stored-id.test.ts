import { attributeOfId, namedIdOf } from '../../../lib/event/stored-id';
import { decodeSignal, encodeSignal, newSignal } from '../../../lib/event/signal';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { AttributeValue, Image } from '../../../lib/event/item';

const bytes = Uint8Array.from([0, 1, 255]);

it.each<[string, AttributeValue | { NULL: boolean } | { BOOL: boolean } | { BS: Uint8Array[] }]>([
  ['a text', { S: 'a' }],
  ['an empty text', { S: '' }],
  ['a number of more digits than JavaScript has', { N: '72134827349871234567890' }],
  ['NULL', { NULL: true }],
  ['a boolean', { BOOL: false }],
  ['a binary', { B: bytes }],
  ['a set of binaries', { BS: [bytes] }],
  ['a map', { M: { a: { L: [{ N: '1' }, { S: 'x' }] } } }],
])('is named so that it is found again: %s', (_, id) => {
  const named = namedIdOf({ id } as Image);
  const request = { by: 'someone', at: 1, why: 'a test' };
  const signal = newSignal('order#42', 1, { kind: 'skip' as const, position: '1', ...named, request });

  const travelled = decodeSignal(marshall(encodeSignal(signal), { removeUndefinedValues: true }));

  expect(travelled).toMatchObject({ kind: 'skip', ...named });
  expect(attributeOfId(travelled as typeof signal)).toEqual(id);
});

it('is nothing for an item that has none', () => {
  expect(namedIdOf({})).toEqual({});
  expect(attributeOfId({})).toBeUndefined();
});

it.each(['x', '[]', '{}', '1', 'null'])('is refused on a signal when it is no attribute: %s', (storedId) => {
  const request = { by: 'someone', at: 1, why: 'a test' };
  const signal = newSignal('order#42', 1, { kind: 'skip' as const, position: '1', storedId, request });

  expect(() => decodeSignal(marshall(encodeSignal(signal)) as Image)).toThrow('storedId');
});
