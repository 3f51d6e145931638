import { z } from 'zod';
import { defineEvents, type EventCatalogue, type EventDefinition, type StandardSchemaV1 } from '../../../lib';
import { checkSchemas, type SchemaCheckOptions } from '../../../lib/schema/check';
import { latest, parseBaseline, printBaseline, type SchemaBaseline } from '../../../lib/schema/baseline';
import type { SchemaFinding } from '../../../lib/schema/check';
import { refusal } from '../write/order-outbox';

const up = (): unknown => 0;
const V1 = z.object({ total: z.number(), note: z.string().optional() });

const catalogueOf = (schema: StandardSchemaV1, more: Partial<EventDefinition> = {}): EventCatalogue =>
  defineEvents({ 'order.placed': { schema, topic: 'orders', ...more } });
/** The baseline after a round trip through a file. */
const recorded = (...catalogues: readonly EventCatalogue[]): SchemaBaseline =>
  catalogues.reduce<SchemaBaseline>(
    (baseline, each) => parseBaseline(printBaseline(checkSchemas(each, baseline).baseline), 'b.json'),
    {},
  );
const shown = ({ kind, mode, path, rule, version }: SchemaFinding): string =>
  [kind, `v${version}`, mode, path, rule].filter((each) => each !== undefined).join(' ');
const findings = (catalogue: EventCatalogue, baseline: SchemaBaseline, options: SchemaCheckOptions = {}): string[] =>
  checkSchemas(catalogue, baseline, options).findings.map(shown);

test('a recorded catalogue has no findings', () => {
  expect(findings(catalogueOf(V1), recorded(catalogueOf(V1)))).toEqual([]);
});

test('a new type and a compatible change must be recorded', () => {
  expect(findings(catalogueOf(V1), {})).toEqual(['not-recorded v1']);
  const wider = catalogueOf(V1.extend({ channel: z.string().optional() }));
  expect(findings(wider, recorded(catalogueOf(V1)))).toEqual(['not-recorded v1']);
  expect(findings(wider, recorded(catalogueOf(V1), wider))).toEqual([]);
});

test('a finding says whether the type is new', () => {
  const wider = catalogueOf(V1.extend({ channel: z.string().optional() }));
  const [isNew] = checkSchemas(catalogueOf(V1), {}).findings;
  const [hasChanged] = checkSchemas(wider, recorded(catalogueOf(V1))).findings;
  expect(isNew?.message).toMatch(/^is new:/);
  expect(hasChanged?.message).toMatch(/^has changed and stays compatible:/);
});

test('a new description is no change', () => {
  const described = catalogueOf(V1.describe('An order').extend({ total: z.number().describe('In euros') }));
  expect(findings(described, recorded(catalogueOf(V1)))).toEqual([]);
});

const required = catalogueOf(V1.extend({ channel: z.string() }));
const removedField = catalogueOf(z.object({ note: z.string().optional() }));
const MISSING = 'incompatible v1 BACKWARD $.channel required';
const LACKING = 'incompatible v1 FORWARD $.total required';
test.each([
  ['BACKWARD', required, [MISSING]],
  ['FORWARD', required, ['not-recorded v1']],
  ['FULL', required, [MISSING]],
  ['BACKWARD', removedField, ['not-recorded v1']],
  ['FORWARD', removedField, [LACKING]],
  ['FULL', removedField, [LACKING]],
  ['BACKWARD_TRANSITIVE', removedField, ['not-recorded v1']],
  ['FORWARD_TRANSITIVE', required, ['not-recorded v1']],
] as const)('%s reports exactly its own direction', (compatibility, changed, expected) => {
  expect(findings(changed, recorded(catalogueOf(V1)), { compatibility })).toEqual(expected);
});

test('the default mode checks both directions', () => {
  const changed = catalogueOf(z.object({ total: z.string() }));
  expect(findings(changed, recorded(catalogueOf(V1)))).toEqual([
    'incompatible v1 BACKWARD $.total type',
    'incompatible v1 FORWARD $.total type',
  ]);
});

