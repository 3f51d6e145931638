import type { JsonSchema } from '../../../lib/schema/json-schema';
import { alternatives, ValueSet } from '../../../lib/schema/value-set';

type Keywords = Readonly<Record<string, unknown>>;

/** The values that are valid under each of the schemas. None of them has a reference or a combination. */
const setOf = (...schemas: readonly Keywords[]) => new ValueSet(schemas.map((schema) => ({ schema, root: schema })));
const located = (schema: JsonSchema) => ({ schema, root: schema });
const schemasOf = (sets: readonly { readonly schema: JsonSchema }[]) => sets.map(({ schema }) => schema);
/** The schemas of each alternative. */
const split = (schema: JsonSchema) => alternatives([located(schema)]).map(({ conjuncts }) => schemasOf(conjuncts));
const range = <T>(length: number, of: (index: number) => T): T[] => Array.from({ length }, (_, index) => of(index));

const text = { type: 'string' };
const int = { type: 'integer' };
const num = { type: 'number' };

describe('alternatives', () => {
  test.each<[string, JsonSchema, readonly (readonly JsonSchema[])[]]>([
    ['true has one without a demand', true, [[]]],
    ['false has none', false, []],
    [
      'each combination of two choices is one',
      { anyOf: [text, int], oneOf: [num] },
      [
        [text, num],
        [int, num],
      ],
    ],
    ['a choice that is no schema demands nothing', { anyOf: [text, 1] }, [[text], []]],
    ['a reference without a target demands nothing', { $ref: '#/$defs/none', maximum: 1 }, [[{ maximum: 1 }]]],
    ['a reference back to a schema in progress demands nothing', { anyOf: [text, { $ref: '#' }] }, [[text], []]],
    ['annotations demand nothing', { title: 'T', $defs: {} }, [[]]],
  ])('%s', (_, schema, expected) => {
    expect(split(schema)).toEqual(expected);
  });

  test('there are at most 64; a choice that would exceed them is left out', () => {
    const choice = (name: string) => ({ anyOf: [{ required: [name] }, { required: [`${name}${name}`] }] });
    const choices = (amount: number) => ({ allOf: range(amount, (index) => choice(`a${index}`)) });
    expect(split(choices(6))).toHaveLength(64);
    const seven = split(choices(7));
    expect(seven).toHaveLength(64);
    expect(seven[0]).toHaveLength(6);
  });

  test('a schema is taken apart in 500 steps; further parts are left out', () => {
    const [conjuncts] = split({ allOf: range(600, (minimum) => ({ minimum })) });
    expect(conjuncts).toHaveLength(499);
  });
});

describe('a set of few values', () => {
  test.each<[string, readonly Keywords[], readonly unknown[] | undefined]>([
    ['lists the constant', [{ const: 1 }], [1]],
    ['lists the enum', [{ enum: ['a', 1] }], ['a', 1]],
    ['leaves out values that another schema refuses', [{ enum: ['a', 1] }, text], ['a']],
    ['leaves out constants that are not in the enum', [{ enum: ['a', 1] }, { const: 2 }], []],
    ['lists null and both booleans', [{ type: ['null', 'boolean'] }], [null, false, true]],
    ['lists both booleans', [{ type: 'boolean' }], [false, true]],
    ['lists null', [{ type: 'null' }], [null]],
    ['lists nothing if no type remains', [text, int], []],
    ['lists nothing if there are many values', [{ type: ['null', 'string'] }], undefined],
    ['ignores an enum that is no list', [{ enum: 'a' }], undefined],
  ])('%s', (_, schemas, expected) => {
    expect(setOf(...schemas).values).toEqual(expected);
  });
});

test.each<[string, boolean, readonly Keywords[]]>([
  ['types that exclude each other', true, [text, int]],
  ['an enum without a value of the type', true, [{ enum: ['a'] }, int]],
  ['a lower limit above the upper one', true, [{ ...int, minimum: 5, maximum: 4 }]],
  ['a lower limit that equals the upper one', false, [{ ...int, minimum: 5, maximum: 5 }]],
  ['limits of numbers where texts are allowed, too', false, [{ type: ['number', 'string'], minimum: 5, maximum: 4 }]],
  [
    'a required property that cannot have a value',
    true,
    [{ type: 'object', required: ['a'], properties: { a: false } }],
  ],
  [
    'a required property whose limits exclude each other',
    true,
    [{ type: 'object', required: ['a'], properties: { a: { ...int, minimum: 5, maximum: 4 } } }],
  ],
  ['an optional property that cannot have a value', false, [{ type: 'object', properties: { a: false } }]],
  ['null', false, [{ type: 'null' }]],
  ['a type that does not exist', false, [{ type: 'text' }]],
])('%s: empty is %j', (_, expected, schemas) => {
  expect(setOf(...schemas).isEmpty()).toBe(expected);
});

