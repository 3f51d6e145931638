import { z } from 'zod';
import { incompatibilities } from '../../../lib/schema/compatibility';
import type { JsonSchema } from '../../../lib/schema/json-schema';

const found = (written: unknown, read: unknown): string[] =>
  incompatibilities(written as JsonSchema, read as JsonSchema).map(({ path, rule }) => `${path} ${rule}`);

const closed = (properties: object, required: readonly string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const open = (properties: object, required: readonly string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});
const text = { type: 'string' };
const list = { type: 'array', items: text };
const int = { type: 'integer' };
const num = { type: 'number' };
const nullable = (schema: object) => ({ anyOf: [schema, { type: 'null' }] });
const tree = (more: object = {}) => ({
  $ref: '#/$defs/node',
  $defs: {
    node: closed({ value: int, ...more, children: { type: 'array', items: { $ref: '#/$defs/node' } } }),
  },
});

test.each<[string, unknown, unknown]>([
  ['a type within a wider type', int, num],
  ['a type in a list of types', text, { type: ['null', 'string'] }],
  ['a list of types within a nullable type', { type: ['string', 'null'] }, nullable(text)],
  ['a nullable type within a list of types', nullable(text), { type: ['string', 'null'] }],
  ['enum values within more enum values', { enum: ['a', 'b'] }, { enum: ['b', 'c', 'a'] }],
  ['a constant within its type', { const: 'a' }, text],
  ['enum values with the same format on both sides', { const: 'a', format: 'x' }, { enum: ['a', 'b'], format: 'x' }],
  ['a boolean within an enum of both values', { type: 'boolean' }, { enum: [true, false, 'maybe'] }],
  ['stricter limits of numbers', { ...num, minimum: 1, maximum: 2 }, { ...num, minimum: 0, exclusiveMaximum: 3 }],
  ['an exclusive limit of integers within an inclusive one', { ...int, exclusiveMinimum: 0 }, { ...int, minimum: 1 }],
  ['an inclusive limit of integers within an exclusive one', { ...int, minimum: 1 }, { ...int, exclusiveMinimum: 0 }],
  ['multiples of 6 within multiples of 3', { ...int, multipleOf: 6 }, { ...num, multipleOf: 3 }],
  ['integers within multiples of 1', int, { multipleOf: 1 }],
  ['stricter lengths', { ...text, minLength: 2, maxLength: 3 }, { ...text, minLength: 1, maxLength: 3 }],
  ['limits of types that are never written', text, { minimum: 5, required: ['a'], items: text, maxProperties: 1 }],
  ['the same pattern and format', { ...text, pattern: 'a', format: 'b', maxLength: 3 }, { pattern: 'a', format: 'b' }],
  ['a required property that becomes optional', closed({ a: text }), closed({ a: text }, [])],
  ['a new optional property', closed({ a: text }), open({ a: text, b: int }, ['a'])],
  ['a property that the reader drops', closed({ a: text, b: int }), open({ a: text })],
  ['a property that the writer never sets', closed({ a: text, b: false }, ['a']), closed({ a: text })],
  [
    'additional properties within a wider type',
    { ...open({}), additionalProperties: int },
    { additionalProperties: num },
  ],
  ['a named property within additional properties', closed({ a: int }), { additionalProperties: num }],
  [
    'a record of zod',
    { type: 'object', propertyNames: text, additionalProperties: int },
    z.toJSONSchema(z.record(z.string(), z.number())),
  ],
  [
    'a property name that matches a pattern',
    closed({ 'a-1': int }, []),
    { patternProperties: { '^a': num }, additionalProperties: false },
  ],
  ['a property name within propertyNames', closed({ ab: int }), { propertyNames: { maxLength: 2 } }],
  ['a number of properties', closed({ a: int, b: int }), { minProperties: 2, maxProperties: 2 }],
  ['lists within wider lists', { type: 'array', items: int, maxItems: 2, minItems: 1 }, { items: num, maxItems: 3 }],
  ['a tuple within a list', { type: 'array', prefixItems: [int, num], items: false }, { items: num, maxItems: 2 }],
  ['a tuple within a longer tuple', { type: 'array', prefixItems: [int], items: false }, { prefixItems: [num, text] }],
  ['a list of at most one element within unique items', { type: 'array', maxItems: 1 }, { uniqueItems: true }],
  ['allOf at the writer', { allOf: [{ minimum: 1 }, int] }, { ...int, minimum: 0 }],
  ['allOf at the reader', { ...int, minimum: 3 }, { allOf: [{ minimum: 1 }, { minimum: 2 }] }],
  ['anyOf within more choices', { anyOf: [int, text] }, { anyOf: [text, { type: 'boolean' }, num] }],
  [
    'a tagged union within a longer one',
    { oneOf: [closed({ kind: { const: 'a' }, x: int }), closed({ kind: { const: 'b' } })] },
    { oneOf: [open({ kind: { const: 'b' } }), open({ kind: { const: 'a' }, x: num }), open({ kind: { const: 'c' } })] },
  ],
  ['values outside of not', { enum: ['a', 'b'] }, { not: { enum: ['c'] } }],
  [
    'a recursive schema',
    tree(),
    {
      $ref: '#/$defs/node',
      $defs: { node: open({ value: num, children: { type: 'array', items: { $ref: '#/$defs/node' } } }) },
    },
  ],
  ['numbers that no value is among', { ...int, minimum: 5, maximum: 4 }, text],
  ['exclusive limits without an integer between them', { ...int, exclusiveMinimum: 4, exclusiveMaximum: 5 }, text],
  ['a required property that the writer cannot set', { ...closed({ a: text }), required: ['b'] }, int],
  ['multiples of an integer within integers', { ...num, multipleOf: 2 }, int],
  ['one constant whose keys have another order', { const: { a: 1, b: 2 } }, { const: { b: 2, a: 1 } }],
  ['null and booleans within their list', { type: ['null', 'boolean'] }, { enum: [true, null, false] }],
  ['enum values within a pattern and lengths', { enum: ['ab', '😀😀'] }, { pattern: '^', minLength: 2, maxLength: 2 }],
  ['unique items within unique items', { type: 'array', uniqueItems: true }, { uniqueItems: true }],
  ['any list where items need not be unique', { type: 'array' }, { uniqueItems: false }],
  ['a tuple with a required length', { type: 'array', prefixItems: [int], minItems: 1, items: false }, { minItems: 1 }],
  ['required properties within a number of properties', open({ a: text, b: int }), { minProperties: 2 }],
  ['the same elements contained', { contains: int, minContains: 2 }, { contains: int, minContains: 2 }],
  ['the same dependent properties', { dependentRequired: { a: ['b'] } }, { dependentRequired: { a: ['b'] } }],
  ['any value within true', { pattern: '(' }, true],
  ['a schema with new annotations', text, { title: 'Text', description: 'Some', examples: ['a'], 'x-note': 1 }],
  ['no value', false, int],
  ['no value, because no type remains', { allOf: [text, int] }, { type: 'boolean' }],
  ['any value within schemas that demand nothing', open({}), { properties: { a: {} } }],
  ['enum values that another keyword leaves', { enum: ['a', 1], allOf: [text] }, text],
  ['any value outside of no value', int, { not: false }],
  ['a type outside of another one', text, { not: int }],
  ['an identical negation', { ...int, not: { minimum: 5 } }, { not: { minimum: 5 } }],
  ['identical multiples of a fraction', { ...num, multipleOf: 0.5, minimum: 1 }, { multipleOf: 0.5 }],
  ['one of two patterns', { allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, { pattern: 'a' }],
  ['a type that two choices accept', int, { anyOf: [num, { minimum: 5 }] }],
  ['types that one choice each accepts', { type: ['integer', 'null'] }, { anyOf: [{ type: 'null' }, num] }],
  ['a list that ends before the other type of a longer tuple', { ...list, maxItems: 1 }, { prefixItems: [text, int] }],
  ['any names of properties within texts', { type: 'object' }, { propertyNames: text }],
  ['stricter names', { type: 'object', propertyNames: { maxLength: 2 } }, { propertyNames: { maxLength: 3 } }],
  ['the $id of a document', { $id: 'urn:a', ...int }, num],
  ['identical documents that cannot be compared', { ...text, nullable: true }, { nullable: true, ...text }],
  [
    'an identical unknown keyword in a property',
    closed({ a: { unevaluatedItems: false } }),
    open({ a: { unevaluatedItems: false } }),
  ],
  ['an identical unknown keyword', { unevaluatedProperties: false }, { unevaluatedProperties: false }],
  [
    'an identical condition',
    { ...int, if: { minimum: 1 }, then: { maximum: 2 } },
    { if: { minimum: 1 }, then: { maximum: 2 } },
  ],
])('the reader accepts every written value: %s', (_, written, read) => {
  expect(found(written, read)).toEqual([]);
});

test.each<[string, unknown, unknown, string[]]>([
  ['a type that narrows', num, int, ['$ type']],
  ['a type that changes', text, int, ['$ type']],
  ['a property of another type', closed({ a: text }), closed({ a: int }), ['$.a type']],
  ['null that is no longer accepted', nullable(text), text, ['$ type']],
  ['an enum value that is no longer accepted', { enum: ['a', 'b'] }, { enum: ['a'] }, ['$ enum']],
  ['any text where enum values are expected', text, { enum: ['a'] }, ['$ enum']],
  ['another constant', { const: 1 }, { const: 2 }, ['$ const']],
  ['a new limit', num, { ...num, minimum: 1 }, ['$ minimum']],
  ['a stricter limit', { ...num, maximum: 5 }, { ...num, maximum: 4 }, ['$ maximum']],
  [
    'an exclusive limit of fractions below an inclusive one',
    { ...num, exclusiveMinimum: 0 },
    { ...num, minimum: 1 },
    ['$ minimum'],
  ],
  [
    'an inclusive limit where the reader has an exclusive one',
    { ...num, minimum: 0 },
    { ...num, exclusiveMinimum: 0 },
    ['$ exclusiveMinimum'],
  ],
  [
    'a property under a pattern of the writer',
    { type: 'object', patternProperties: { '^a': text }, additionalProperties: false },
    { properties: { ab: int } },
    ['$.ab type'],
  ],
  ['a stricter length', { ...text, maxLength: 9 }, { ...text, minLength: 1, maxLength: 9 }, ['$ minLength']],
  ['another pattern', { ...text, pattern: 'a' }, { ...text, pattern: 'b' }, ['$ pattern']],
  ['a new format', text, { ...text, format: 'email' }, ['$ format']],
  ['an optional property that becomes required', closed({ a: text }, []), closed({ a: text }), ['$.a required']],
  ['a new required property', closed({ a: text }), open({ a: text, b: text }), ['$.b required']],
  [
    'a property that a closed schema no longer has',
    closed({ a: text, b: int }),
    closed({ a: text }),
    ['$.b additionalProperties'],
  ],
  ['an open writer and a closed reader', open({ a: text }), closed({ a: text }), ['$.* additionalProperties']],
  [
    'a new optional property and an open writer',
    open({ a: text }),
    open({ a: text, b: int }, ['a']),
    ['$.b properties'],
  ],
  [
    'a change deep in the data',
    closed({ lines: { type: 'array', items: closed({ 'unit-price': num }) } }),
    closed({ lines: { type: 'array', items: closed({ 'unit-price': int }) } }),
    ['$.lines[]["unit-price"] type'],
  ],
  ['a list without a limit', { type: 'array', items: int }, { type: 'array', items: int, maxItems: 2 }, ['$ maxItems']],
  [
    'another type of a tuple element',
    { type: 'array', prefixItems: [int, text] },
    { prefixItems: [int, int] },
    ['$[1] type'],
  ],
  [
    'a tuple and a list of another type',
    { type: 'array', prefixItems: [int, text] },
    { prefixItems: [int], items: int },
    ['$[1] type', '$[] type'],
  ],
  ['a choice that is no longer accepted', { anyOf: [int, text] }, { anyOf: [int, { type: 'boolean' }] }, ['$ anyOf']],
  ['oneOf with two matching choices', int, { oneOf: [int, num] }, ['$ oneOf']],
  [
    'a change in the only possible choice',
    closed({ a: nullable(text) }),
    closed({ a: nullable({ ...text, maxLength: 3 }) }),
    ['$.a maxLength'],
  ],
  [
    'a change in one member of a tagged union',
    { oneOf: [closed({ kind: { const: 'a' }, x: num }), closed({ kind: { const: 'b' } })] },
    { oneOf: [open({ kind: { const: 'a' }, x: int }), open({ kind: { const: 'b' } })] },
    ['$.x type'],
  ],
  [
    'a property name that is not accepted',
    closed({ abc: int }),
    { propertyNames: { maxLength: 2 } },
    ['$.abc propertyNames'],
  ],
  ['any property name', { type: 'object' }, { propertyNames: { maxLength: 2 } }, ['$ propertyNames']],
  ['a property under a pattern', closed({ 'a-1': text }), { patternProperties: { '^a': num } }, ['$["a-1"] type']],
  ['a change in a recursive schema', tree(), tree({ value: { type: 'integer', maximum: 9 } }), ['$.value maximum']],
  ['a reference to itself', int, { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, ['$ $ref']],
  ['a reference without a target', int, { $ref: '#/$defs/%' }, ['$ $ref']],
  ['an unknown keyword', int, { unevaluatedItems: false }, ['$ unevaluatedItems']],
  ['a new condition', int, { if: { minimum: 1 }, then: { maximum: 2 } }, ['$ if']],
  ['a value that not excludes', text, { not: { const: 'a' } }, ['$ not']],
  [
    'the same reference inside `not` with another target',
    { ...text, not: { $ref: '#/$defs/a' }, $defs: { a: { const: 'a' } } },
    { ...text, not: { $ref: '#/$defs/a' }, $defs: { a: { const: 'b' } } },
    ['$ not'],
  ],
  ['a property whose schema is malformed', { ...closed({ a: [int] }, []) }, closed({}), ['$.a additionalProperties']],
  ['an unknown keyword named like a property of every object', text, { constructor: 1 }, ['$ constructor']],
  [
    'multiples of fractions, which are rounded',
    { ...num, multipleOf: 0.2 },
    { ...num, multipleOf: 0.1 },
    ['$ multipleOf'],
  ],
  ['limits that one number is within', { ...int, minimum: 4, maximum: 4 }, text, ['$ type']],
  [
    'exclusive limits with an integer between them',
    { ...int, exclusiveMinimum: 4, exclusiveMaximum: 6 },
    text,
    ['$ type'],
  ],
  ['multiples of a fraction where integers are expected', { ...num, multipleOf: 0.5 }, int, ['$ type']],
  ['multiples of a factor', { ...int, multipleOf: 3 }, { multipleOf: 6 }, ['$ multipleOf']],
  ['fractions where multiples of 1 are expected', num, { multipleOf: 1 }, ['$ multipleOf']],
  ['null that is not in the list', { type: ['null', 'boolean'] }, { enum: [true, false] }, ['$ enum']],
  ['an enum value that is too short', { enum: ['ab', '😀'] }, { ...text, minLength: 2 }, ['$ minLength']],
  ['an enum value that not excludes', { enum: ['a', 'b'] }, { not: { const: 'a' } }, ['$ not']],
  [
    'a list of two elements within unique items',
    { type: 'array', maxItems: 2 },
    { uniqueItems: true },
    ['$ uniqueItems'],
  ],
  ['one required property where two are expected', open({ a: text }), { minProperties: 2 }, ['$ minProperties']],
  ['an open writer and a number of properties', open({ a: text }), { maxProperties: 1 }, ['$ maxProperties']],
  ['a closed writer with more properties', closed({ a: text, b: int }, []), { maxProperties: 1 }, ['$ maxProperties']],
  ['other elements contained', { contains: int, minContains: 2 }, { contains: int, minContains: 3 }, ['$ contains']],
  [
    'other dependent properties',
    { dependentRequired: { a: ['b'] } },
    { dependentRequired: { a: ['c'] } },
    ['$ dependentRequired'],
  ],
  ['a fraction below an integer limit', { minimum: 0.5 }, { minimum: 1 }, ['$ minimum']],
  ['an integer above an exclusive fraction', { ...int, exclusiveMinimum: 0.5 }, { minimum: 2 }, ['$ minimum']],
  ['a limit that an exclusive one excludes', { ...int, minimum: 1 }, { exclusiveMinimum: 1 }, ['$ exclusiveMinimum']],
  ['one of two booleans', { type: 'boolean' }, { const: true }, ['$ const']],
  ['the other of two booleans', { type: 'boolean' }, { const: false }, ['$ const']],
  [
    'values of one type, though another has none',
    { type: ['number', 'string'], minimum: 5, maximum: 4 },
    int,
    ['$ type'],
  ],
  ['a type that no choice accepts', { type: ['integer', 'string'] }, { anyOf: [text, { type: 'null' }] }, ['$ anyOf']],
  ['a type that no choice accepts in full', num, { anyOf: [int, { minimum: 5 }] }, ['$ anyOf']],
  ['any value inside of any value', int, { not: true }, ['$ not']],
  ['values that not may exclude', text, { not: { maxLength: 3 } }, ['$ not']],
  [
    'a condition with another consequence',
    { if: int, then: { minimum: 1 } },
    { if: int, then: { minimum: 2 } },
    ['$ if'],
  ],
  ['a condition with another alternative', { if: int, else: text }, { if: int, else: { type: 'null' } }, ['$ if']],
  ['multiples of a fraction, which are rounded', { multipleOf: 6 }, { multipleOf: 0.5 }, ['$ multipleOf']],
  ['required properties and a length', { required: ['a', 'b'] }, { minLength: 1 }, ['$ minLength']],
  [
    'a closed object and the length of a list',
    { ...closed({}), type: ['object', 'array'] },
    { maxItems: 5 },
    ['$ maxItems'],
  ],
  ['a closed list and the length of a text', { items: false }, { maxLength: 5 }, ['$ maxLength']],
  [
    'the last element of a longer tuple',
    { type: 'array', prefixItems: [int, int, text], items: int },
    { prefixItems: [int], items: int },
    ['$[2] type'],
  ],
  [
    'other properties of another type',
    { ...open({}), additionalProperties: int },
    { additionalProperties: text },
    ['$.* type'],
  ],
  [
    'a new dependent schema',
    { type: 'object' },
    { dependentSchemas: { a: { required: ['b'] } } },
    ['$ dependentSchemas'],
  ],
  [
    'an invalid pattern of the reader',
    closed({ a: int }),
    { patternProperties: { '(': int } },
    ['$ patternProperties'],
  ],
  [
    'additional properties next to an invalid pattern',
    closed({ a: int }),
    { patternProperties: { '(': int }, additionalProperties: num },
    ['$ patternProperties'],
  ],
  [
    'additional properties next to malformed properties',
    closed({ a: int }),
    { properties: 1, additionalProperties: false },
    ['$ properties', '$ additionalProperties'],
  ],
  [
    'additional properties next to malformed patterns',
    closed({ a: int }),
    { patternProperties: 1, additionalProperties: false },
    ['$ patternProperties', '$ additionalProperties'],
  ],
  ['a limit of the writer that is no number', { minimum: '1' }, { minimum: 1 }, ['$ minimum']],
  ['a type of the writer that does not exist', { type: 'text' }, int, ['$ type']],
  ['an enum of the writer that is no list', { enum: 'a' }, text, ['$ type']],
  ['a choice of the writer that is no schema', { anyOf: [int, 1] }, int, ['$ type']],
  ['a reference of the writer without a target', { $ref: '#/$defs/none' }, int, ['$ type']],
  [
    'a type that is refused, and a format that is not known',
    { enum: ['a', 'bb'] },
    { format: 'x', maxLength: 1 },
    ['$ maxLength'],
  ],
  ['values that different keywords refuse', { enum: ['abc', 1] }, { maxLength: 2, ...text }, ['$ maxLength']],
  [
    'the same reference to different schemas',
    { ...open({ a: { $ref: '#/$defs/a' } }), $defs: { a: num } },
    { ...open({ a: { $ref: '#/$defs/a' } }), $defs: { a: int } },
    ['$.a type'],
  ],
  [
    'another type within a recursive schema of the reader',
    closed({ value: int, child: closed({ value: text }) }),
    { $ref: '#/$defs/node', $defs: { node: open({ value: num, child: { $ref: '#/$defs/node' } }, []) } },
    ['$.child.value type'],
  ],
  ['a keyword of another dialect', { type: 'string', nullable: true }, text, ['$ dialect']],
  ['a nested schema with its own $id', { properties: { a: { $id: 'urn:a', $ref: '#' } } }, text, ['$ dialect']],
  [
    'a keyword that early drafts ignore',
    { $schema: 'http://json-schema.org/draft-07/schema#', properties: { a: { $ref: '#', minimum: 1 } } },
    text,
    ['$ dialect'],
  ],
])('the reader may refuse a written value: %s', (_, written, read, expected) => {
  expect(found(written, read)).toEqual(expected);
});

test('an incompatibility names the place, the rule and both limits', () => {
  expect(
    incompatibilities(closed({ total: { ...num, maximum: 9 } }), closed({ total: { ...num, maximum: 5 } })),
  ).toEqual([
    {
      path: '$.total',
      rule: 'maximum',
      message: "must satisfy maximum 5, but the writer's schema has the limit 9",
    },
  ]);
});

test.each<[string, unknown, unknown, string]>([
  ['the accepted types', text, int, 'may be string, but only "integer" is accepted'],
  ['the accepted values', text, { enum: ['a', 'b'] }, 'may be a value other than ["a","b"]'],
  ['the refused values', { enum: ['a', 'b', 'c'] }, { enum: ['a'] }, 'may be "b", "c", which is not accepted'],
  [
    'only the values that are certainly refused',
    { enum: ['a', 'bb'] },
    { format: 'x', maxLength: 1 },
    'may be "bb", which is not accepted',
  ],
  ['the keyword that is not proved', text, { pattern: '^a' }, 'must satisfy pattern "^a", which cannot be proved'],
])('a message names %s', (_, written, read, message) => {
  expect(incompatibilities(written as JsonSchema, read as JsonSchema)).toMatchObject([{ message }]);
});

describe('schemas nested', () => {
  const nested = (levels: number, leaf: unknown): unknown =>
    Array.from({ length: levels }).reduce<unknown>((inner) => ({ type: 'object', properties: { a: inner } }), leaf);

  test('200 levels deep are compared', () => {
    expect(found(nested(200, int), nested(200, num))).toEqual([]);
  });

  test.each([201, 1_000])('%d levels deep are reported as too complex', (levels) => {
    expect(incompatibilities(nested(levels, int) as JsonSchema, nested(levels, num) as JsonSchema)).toMatchObject([
      { rule: 'complexity' },
    ]);
  });

  test('deeper than that are compared where the reader accepts any value', () => {
    expect(found(nested(201, int), nested(201, true))).toEqual([]);
  });
});

test.each([
  [2_000, []],
  [2_001, ['$.last complexity']],
])('%d alternatives of all properties together: %j', (total, expected) => {
  // One is the object itself. Each property has at most 64.
  const choices = (length: number) => ({ anyOf: Array.from({ length }, (_, minimum) => ({ ...int, minimum })) });
  const names = Array.from({ length: 31 }, (_, index) => `p${index}`);
  const properties = Object.fromEntries(names.map((name) => [name, choices(64)]));
  const written = closed({ ...properties, last: choices(total - 1 - 31 * 64) });
  const read = { properties: Object.fromEntries([...names, 'last'].map((name) => [name, num])) };
  expect(found(written, read)).toEqual(expected);
});

test('schemas with too many combinations are reported as too complex, and fast', () => {
  const choices = Array.from({ length: 12 }, (_, index) => ({
    anyOf: [{ properties: { [`a${index}`]: text } }, { properties: { [`b${index}`]: int } }],
  }));
  expect(found({ allOf: choices }, { allOf: [...choices, { required: ['x'] }] })).not.toEqual([]);
});

test('schemas of zod accept their own output, and optional properties may be added', () => {
  const line = z.object({ sku: z.string().min(1), quantity: z.int().positive() });
  const order = z.object({
    id: z.uuid(),
    at: z.iso.datetime(),
    note: z.string().default('none'),
    lines: z.array(line).min(1),
    state: z.enum(['open', 'paid']).nullable(),
    tags: z.record(z.string(), z.number()),
    payment: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('card'), last4: z.string() }),
      z.object({ kind: z.literal('cash') }),
    ]),
  });
  const written = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'output' });
  const read = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' });
  expect(found(written(order), read(order))).toEqual([]);

  const wider = order.extend({ channel: z.string().optional() });
  expect(found(written(order), read(wider))).toEqual([]);
  expect(found(written(wider), read(order))).toEqual([]);
  const demanding = order.extend({ channel: z.string() });
  expect(found(written(order), read(demanding))).toEqual(['$.channel required']);
  expect(found(written(demanding), read(order))).toEqual([]);
});