test('a transitive mode compares with every recorded revision of the version', () => {
  const a = (schema: StandardSchemaV1 & z.ZodType) => catalogueOf(z.object({ a: schema }));
  const history = recorded(a(z.string()), catalogueOf(z.object({})));
  const again = a(z.number().optional());
  expect(findings(again, history, { compatibility: 'BACKWARD' })).toEqual(['not-recorded v1']);
  expect(findings(again, history, { compatibility: 'BACKWARD_TRANSITIVE' })).toEqual([
    'incompatible v1 BACKWARD $.a type',
  ]);
  const optional = a(z.string().optional());
  expect(findings(optional, history, { compatibility: 'FORWARD' })).toEqual(['not-recorded v1']);
  expect(findings(optional, history, { compatibility: 'FORWARD_TRANSITIVE' })).toEqual([
    'incompatible v1 FORWARD $.a required',
  ]);
});

const V2 = z.object({ amount: z.string() });
test('a breaking change passes with a new version and an upcaster', () => {
  const baseline = recorded(catalogueOf(V1));
  expect(findings(catalogueOf(V2), baseline)).not.toEqual(['not-recorded v1']);
  expect(findings(catalogueOf(V2, { version: 2 }), baseline)).toEqual(['upcaster-missing v1']);
  const raised = catalogueOf(V2, { version: 2, upcasters: { 1: up } });
  expect(findings(raised, baseline)).toEqual(['not-recorded v2']);
  expect(findings(raised, recorded(catalogueOf(V1), raised))).toEqual([]);
  expect(findings(catalogueOf(V1), recorded(catalogueOf(V1), raised))).toEqual(['version-lowered v1']);
});

test('a transitive mode does not compare with another version', () => {
  const raised = (schema: StandardSchemaV1) => catalogueOf(schema, { version: 2, upcasters: { 1: up } });
  const baseline = recorded(catalogueOf(V1), raised(V2));
  const wider = raised(V2.extend({ note: z.string().optional() }));
  expect(findings(wider, baseline, { compatibility: 'FULL_TRANSITIVE' })).toEqual(['not-recorded v2']);
});

test('a schema that reads what it writes is recorded once', () => {
  const text = catalogueOf(z.string());
  const baseline = recorded(text);
  expect(printBaseline(baseline)).not.toContain('"reads"');
  expect(findings(text, baseline)).toEqual([]);
});

test('a recorded upcaster may not be removed without the contents of the table', () => {
  const raised = catalogueOf(V2, { version: 2, upcasters: { 1: up } });
  expect(findings(catalogueOf(V2, { version: 2 }), recorded(catalogueOf(V1), raised))).toEqual(['upcaster-removed v1']);
});

const events = { pending: 0, parked: 0, processed: 0 };
test.each([
  ['no event', [], ['not-recorded v2']],
  ['the newest version', [{ ceType: 'order.placed.v2', ...events, pending: 1 }], ['not-recorded v2']],
  ['a type of another catalogue', [{ ceType: 'stock.reserved', ...events, pending: 1 }], ['not-recorded v2']],
  ['a pending event of the version', [{ ceType: 'order.placed', ...events, pending: 1 }], ['upcaster-needed v1']],
  ['a parked event of the version', [{ ceType: 'order.placed', ...events, parked: 1 }], ['upcaster-needed v1']],
  ['a processed event of the version', [{ ceType: 'order.placed', ...events, processed: 1 }], ['upcaster-needed v1']],
  ['a newer version', [{ ceType: 'order.placed.v3', ...events, pending: 1 }], ['upcaster-needed v3']],
])('a removed upcaster is checked against a table that holds %s', (_, stored, expected) => {
  const raised = catalogueOf(V2, { version: 2, upcasters: { 1: up } });
  const without = catalogueOf(V2, { version: 2 });
  expect(findings(without, recorded(catalogueOf(V1), raised), { stored })).toEqual(expected);
});

test('the report matches the stored types with the catalogue', () => {
  const stored = [
    { ceType: 'order.placed', ...events, pending: 2 },
    { ceType: 'other', ...events, parked: 1 },
  ];
  const { stored: matched } = checkSchemas(catalogueOf(V2, { version: 2, upcasters: { 1: up } }), {}, { stored });
  expect(matched).toEqual([
    { ...stored[0], type: 'order.placed', version: 1, isReadable: true },
    { ...stored[1], isReadable: false },
  ]);
});

test('a removed type and another content type are findings', () => {
  const other = defineEvents({ 'order.paid': { schema: V1, topic: 'orders' } });
  expect(checkSchemas(other, recorded(catalogueOf(V1))).findings).toMatchObject([
    { kind: 'not-recorded', type: 'order.paid' },
    { kind: 'type-removed', type: 'order.placed', version: 1 },
  ]);
  expect(findings(catalogueOf(V1, { contentType: 'application/vnd.x+json' }), recorded(catalogueOf(V1)))).toEqual([
    'content-type v1',
  ]);
});