test('a set whose proof takes too many steps does not count as empty', () => {
  const names = range(600, (index) => `p${index}`);
  const properties = Object.fromEntries(names.map((name) => [name, text]));
  expect(setOf({ type: 'object', properties, required: names }).isEmpty()).toBe(false);
});

describe('limits', () => {
  test.each<[string, readonly Keywords[], 1 | -1, number, boolean]>([
    ['the highest minimum counts, first', [{ minimum: 2 }, { minimum: 1 }], 1, 2, false],
    ['the highest minimum counts, last', [{ minimum: 1 }, { minimum: 2 }], 1, 2, false],
    ['the lowest maximum counts', [{ maximum: 1 }, { maximum: 2 }], -1, 1, false],
    ['an exclusive limit is stricter than an equal one', [{ minimum: 1, exclusiveMinimum: 1 }], 1, 1, true],
    ['an exclusive limit is stricter than an equal one above', [{ maximum: 1, exclusiveMaximum: 1 }], -1, 1, true],
    ['an exclusive limit below is weaker', [{ minimum: 2, exclusiveMinimum: 1 }], 1, 2, false],
    ['an exclusive limit above is stricter', [{ maximum: 3, exclusiveMaximum: 2 }], -1, 2, true],
    ['a number has no lower limit by itself', [num], 1, -Infinity, false],
    ['a limit that is no number does not count', [{ minimum: '1' }], 1, -Infinity, false],
    ['fractions are not rounded', [{ ...num, minimum: 0.5 }], 1, 0.5, false],
    ['a set without a type has fractions', [{ minimum: 0.5 }], 1, 0.5, false],
    ['integers are above a fraction', [{ ...int, minimum: 0.5 }], 1, 1, false],
    ['integers are below a fraction', [{ ...int, maximum: 0.5 }], -1, 0, false],
    ['an exclusive fraction excludes no integer', [{ ...int, exclusiveMinimum: 0.5 }], 1, 1, false],
    ['an exclusive integer excludes itself', [{ ...int, exclusiveMinimum: 1 }], 1, 2, false],
    ['an exclusive integer excludes itself above', [{ ...int, exclusiveMaximum: 1 }], -1, 0, false],
    ['one of several types has integers only', [num, int, { minimum: 0.5 }], 1, 1, false],
    ['multiples of an integer are integers', [{ multipleOf: 2, minimum: 0.5 }], 1, 1, false],
  ])('%s', (_, schemas, sign, value, isExclusive) => {
    expect(setOf(...schemas).limit('number', sign)).toEqual({ value, isExclusive });
  });

  const required = ['a', 'b'];
  const twoNamed = { properties: { a: text, b: false, c: text }, additionalProperties: false };
  test.each<[string, Keywords, 'string' | 'array' | 'object' | 'number', 1 | -1, number]>([
    ['required properties are present', { required }, 'object', 1, 2],
    ['required properties are no characters', { required }, 'string', 1, 0],
    ['required properties are no elements', { required }, 'array', 1, 0],
    ['a closed object has at most the properties that may have a value', twoNamed, 'object', -1, 2],
    ['a closed object limits no list', twoNamed, 'array', -1, Infinity],
    ['a closed object limits no number', twoNamed, 'number', -1, Infinity],
    ['an open object has no upper limit', { properties: { a: text } }, 'object', -1, Infinity],
    ['a closed tuple has at most its elements', { prefixItems: [text], items: false }, 'array', -1, 1],
    ['a closed tuple limits no text', { prefixItems: [text], items: false }, 'string', -1, Infinity],
    ['an open tuple has no upper limit', { prefixItems: [text] }, 'array', -1, Infinity],
  ])('%s', (_, schema, type, sign, value) => {
    expect(setOf(schema).limit(type, sign).value).toBe(value);
  });
});

