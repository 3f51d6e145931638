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
  ['a type in a wider one', int, num],
  ['a type in a list of types', text, { type: ['null', 'string'] }],
  ['a list of types in a nullable', { type: ['string', 'null'] }, nullable(text)],
  ['a nullable in a list of types', nullable(text), { type: ['string', 'null'] }],
  ['values in more values', { enum: ['a', 'b'] }, { enum: ['b', 'c', 'a'] }],
  ['a value in its type', { const: 'a' }, text],
  ['values with a format that both name', { const: 'a', format: 'x' }, { enum: ['a', 'b'], format: 'x' }],
  ['a boolean in its values', { type: 'boolean' }, { enum: [true, false, 'maybe'] }],
  ['closer limits of numbers', { ...num, minimum: 1, maximum: 2 }, { ...num, minimum: 0, exclusiveMaximum: 3 }],
  ['an open limit of integers', { ...int, exclusiveMinimum: 0 }, { ...int, minimum: 1 }],
  ['a limit of integers in an open one', { ...int, minimum: 1 }, { ...int, exclusiveMinimum: 0 }],
  ['a multiple in its divisor', { ...int, multipleOf: 6 }, { ...num, multipleOf: 3 }],
  ['integers in multiples of one', int, { multipleOf: 1 }],
  ['closer lengths', { ...text, minLength: 2, maxLength: 3 }, { ...text, minLength: 1, maxLength: 3 }],
  ['limits of types that are never written', text, { minimum: 5, required: ['a'], items: text, maxProperties: 1 }],
  ['the same pattern and format', { ...text, pattern: 'a', format: 'b', maxLength: 3 }, { pattern: 'a', format: 'b' }],
  ['a required property that becomes optional', closed({ a: text }), closed({ a: text }, [])],
  ['a property that is new and optional', closed({ a: text }), open({ a: text, b: int }, ['a'])],
  ['a property that is not read any more', closed({ a: text, b: int }), open({ a: text })],
  ['a property that can not be there', closed({ a: text, b: false }, ['a']), closed({ a: text })],
  ['further properties in wider ones', { ...open({}), additionalProperties: int }, { additionalProperties: num }],
  ['a named property among further ones', closed({ a: int }), { additionalProperties: num }],
  [
    'a record',
    { type: 'object', propertyNames: text, additionalProperties: int },
    z.toJSONSchema(z.record(z.string(), z.number())),
  ],
  ['names in a pattern', closed({ 'a-1': int }, []), { patternProperties: { '^a': num }, additionalProperties: false }],
  ['names that are taken', closed({ ab: int }), { propertyNames: { maxLength: 2 } }],
  ['a count of properties', closed({ a: int, b: int }), { minProperties: 2, maxProperties: 2 }],
  ['lists in wider ones', { type: 'array', items: int, maxItems: 2, minItems: 1 }, { items: num, maxItems: 3 }],
  ['a tuple in a list', { type: 'array', prefixItems: [int, num], items: false }, { items: num, maxItems: 2 }],
  ['a tuple in a longer one', { type: 'array', prefixItems: [int], items: false }, { prefixItems: [num, text] }],
  ['a list of one, which has no doubles', { type: 'array', maxItems: 1 }, { uniqueItems: true }],
  ['all of several', { allOf: [{ minimum: 1 }, int] }, { ...int, minimum: 0 }],
  ['in all of several', { ...int, minimum: 3 }, { allOf: [{ minimum: 1 }, { minimum: 2 }] }],
  ['a choice in more choices', { anyOf: [int, text] }, { anyOf: [text, { type: 'boolean' }, num] }],
  [
    'tagged choices',
    { oneOf: [closed({ kind: { const: 'a' }, x: int }), closed({ kind: { const: 'b' } })] },
    { oneOf: [open({ kind: { const: 'b' } }), open({ kind: { const: 'a' }, x: num }), open({ kind: { const: 'c' } })] },
  ],
  ['what is not refused', { enum: ['a', 'b'] }, { not: { enum: ['c'] } }],
  [
    'a schema that recurs',
    tree(),
    {
      $ref: '#/$defs/node',
      $defs: { node: open({ value: num, children: { type: 'array', items: { $ref: '#/$defs/node' } } }) },
    },
  ],
  ['anything', { pattern: '(' }, true],
  ['anything that is described', text, { title: 'Text', description: 'Some', examples: ['a'], 'x-note': 1 }],
  ['nothing', false, int],
  ['an unknown keyword that stays', { unevaluatedProperties: false }, { unevaluatedProperties: false }],
  [
    'conditions that stay',
    { ...int, if: { minimum: 1 }, then: { maximum: 2 } },
    { if: { minimum: 1 }, then: { maximum: 2 } },
  ],
])('what is written is read: %s', (_, written, read) => {
  expect(found(written, read)).toEqual([]);
});