test('a schema that refuses its own output is a finding without any baseline', () => {
  const turned = catalogueOf(V1, {
    jsonSchema: (direction) => ({ type: direction === 'input' ? 'string' : 'number' }),
  });
  expect(findings(turned, {})).toEqual(['own-data v1 $ type']);
});

test('the baseline drops revisions that can no longer be read', () => {
  const raised = catalogueOf(V2, { version: 2, upcasters: { 1: up } });
  const versions = (baseline: SchemaBaseline) => baseline['order.placed']?.revisions.map(({ version }) => version);
  expect(versions(recorded(catalogueOf(V1), raised))).toEqual([1, 2]);
  expect(versions(recorded(catalogueOf(V1), raised, catalogueOf(V2, { version: 2 })))).toEqual([2]);
});

test('the text of the baseline does not depend on the order of types and fields', () => {
  const text = (names: readonly string[], schema: StandardSchemaV1) =>
    printBaseline(
      checkSchemas(defineEvents(Object.fromEntries(names.map((name) => [name, { schema, topic: 't' }]))), {}).baseline,
    );
  const one = text(['a', 'b'], z.object({ x: z.string(), y: z.number().optional() }));
  expect(text(['b', 'a'], z.object({ y: z.number().optional(), x: z.string() }))).toBe(one);
  expect(one).toMatch(/^\{\n {2}"format": 1,\n {2}"types": \{\n {4}"a": /);
});

test('a recorded type without revisions has written and accepted nothing', () => {
  const never = { contentType: 'x', upcasters: [], revisions: [] };
  expect(latest(never)).toEqual({ version: 0, writes: false, reads: false });
});

const typeWith = (changed: object) =>
  JSON.stringify({
    format: 1,
    types: { a: { contentType: 'x', upcasters: [], revisions: [{ version: 1, writes: true }], ...changed } },
  });

test('a baseline with every field of its type is read', () => {
  const revisions = [{ version: 1, writes: true, reads: { type: 'string' } }];
  expect(parseBaseline(typeWith({ upcasters: [1], revisions }), 'b.json')).toEqual({
    a: { contentType: 'x', upcasters: [1], revisions },
  });
});

test.each([
  ['{', 'it is not JSON'],
  [
    typeWith({ revisions: [{ version: 1, writes: { const: 0 } }] }).replace('0', '1e400'),
    'it has a number that is too large',
  ],
  [
    typeWith({ revisions: [{ version: 1, writes: { const: 0 } }] }).replace('0', '-1e400'),
    'it has a number that is too large',
  ],
  ['null', '"format" is not 1'],
  ['{}', '"format" is not 1'],
  ['{"format":2,"types":{}}', '"format" is not 1'],
  ['{"format":1}', '"types" is missing'],
  ['{"format":1,"types":{"a":null}}', '"a" is not valid'],
  ['{"format":1,"types":{"a":{}}}', '"a" is not valid'],
  [typeWith({ contentType: 1 }), '"a" is not valid'],
  [typeWith({ upcasters: {} }), '"a" is not valid'],
  [typeWith({ upcasters: ['1'] }), '"a" is not valid'],
  [typeWith({ revisions: {} }), '"a" is not valid'],
  [typeWith({ revisions: [] }), '"a" is not valid'],
  [typeWith({ revisions: [null] }), '"a" is not valid'],
  [typeWith({ revisions: [{ version: 1 }] }), '"a" is not valid'],
  [typeWith({ revisions: [{ version: 1, writes: true }, { version: 2 }] }), '"a" is not valid'],
  [typeWith({ revisions: [{ version: '1', writes: true }] }), '"a" is not valid'],
  [typeWith({ revisions: [{ version: 1, writes: 1, reads: true }] }), '"a" is not valid'],
  [typeWith({ revisions: [{ version: 1, writes: true, reads: 1 }] }), '"a" is not valid'],
])('a baseline with the text %s is refused', async (text, problem) => {
  const error = await refusal('operation-refused', () => parseBaseline(text, 'outbox-schemas.json'));
  const why = expect.stringContaining(`outbox-schemas.json cannot be read: ${problem}`) as string;
  expect(error.details).toEqual({ operation: 'schema', why });
  expect(error.message).toContain(error.details.why);
});
