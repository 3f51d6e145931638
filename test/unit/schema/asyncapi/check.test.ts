import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { defineEvents, type EventCatalogue, type EventDefinition, type StandardSchemaV1 } from '../../../../lib';
import {
  asyncApiDocument,
  checkAsyncApi,
  checkSchemas,
  parseAsyncApi,
  printAsyncApi,
  type AsyncApiCompatibility,
  type SchemaFinding,
} from '../../../../lib/operator';
import { refusal } from '../../write/order-outbox';
import { INFO, shop } from './shop-events';

const up = (): unknown => 0;
const V1 = z.object({ total: z.number(), note: z.string().optional() });
const V2 = z.object({ total: z.string() });
const Tree = z.object({
  value: z.number(),
  get left() {
    return Tree.optional();
  },
});
const Forest = z.object({
  value: z.number().int(),
  get left() {
    return Forest.optional();
  },
});

const catalogueOf = (schema: StandardSchemaV1, more: Partial<EventDefinition> = {}): EventCatalogue =>
  defineEvents({ 'order.placed': { schema, topic: 'orders', ...more } });
const documentOf = (catalogue: EventCatalogue) => asyncApiDocument(catalogue, INFO);
const written = (catalogue: EventCatalogue) =>
  parseAsyncApi(JSON.parse(printAsyncApi(documentOf(catalogue))), 'asyncapi.json');
const check = (before: EventCatalogue, after: EventCatalogue, compatibility?: AsyncApiCompatibility) =>
  checkAsyncApi(documentOf(after), written(before), { compatibility }).findings;
/** The gate on schemas, for the same change. */
const gate = (before: EventCatalogue, after: EventCatalogue, compatibility?: AsyncApiCompatibility) =>
  checkSchemas(after, checkSchemas(before, {}).baseline, { compatibility }).findings;

/** Without the messages, in any order: that of the findings of a type follows the keys of its schema. */
const factsOf = (findings: readonly SchemaFinding[]) =>
  findings
    .map(({ kind, type, version, mode, path, rule }) => [kind, type, version, mode, path, rule].join(' '))
    .toSorted();

const CHANGES: readonly [string, EventCatalogue, EventCatalogue][] = [
  ['nothing', catalogueOf(V1), catalogueOf(V1)],
  ['an optional property', catalogueOf(V1), catalogueOf(V1.extend({ channel: z.string().optional() }))],
  ['a required property', catalogueOf(V1), catalogueOf(V1.extend({ channel: z.string() }))],
  ['a property with a default', catalogueOf(V1), catalogueOf(V1.extend({ channel: z.string().default('web') }))],
  ['a removed property', catalogueOf(V1), catalogueOf(z.object({ note: z.string().optional() }))],
  ['another type of a property', catalogueOf(V1), catalogueOf(z.object({ total: z.string() }))],
  ['a narrower number, deep inside', catalogueOf(Tree), catalogueOf(Forest)],
  ['a longer tuple', catalogueOf(z.tuple([z.string()])), catalogueOf(z.tuple([z.string(), z.number()]))],
  ['a looser tuple', catalogueOf(z.tuple([z.int()])), catalogueOf(z.tuple([z.number()]))],
  ['a raised version', catalogueOf(V1), catalogueOf(V2, { version: 2, upcasters: { 1: up } })],
  ['a raised version without an upcaster', catalogueOf(V1), catalogueOf(V2, { version: 2 })],
  ['a lost upcaster', catalogueOf(V2, { version: 2, upcasters: { 1: up } }), catalogueOf(V2, { version: 2 })],
  ['a lowered version', catalogueOf(V2, { version: 2 }), catalogueOf(V1)],
  ['another content type', catalogueOf(V1), catalogueOf(V1, { contentType: 'application/vnd.order+json' })],
  ['data without a schema', catalogueOf(V1), catalogueOf(V1, { jsonSchema: false })],
  [
    'a schema that refuses its own output',
    catalogueOf(V1),
    catalogueOf(V1, { jsonSchema: (direction) => ({ type: direction === 'input' ? 'string' : 'number' }) }),
  ],
  ['another type of event', catalogueOf(V1), defineEvents({ 'order.shipped': { schema: V1, topic: 'orders' } })],
];