test.each<[string, unknown, unknown, string[]]>([
  ['a type that narrows', num, int, ['$ type']],
  ['a type that changes', text, int, ['$ type']],
  ['a property of another type', closed({ a: text }), closed({ a: int }), ['$.a type']],
  ['null', nullable(text), text, ['$ type']],
  ['a value that is not taken', { enum: ['a', 'b'] }, { enum: ['a'] }, ['$ enum']],
  ['text for values', text, { enum: ['a'] }, ['$ enum']],
  ['another constant', { const: 1 }, { const: 2 }, ['$ const']],
  ['a limit that is new', num, { ...num, minimum: 1 }, ['$ minimum']],
  ['a limit that is closer', { ...num, maximum: 5 }, { ...num, maximum: 4 }, ['$ maximum']],
  ['an open limit of fractions', { ...num, exclusiveMinimum: 0 }, { ...num, minimum: 1 }, ['$ minimum']],
  ['a limit that is written itself', { ...num, minimum: 0 }, { ...num, exclusiveMinimum: 0 }, ['$ exclusiveMinimum']],
  [
    'a name under a pattern of the writer',
    { type: 'object', patternProperties: { '^a': text }, additionalProperties: false },
    { properties: { ab: int } },
    ['$.ab type'],
  ],
  ['a length that is closer', { ...text, maxLength: 9 }, { ...text, minLength: 1, maxLength: 9 }, ['$ minLength']],
  ['another pattern', { ...text, pattern: 'a' }, { ...text, pattern: 'b' }, ['$ pattern']],
  ['a new format', text, { ...text, format: 'email' }, ['$ format']],
  ['a property that is required', closed({ a: text }, []), closed({ a: text }), ['$.a required']],
  ['a new required property', closed({ a: text }), open({ a: text, b: text }), ['$.b required']],
  [
    'a property that a closed schema has lost',
    closed({ a: text, b: int }),
    closed({ a: text }),
    ['$.b additionalProperties'],
  ],
  ['an open schema for a closed one', open({ a: text }), closed({ a: text }), ['$.* additionalProperties']],
  [
    'a new optional property of an open schema',
    open({ a: text }),
    open({ a: text, b: int }, ['a']),
    ['$.b properties'],
  ],
  [
    'a deep change',
    closed({ lines: { type: 'array', items: closed({ 'unit-price': num }) } }),
    closed({ lines: { type: 'array', items: closed({ 'unit-price': int }) } }),
    ['$.lines[]["unit-price"] type'],
  ],
  ['a longer list', { type: 'array', items: int }, { type: 'array', items: int, maxItems: 2 }, ['$ maxItems']],
  ['a place of a tuple', { type: 'array', prefixItems: [int, text] }, { prefixItems: [int, int] }, ['$[1] type']],
  [
    'a longer tuple',
    { type: 'array', prefixItems: [int, text] },
    { prefixItems: [int], items: int },
    ['$[1] type', '$[] type'],
  ],
  ['a choice that is gone', { anyOf: [int, text] }, { anyOf: [int, { type: 'boolean' }] }, ['$ anyOf']],
  ['a choice of two that both take it', int, { oneOf: [int, num] }, ['$ oneOf']],
  [
    'the one choice that is left',
    closed({ a: nullable(text) }),
    closed({ a: nullable({ ...text, maxLength: 3 }) }),
    ['$.a maxLength'],
  ],
  [
    'a tagged choice that changes',
    { oneOf: [closed({ kind: { const: 'a' }, x: num }), closed({ kind: { const: 'b' } })] },
    { oneOf: [open({ kind: { const: 'a' }, x: int }), open({ kind: { const: 'b' } })] },
    ['$.x type'],
  ],
  ['a name that is not taken', closed({ abc: int }), { propertyNames: { maxLength: 2 } }, ['$.abc propertyNames']],
  ['any name', { type: 'object' }, { propertyNames: { maxLength: 2 } }, ['$ propertyNames']],
  ['a property under a pattern', closed({ 'a-1': text }), { patternProperties: { '^a': num } }, ['$["a-1"] type']],
  [
    'a schema that recurs and changes below',
    tree(),
    tree({ value: { type: 'integer', maximum: 9 } }),
    ['$.value maximum'],
  ],
  [
    'a schema that refers to itself without end',
    int,
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } },
    ['$ $ref'],
  ],
  ['a reference to nowhere', int, { $ref: '#/$defs/%' }, ['$ $ref']],
  ['an unknown keyword', int, { unevaluatedItems: false }, ['$ unevaluatedItems']],
  ['a new condition', int, { if: { minimum: 1 }, then: { maximum: 2 } }, ['$ if']],
  ['what is refused', text, { not: { const: 'a' } }, ['$ not']],
  [
    'the same reference inside `not` with another target',
    { ...text, not: { $ref: '#/$defs/a' }, $defs: { a: { const: 'a' } } },
    { ...text, not: { $ref: '#/$defs/a' }, $defs: { a: { const: 'b' } } },
    ['$ not'],
  ],
  ['an unknown keyword named like a property of every object', text, { constructor: 1 }, ['$ constructor']],
  ['a fraction of rounding', { ...num, multipleOf: 0.2 }, { ...num, multipleOf: 0.1 }, ['$ multipleOf']],
  ['another dialect', { type: 'string', nullable: true }, text, ['$ dialect']],
  ['a schema within a schema', { properties: { a: { $id: 'urn:a', $ref: '#' } } }, text, ['$ dialect']],
  [
    'what an early draft ignores',
    { $schema: 'http://json-schema.org/draft-07/schema#', properties: { a: { $ref: '#', minimum: 1 } } },
    text,
    ['$ dialect'],
  ],
])('what is written is not proved to be read: %s', (_, written, read, expected) => {
  expect(found(written, read)).toEqual(expected);
});

test('a difference says what is wrong', () => {
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

test('what is nested deeper than anybody writes is refused, not tried', () => {
  const nested = (leaf: object): object =>
    Array.from({ length: 1_000 }).reduce<object>((inner) => ({ type: 'object', properties: { a: inner } }), leaf);
  expect(incompatibilities(nested(int) as JsonSchema, nested(num) as JsonSchema)).toMatchObject([
    { rule: 'complexity' },
  ]);
});

test('what is too intricate is refused in time', () => {
  const choices = Array.from({ length: 12 }, (_, index) => ({
    anyOf: [{ properties: { [`a${index}`]: text } }, { properties: { [`b${index}`]: int } }],
  }));
  expect(found({ allOf: choices }, { allOf: [...choices, { required: ['x'] }] })).not.toEqual([]);
});

test('what zod takes reads what zod has written, and more', () => {
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