const OPEN = { type: 'object', properties: { a: text } };
const closed = (properties: Keywords, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
test.each<[string, boolean, Keywords, JsonSchema]>([
  ['every value', false, text, true],
  ['no value', true, text, false],
  ['another type', true, text, int],
  ['the same type', false, text, text],
  ['one of two types', false, { type: ['null', 'string'] }, text],
  ['neither of two types', true, { type: ['null', 'string'] }, { type: ['boolean', 'number'] }],
  ['an invalid type', false, text, { type: 'text' }],
  ['constants of other types', true, text, { enum: [1, null] }],
  ['constants of which one may occur', false, text, { enum: [1, 'a'] }],
  ['an enum that is no list', false, text, { enum: 1 }],
  ['a length that no listed value has', true, { enum: ['a', 'b'] }, { minLength: 2 }],
  ['a length that one listed value has', false, { enum: ['a', 'bb'] }, { minLength: 2 }],
  ['schemas of which one is another type', true, text, { allOf: [text, int] }],
  ['schemas of which none is another type', false, text, { allOf: [text, { minLength: 1 }] }],
  ['choices of which one is the type', false, text, { anyOf: [int, text] }],
  ['choices that are all of other types', true, text, { anyOf: [int, { type: 'null' }] }],
  ['exclusive choices that are all of other types', true, text, { oneOf: [int, { type: 'null' }] }],
  ['a required property that a closed object does not have', true, closed({ a: text }), { required: ['a', 'b'] }],
  ['a required property that an object may have', false, closed({ a: text }, []), { required: ['a'] }],
  [
    'a required property of objects, where texts may occur',
    false,
    { ...closed({}), type: ['object', 'string'] },
    { required: ['a'] },
  ],
  ['a required property of another type', true, closed({ a: text, b: int }), { properties: { a: int, b: int } }],
  ['an optional property of another type', false, OPEN, { properties: { a: int } }],
  [
    'a property that has one of its two constants',
    false,
    closed({ kind: { anyOf: [{ const: 'a' }, { const: 'b' }] } }),
    { properties: { kind: { const: 'a' } } },
  ],
  [
    'a property that has none of its two constants',
    true,
    closed({ kind: { anyOf: [{ const: 'a' }, { const: 'b' }] } }),
    { properties: { kind: { const: 'c' } } },
  ],
])('no value may be valid under %s: %j', (_, expected, written, schema) => {
  expect(setOf(written).isDisjoint(located(schema))).toBe(expected);
});

test('a set is not disjoint from a schema that has too many parts', () => {
  expect(setOf(text).isDisjoint(located({ allOf: range(600, (minLength) => ({ minLength })) }))).toBe(false);
});

describe('the parts by type', () => {
  test('have one type each', () => {
    expect(
      setOf({ type: ['string', 'null'] })
        .byType()
        .map(({ types }) => [...types]),
    ).toEqual([['null'], ['string']]);
  });

  test('leave out a type that no value has', () => {
    const [part, ...others] = setOf({ type: ['string', 'integer'], minimum: 5, maximum: 4 }).byType();
    expect([...part!.types, ...others]).toEqual(['string']);
  });
});

test.each<[string, Keywords, string, readonly JsonSchema[]]>([
  ['has its own schema', { properties: { a: text }, additionalProperties: int }, 'a', [text]],
  ['has the schema of the others', { properties: { b: text }, additionalProperties: int }, 'a', [int]],
  ['has the schema of a pattern that matches', { patternProperties: { '^a': text, '^b': int } }, 'ab', [text]],
  [
    'has its own schema and that of a pattern',
    { properties: { ab: num }, patternProperties: { '^a': text } },
    'ab',
    [num, text],
  ],
  [
    'has the schema of the others if no pattern matches',
    { patternProperties: { '^b': text }, additionalProperties: int },
    'a',
    [int],
  ],
  [
    'may have any value if an invalid pattern may match',
    { patternProperties: { '(': text }, additionalProperties: int },
    'a',
    [],
  ],
  ['may have any value if its own schema is true', { properties: { a: true }, additionalProperties: int }, 'a', []],
  [
    'is described by no properties that are malformed',
    { properties: 1, patternProperties: 1, additionalProperties: int },
    'a',
    [int],
  ],
  ['that every object inherits is one of the others', { properties: {}, additionalProperties: int }, 'toString', [int]],
])('a property %s', (_, schema, name, expected) => {
  expect(schemasOf(setOf(schema).property(name))).toEqual(expected);
});

test('properties that are malformed have no names', () => {
  expect(setOf({ properties: { a: text } }, { properties: ['b'] }, { properties: { c: text } }).names).toEqual([
    'a',
    'c',
  ]);
});

test('an element has the schema of its position, then that of the others; there is none past the end of a list', () => {
  const list = setOf({ prefixItems: [text], items: int, maxItems: 2 });
  expect([0, 1, 2].map((index) => schemasOf(list.item(index)))).toEqual([[text], [int], [false]]);
});

test('the names of properties are texts that satisfy propertyNames', () => {
  expect(schemasOf(setOf({ propertyNames: { maxLength: 2 } }).propertyNames)).toEqual([text, { maxLength: 2 }]);
});

test('one of several schemas may demand a keyword, but one must demand all of them', () => {
  const set = setOf({ contains: text, minContains: 1 }, { contains: int, minContains: 2 });
  expect(set.demands({ contains: int, minContains: 2 })).toBe(true);
  expect(set.demands({ contains: text, minContains: 2 })).toBe(false);
});