describe.each(['BACKWARD', 'FORWARD', 'FULL'] as const)('%s', (compatibility) => {
  test.each(CHANGES)('%s: the same findings as from the gate on schemas', (_, before, after) => {
    expect(factsOf(check(before, after, compatibility))).toEqual(factsOf(gate(before, after, compatibility)));
  });
});

test('the cases have findings of every kind, and changes without one', () => {
  const kinds = new Set(CHANGES.flatMap(([, before, after]) => check(before, after).map(({ kind }) => kind)));
  expect([...kinds].toSorted()).toEqual(
    [
      ...['incompatible', 'own-data', 'content-type', 'not-recorded'],
      ...['type-removed', 'upcaster-missing', 'upcaster-removed', 'version-lowered'],
    ].toSorted(),
  );
});

test('a document is compatible with itself, from JSON and from YAML', () => {
  const document = documentOf(shop());
  const yaml = stringify(document, { aliasDuplicateObjects: false });
  expect(checkAsyncApi(document, written(shop())).findings).toEqual([]);
  expect(checkAsyncApi(document, parseAsyncApi(parse(yaml), 'asyncapi.yaml'))).toEqual({
    ...{ compatibility: 'FULL', types: 6, findings: [] },
  });
});

test('another topic breaks the readers of the first one', () => {
  const moved = catalogueOf(V1, { topic: 'sales' });
  expect(check(catalogueOf(V1), moved)).toMatchObject([
    {
      kind: 'topic-changed',
      type: 'order.placed',
      message: expect.stringContaining('topic orders and is sent to sales'),
    },
  ]);
});

test('a header that readers could rely on, and no longer can, is a finding', () => {
  const dataSchema = 'https://example.com/order-placed-1.json';
  const [plain, linked] = [catalogueOf(V1), catalogueOf(V1, { dataSchema })];
  expect(check(linked, plain)).toEqual([
    {
      kind: 'header-removed',
      type: 'order.placed',
      version: 1,
      message: 'was always sent with the header ce_dataschema, and no longer is: its readers may need it',
    },
  ]);
  expect(check(plain, linked).map(({ kind }) => kind)).toEqual(['not-recorded']);
});

test('a description that differs must be written again, another title of the document need not', () => {
  const described = catalogueOf(V1.describe('An order.'));
  expect(check(catalogueOf(V1), described).map(({ kind }) => kind)).toEqual(['not-recorded']);
  const renamed = asyncApiDocument(catalogueOf(V1), { ...INFO, title: 'Store' });
  expect(checkAsyncApi(renamed, written(catalogueOf(V1))).findings).toEqual([]);
});

const VALID = JSON.parse(printAsyncApi(documentOf(catalogueOf(V1)))) as Record<string, unknown>;
const withMessage = (changed: object) => {
  const message = written(catalogueOf(V1)).channels['orders']?.messages['order.placed'];
  return { ...VALID, channels: { orders: { messages: { 'order.placed': { ...message, ...changed } } } } };
};
const NOT_VALID = 'the message "order.placed" of channel "orders" is not valid';
test.each<[string, unknown, string]>([
  ['an empty file', null, 'it is empty'],
  ['no document', [], '"asyncapi" is not set; it must be 3.x'],
  ['another version of AsyncAPI', { ...VALID, asyncapi: '2.6.0' }, '"asyncapi" is "2.6.0"; it must be 3.x'],
  ['no title', { ...VALID, info: { version: '1' } }, '"info" has no title and version'],
  ['no messages', { ...VALID, channels: {} }, 'it has no messages'],
  ['a message of another tool', withMessage({ 'x-outbox': undefined }), NOT_VALID],
  ['a version that is none', withMessage({ 'x-outbox': { version: '1', oldestReadableVersion: 1 } }), NOT_VALID],
  [
    'an oldest version above the newest',
    withMessage({ 'x-outbox': { version: 1, oldestReadableVersion: 2 } }),
    NOT_VALID,
  ],
  ['a payload that is no schema', withMessage({ payload: 'string' }), NOT_VALID],
  ['no content type', withMessage({ contentType: undefined }), NOT_VALID],
])('%s cannot be compared', async (_, document, problem) => {
  const { message } = await refusal('operation-refused', () => parseAsyncApi(document, 'a.json'));
  expect(message).toBe(
    `schema asyncapi: a.json cannot be compared: ${problem}. Name a document that "outbox schema asyncapi" wrote.`,
  );
});
