import {
  mapSchemas,
  resolveReference,
  StepBudget,
  unsupportedConstruct,
  type JsonSchema,
} from '../../../lib/schema/json-schema';

const text = { type: 'string' };
const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';

describe('a reference', () => {
  const root = {
    $defs: { a: text, 'b c': text, '100%': text, '1/2': text, none: null, later: undefined, word: 'abc' },
  };

  test.each([['#/$defs/a'], ['#/$defs/b%20c'], ['#/$defs/b c'], ['#/$defs/100%'], ['#/$defs/1~12']])(
    '%s leads to the schema',
    (reference) => {
      expect(resolveReference(root, reference)).toBe(text);
    },
  );

  test('# leads to the document', () => {
    expect(resolveReference(root, '#')).toBe(root);
  });

  test.each<[unknown]>([
    ['#/$defs/missing'],
    ['#/missing/a'],
    ['#/$defs/none'],
    ['#/$defs/none/a'],
    ['#/$defs/later/a'],
    ['#/$defs/word/0'],
    ['#/toString'],
    ['#a'],
    ['other.json'],
    ['other.json#/$defs/a'],
    [['#/$defs/a']],
    [undefined],
  ])('%j leads nowhere', (reference) => {
    expect(resolveReference(root, reference)).toBeUndefined();
  });
});

test.each<[string, JsonSchema]>([
  ['the $id of the document', { $id: 'urn:a', ...text }],
  ['a property of the name $id', { properties: { $id: text } }],
  ['a draft 2020-12 schema with keywords next to a $ref', { $ref: '#/$defs/a', minLength: 1, $defs: { a: text } }],
  ['an early draft without references', { $schema: DRAFT_07, properties: { a: { ...text, minLength: 1 } } }],
  ['an early draft with a reference alone', { $schema: DRAFT_07, properties: { a: { $ref: '#/definitions/a' } } }],
  ['an early draft with annotations next to a $ref', { $schema: DRAFT_07, items: { $ref: '#', title: 'T', 'x-a': 1 } }],
  ['true', true],
])('%s can be compared', (_, schema) => {
  expect(unsupportedConstruct(schema)).toBeUndefined();
});

test.each<[string, JsonSchema, string]>([
  ['a nested $id', { items: { $id: 'urn:a' } }, 'a nested schema with its own "$id"'],
  ['nullable', { items: [{ nullable: true }] }, '"nullable"'],
  [
    'an early draft with keywords next to a $ref',
    { $schema: DRAFT_07, items: { $ref: '#', title: 'T', minimum: 1, maximum: 2 } },
    '"minimum", "maximum" next to a "$ref"',
  ],
])('%s cannot be compared', (_, schema, expected) => {
  expect(unsupportedConstruct(schema)).toContain(expected);
});

test('schemas are changed from the innermost on; values, names and extensions stay', () => {
  const verbatim = { const: { a: 1 }, enum: [{ a: 1 }], required: ['a'], default: {}, 'x-a': { b: { c: 1 } } };
  const seen: unknown[] = [];
  const schema = { ...verbatim, properties: { 'x-b': text, enum: text }, allOf: [true, text] };
  const mapped = mapSchemas(schema, (each) => {
    seen.push(each);
    return { ...each, seen: seen.length };
  });
  expect(mapped).toEqual({
    ...verbatim,
    properties: { 'x-b': { ...text, seen: 1 }, enum: { ...text, seen: 2 } },
    allOf: [true, { ...text, seen: 3 }],
    seen: 4,
  });
});

test('a budget allows 500 steps', () => {
  const budget = new StepBudget();
  expect(Array.from({ length: 502 }, () => budget.spend()).filter(Boolean)).toHaveLength(500);
});
