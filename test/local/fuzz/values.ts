import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc, { type Arbitrary } from 'fast-check';

const NUMBERS = [
  '0',
  '1',
  '2',
  '-1',
  '2.50',
  '1e2',
  '-0',
  '007',
  '+5',
  '.5',
  '1.5E-3',
  '9'.repeat(38),
  '1e125',
  '1e-130',
];
const NO_NUMBERS = ['', 'abc', ' 5', '5\n', '1e126', '1e-131', '1'.repeat(39), 'NaN', '0x1', '1_0', '0e9999999999'];
const TEXTS = ['a', 'ab', 'b', 'abc', 'äb', '😀', ''];

/** Mostly a number. */
export const anyNumber = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 1, arbitrary: fc.constantFrom(...NO_NUMBERS) },
);
export const anyText = fc.constantFrom(...TEXTS);
const bytes = fc.constantFrom('a', 'ab', '').map((text) => Buffer.from(text));

const scalar: Arbitrary<AttributeValue> = fc.oneof(
  fc.record({ S: anyText }),
  fc.record({ N: anyNumber }),
  fc.record({ B: bytes }),
  fc.record({ BOOL: fc.boolean() }),
  fc.constant({ NULL: true }),
);
const setOf = <T>(member: Arbitrary<T>): Arbitrary<T[]> =>
  fc.oneof(
    { weight: 20, arbitrary: fc.uniqueArray(member, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(member, { maxLength: 3 }) },
  );
/** Invalid values: without a type, with two types, with wrong content. */
const wrong = fc.constantFrom<unknown>(
  {},
  { S: 'a', N: '1' },
  { NULL: false },
  { SS: [] },
  { L: [{}] },
  { M: { '': { S: 'a' } } },
  Array(33)
    .fill(0)
    .reduce((inner: unknown) => ({ L: [inner] }), { N: '1' }),
) as Arbitrary<AttributeValue>;

const deeper = (inner: Arbitrary<AttributeValue>): Arbitrary<AttributeValue> =>
  fc.oneof(
    { weight: 12, arbitrary: inner },
    { weight: 2, arbitrary: fc.record({ L: fc.array(inner, { maxLength: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ M: fc.dictionary(fc.constantFrom('x', 'y', 'a b'), inner, { maxKeys: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ SS: setOf(anyText) }) },
    { weight: 1, arbitrary: fc.record({ NS: setOf(anyNumber) }) },
    { weight: 1, arbitrary: fc.record({ BS: setOf(bytes) }) },
  );
export const aValue: Arbitrary<AttributeValue> = fc.oneof(
  { weight: 30, arbitrary: deeper(deeper(scalar)) },
  { weight: 1, arbitrary: wrong },
);
