import Ajv from 'ajv';
import Ajv2019 from 'ajv/dist/2019';
import Ajv2020 from 'ajv/dist/2020';
import { embedSchema, extractSchema, referenceTo } from '../../../../lib/schema/asyncapi/payload';
import type { JsonSchema } from '../../../../lib/operator';
import { incompatibilities } from '../../../../lib/schema/compatibility';

const LOCATION = ['channels', 'a b/c~', 'payload'];
const QUIET = { strict: false, logger: false } as const;
const VALUES = [
  null,
  1,
  'x',
  [],
  ['x'],
  ['x', 1],
  ['x', 1, true],
  ['x', 1, 2],
  [1],
  {},
  { a: 1 },
  { a: { a: {} } },
  { b: 'x' },
];

const SCHEMAS: readonly [string, JsonSchema][] = [
  ['a tuple', { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] }],
  ['a tuple with more of a kind', { prefixItems: [{ type: 'string' }, true], items: { type: 'boolean' } }],
  ['a closed tuple', { prefixItems: [{ type: 'string' }], items: false, minItems: 1 }],
  ['a list', { type: 'array', items: { type: 'string' } }],
  ['a reference', { properties: { a: { $ref: '#/$defs/x' } }, $defs: { x: { type: 'number' } } }],
  ['a recursion', { type: 'object', properties: { a: { $ref: '#' } }, additionalProperties: false }],
  [
    'keywords next to a reference',
    { properties: { a: { $ref: '#/$defs/x', minimum: 2 } }, $defs: { x: { type: 'number' } } },
  ],
  ['a reference next to others', { allOf: [{ type: 'object' }], $ref: '#/$defs/x', $defs: { x: { required: ['a'] } } }],
  ['properties named as keywords', { properties: { $defs: { type: 'string' }, items: { type: 'string' } } }],
  ['values that look like keywords', { enum: [{ items: '#' }, { prefixItems: [] }, 'x'] }],
  ['everything', true],
  ['nothing', false],
];

/** The embedded schema, at its place in a document of draft 7. */
const embedded = (schema: JsonSchema) => {
  const [channels = '', channel = '', payload = ''] = LOCATION;
  const document = {
    $ref: referenceTo(LOCATION),
    [channels]: { [channel]: { [payload]: embedSchema(schema, LOCATION) } },
  };
  return new Ajv(QUIET).compile(document);
};

/** Draft 7 has no words for these keywords. */
const LEFT_OUT: readonly [string, JsonSchema][] = [
  ['an optional element', { type: 'array', contains: { type: 'boolean' }, minContains: 0 }],
  ['a discriminator of OpenAPI', { type: 'object', discriminator: { propertyName: 'a' } }],
];

test.each([...SCHEMAS, ...LEFT_OUT])('%s allows the same data in a document', (_, schema) => {
  const original = new Ajv2020(QUIET).compile(schema);
  const copy = embedded(schema);
  expect(VALUES.filter((value) => copy(value))).toEqual(VALUES.filter((value) => original(value)));
});

test.each(SCHEMAS)('%s is read back with the same meaning', (_, schema) => {
  const read = extractSchema(embedSchema(schema, LOCATION), LOCATION);
  expect([...incompatibilities(schema, read), ...incompatibilities(read, schema)]).toEqual([]);
});

test('a discriminator of OpenAPI, which the parser of AsyncAPI refuses, is left out', () => {
  expect(embedSchema({ discriminator: { propertyName: 'a' } }, LOCATION)).toEqual({});
  expect(embedSchema({ discriminator: 'a' }, LOCATION)).toEqual({ discriminator: 'a' });
  expect(embedSchema({ properties: { discriminator: {} } }, LOCATION)).toEqual({ properties: { discriminator: {} } });
});

test.each<[string, JsonSchema, string]>([
  ['a definition that is missing', { properties: { a: { $ref: '#/$defs/gone' } } }, '#/$defs/gone'],
  ['an element of a tuple, which moves', { prefixItems: [{}, { $ref: '#/prefixItems/0' }] }, '#/prefixItems/0'],
])('a reference to %s is refused, because it would lead nowhere in the document', (_, schema, reference) => {
  expect(() => embedSchema(schema, LOCATION)).toThrow(`its JSON Schema refers to "${reference}"`);
});

test('an empty tuple, which draft 7 does not allow, is left out', () => {
  expect(embedSchema({ prefixItems: [], items: false }, LOCATION)).toEqual({ items: false });
});

test.each([
  ['draft 2019-09', 'https://json-schema.org/draft/2019-09/schema', Ajv2019],
  ['draft 7', 'http://json-schema.org/draft-07/schema#', Ajv],
])('a schema of %s allows the same data', (_, $schema, Validator) => {
  const schema = {
    ...{
      $schema,
      $id: 'https://example.com/a',
      type: 'array',
      items: [{ type: 'string' }],
      additionalItems: { $ref: '#/definitions/n' },
    },
    definitions: { n: { $ref: '#/definitions/m' }, m: { type: 'number' } },
  };
  const original = new Validator(QUIET).compile(schema);
  const copy = embedded(schema);
  expect(VALUES.filter((value) => copy(value))).toEqual(VALUES.filter((value) => original(value)));
});

test('early drafts ignore keywords next to a reference, except definitions and annotations', () => {
  const $schema = 'http://json-schema.org/draft-07/schema#';
  const schema = { $schema, $ref: '#/definitions/n', type: 'null', title: 'N', definitions: { n: { type: 'number' } } };
  const copy = embedded(schema);
  expect(VALUES.filter((value) => copy(value))).toEqual([1]);
  expect(embedSchema(schema, LOCATION)).toMatchObject({ title: 'N' });
});

test.each<[string, JsonSchema]>([
  ['a property', { properties: { a: { properties: { $ref: { type: 'string' } } } } }],
  ['a definition', { $defs: { $ref: { type: 'string' } } }],
  ['a part of an example', { examples: [{ links: [{ $ref: '#/a' }] }] }],
  ['a part of a value', { properties: { a: { enum: [{ $ref: '#' }] } } }],
  ['a part of a default', { default: { $ref: 1 } }],
])('%s with the name "$ref" is refused, because readers of AsyncAPI would follow it', (_, schema) => {
  expect(() => embedSchema(schema, LOCATION)).toThrow('its JSON Schema has "$ref" as a name');
});
