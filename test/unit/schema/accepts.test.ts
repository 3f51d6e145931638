import { accepts, listed } from '../../../lib/schema/keywords';
import type { JsonSchema } from '../../../lib/schema/json-schema';

const answer = (schema: JsonSchema, value: unknown) => accepts({ schema, root: schema }, value);

/** Each row: a schema, values that it accepts, and values that it refuses. */
test.each<[JsonSchema, readonly unknown[], readonly unknown[]]>([
  [true, [null, 1], []],
  [false, [], [null, 1]],
  [{}, [null, 1], []],
  [{ title: 'T', 'x-note': 1 }, [null, 1], []],
  [{ type: 'integer' }, [1, 2.0], [1.5, '1', null]],
  [{ type: ['integer', 'number'] }, [1, 1.5], ['1']],
  [{ type: ['integer', 'null'] }, [1, null], [1.5, false]],
  [{ type: 'object' }, [{}], [[], null, 'x']],
  [{ type: 'array' }, [[]], [{}, null]],
  [{ type: 'boolean' }, [false], [0, null]],
  [{ const: { a: 1, b: [2] } }, [{ b: [2], a: 1 }], [{ a: 1 }, { a: 1, b: [3] }, null]],
  [{ enum: ['a', null] }, ['a', null], ['b', undefined]],
  [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2, 'x'], [0, 3]],
  [{ anyOf: [{ type: 'string' }, { minimum: 1 }] }, ['x', 1], [0]],
  [{ oneOf: [{ type: 'string' }, { minimum: 1 }] }, [1], ['x', 0]],
  [{ not: { type: 'string' } }, [1], ['x']],
  [{ minimum: 1 }, [1, 2, 'x'], [0.9]],
  [{ maximum: 1 }, [1, 0, 'x'], [1.1]],
  [{ exclusiveMinimum: 1 }, [1.1, 'x'], [1, 0]],
  [{ exclusiveMaximum: 1 }, [0.9, 'x'], [1, 2]],
  [{ multipleOf: 3 }, [0, 3, -6, 'x'], [1, 4]],
  [{ minLength: 2 }, ['ab', '😀😀', 1], ['a', '😀']],
  [{ maxLength: 1 }, ['a', '😀', '', 1], ['ab']],
  [{ pattern: '^a' }, ['ab', 1], ['ba']],
  [{ minItems: 1 }, [[1], [1, 2], {}], [[]]],
  [{ maxItems: 1 }, [[1], [], {}], [[1, 2]]],
  [{ prefixItems: [{ type: 'string' }, { type: 'number' }] }, [[], ['a'], ['a', 1, null], {}], [[1], ['a', 'b']]],
  [{ items: { type: 'string' } }, [[], ['a', 'b'], {}], [['a', 1]]],
  [{ prefixItems: [{ type: 'number' }], items: { type: 'string' } }, [[1], [1, 'a']], [[1, 2], ['a']]],
  [{ minProperties: 1 }, [{ a: 1 }, []], [{}]],
  [{ maxProperties: 1 }, [{ a: 1 }, {}, [1, 2]], [{ a: 1, b: 2 }]],
  [{ required: ['a'] }, [{ a: undefined }, { a: 1, b: 2 }, 'x'], [{}, { b: 1 }]],
  [{ properties: { a: { type: 'string' } } }, [{}, { a: 'x', b: 1 }, 'x'], [{ a: 1 }]],
  [{ additionalProperties: false }, [{}, []], [{ a: 1 }]],
  [
    { properties: { a: true }, additionalProperties: { type: 'string' } },
    [{ a: 1 }, { a: 1, b: 'x' }],
    [{ b: 1 }, { toString: 1 }],
  ],
  [{ propertyNames: { maxLength: 1 } }, [{}, { a: 1 }, 'x'], [{ ab: 1 }]],
  [{ $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, ['x'], [1]],
  [{ $ref: '#/$defs/a~1b', $defs: { 'a/b': { type: 'string' } } }, ['x'], [1]],
  [{ $ref: '#/$defs/a~0b', $defs: { 'a~b': { type: 'string' } } }, ['x'], [1]],
  [{ $ref: '#/$defs/a%20b', $defs: { 'a b': { type: 'string' } } }, ['x'], [1]],
  [
    { properties: { inner: { $ref: '#' } }, additionalProperties: false },
    [{ inner: { inner: {} } }],
    [{ inner: { a: 1 } }],
  ],
])('%j accepts and refuses exactly its values', (schema, accepted, refused) => {
  for (const value of accepted) expect({ value, is: answer(schema, value) }).toEqual({ value, is: true });
  for (const value of refused) expect({ value, is: answer(schema, value) }).toEqual({ value, is: false });
});

test.each<[JsonSchema, unknown]>([
  [{ unevaluatedItems: false }, 1],
  [{ format: 'email' }, 'x'],
  [{ multipleOf: 0.1 }, 1],
  [{ multipleOf: 2 }, 0.5],
  [{ patternProperties: { a: true }, additionalProperties: false }, { a: 1 }],
  [{ properties: [], additionalProperties: false }, {}],
  [{ type: 'text' }, 'x'],
  [{ type: [] }, 'x'],
  [{ type: ['string', 'text'] }, 'x'],
  [{ enum: 'a' }, 'a'],
  [{ minimum: '1' }, 1],
  [{ pattern: '(' }, 'x'],
  [{ pattern: 1 }, 'x'],
  [{ required: [1] }, {}],
  [{ required: 'a' }, {}],
  [{ anyOf: [1] }, 1],
  [{ properties: { a: 1 } }, {}],
  [{ $ref: '#/$defs/none' }, 1],
  [{ $ref: 'other.json' }, 1],
  [{ $ref: '#a', a: true }, 1],
  [{ $ref: 1 }, 1],
  [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, 1],
  [{ anyOf: [false, { format: 'email' }] }, 'x'],
  [{ oneOf: [true, { format: 'email' }] }, 'x'],
  [{ not: { format: 'email' } }, 'x'],
])('%j gives no answer about %j', (schema, value) => {
  expect(answer(schema, value)).toBeUndefined();
});

test.each<[JsonSchema, unknown, boolean]>([
  [{ allOf: [{ format: 'email' }, false] }, 'x', false],
  [{ anyOf: [{ format: 'email' }, true] }, 'x', true],
  [{ oneOf: [{ format: 'email' }, true, true] }, 'x', false],
])('%j needs no answer of every part: %j is %j', (schema, value, expected) => {
  expect(answer(schema, value)).toBe(expected);
});

const nested = (levels: number) =>
  Array.from({ length: levels }).reduce<JsonSchema>((inner) => ({ allOf: [inner] }), { type: 'string' });
test.each([
  ['64 levels of schemas', nested(64), true],
  ['65 levels of schemas', nested(65), undefined],
  ['500 schemas', { allOf: Array.from({ length: 499 }, () => ({})) }, true],
  ['501 schemas', { allOf: Array.from({ length: 500 }, () => ({})) }, undefined],
])('%s: %j', (_, schema, expected) => {
  expect(answer(schema, 'x')).toBe(expected);
});

test('a list of values is cut after 120 characters', () => {
  const text = (length: number) => 'a'.repeat(length - '""'.length);
  expect(listed([1, 'a'])).toBe('1, "a"');
  expect(listed([text(120)])).toBe(`"${text(120)}"`);
  expect(listed([text(121)])).toBe(`"${text(121)}…`);
});
