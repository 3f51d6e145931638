import { Parser } from '@asyncapi/parser';
import Ajv from 'ajv';
import { z } from 'zod';
import { defineEvents, type EventDefinition } from '../../../../lib';
import { messagesOf } from '../../../../lib/event/message';
import { asyncApiDocument, printAsyncApi, type AsyncApiOptions } from '../../../../lib/operator';
import { MESSAGE_HEADERS } from '../../../../lib/schema/asyncapi/headers';
import { anEvent, anItem } from '../../../builders/items';
import { refusal, untyped } from '../../write/order-outbox';
import { INFO, SHOP, shop } from './shop-events';

const TOPICS = {
  orders: { partitions: 24, replicationFactor: 3, configs: { 'cleanup.policy': 'compact,delete' }, keyed: true },
  elsewhere: { partitions: 1 },
};
const document = asyncApiDocument(shop(), { ...INFO, topics: TOPICS });
const placed = document.channels['orders']?.messages['order.placed'];

const documentOf = (definition: Partial<EventDefinition>, options: Partial<AsyncApiOptions> = {}) =>
  asyncApiDocument(defineEvents({ a: { schema: z.unknown(), topic: 't', ...definition } }), { ...INFO, ...options });
const messageOf = (definition: Partial<EventDefinition>) => documentOf(definition).channels['t']?.messages['a'];
const kafkaOf = (topic: AsyncApiOptions['topics'], definition: Partial<EventDefinition> = {}) =>
  documentOf(definition, { topics: topic }).channels['t']?.bindings.kafka;

describe('the parser of AsyncAPI', () => {
  const parser = new Parser();

  test('accepts the document without an error or a warning', async () => {
    const { document: parsed, diagnostics } = await parser.parse(printAsyncApi(document));
    // The version 3.0 is a choice; the parser recommends a newer one.
    expect(diagnostics.map(({ code }) => code)).toEqual(['asyncapi-latest-version']);
    const channels = parsed?.allChannels().all() ?? [];
    const messages = channels.flatMap((channel) =>
      channel
        .messages()
        .all()
        .map((message) => [channel.address(), message.id(), message.name(), message.contentType()]),
    );
    expect(messages).toEqual([
      ['catalogue', 'category.moved', 'category.moved', 'application/json'],
      ['labels', 'label.printed', 'label.printed', 'application/pdf'],
      ['odd.topic_1', 'odd/näme ~ 100%#"', 'odd/näme ~ 100%#"', 'application/json'],
      ['orders', 'order.cancelled', 'order.cancelled', 'application/json'],
      ['orders', 'order.placed', 'order.placed.v2', 'application/json'],
      ['positions', 'position.seen', 'position.seen', 'application/json'],
    ]);
    const operations = parsed?.allOperations().all() ?? [];
    expect(operations.map((operation) => [operation.id(), operation.action(), operation.messages().length])).toEqual([
      ['send.catalogue', 'send', 1],
      ['send.labels', 'send', 1],
      ['send.odd.topic_1', 'send', 1],
      ['send.orders', 'send', 2],
      ['send.positions', 'send', 1],
    ]);
  });

  test('finds a mistake, so that its silence means something', async () => {
    const wrong = printAsyncApi(document).replace('"minLength": 1', '"minLength": "one"');
    const { diagnostics } = await parser.parse(wrong);
    expect(diagnostics.map(({ severity }) => severity)).toContain(0);
  });
});

test('a channel states the properties of its topic, and no others', () => {
  expect(document.channels['orders']?.bindings.kafka).toEqual({
    ...{ topic: 'orders', partitions: 24, replicas: 3, bindingVersion: '0.5.0' },
    topicConfiguration: { 'cleanup.policy': ['compact', 'delete'] },
  });
  expect(document.channels['catalogue']?.bindings.kafka).toEqual({ topic: 'catalogue', bindingVersion: '0.5.0' });
  expect(document.channels['positions']?.bindings.kafka.topicConfiguration).toEqual({ 'max.message.bytes': 5_000 });
  expect(Object.keys(document.channels)).not.toContain('elsewhere');
});

test('properties of a topic are numbers where AsyncAPI says so; one that JSON cannot hold is left out', () => {
  const configs = { 'retention.ms': '-1', 'retention.bytes': String(2n ** 63n - 1n), 'min.insync.replicas': '2' };
  expect(kafkaOf({ t: { configs } })?.topicConfiguration).toEqual({ 'retention.ms': -1 });
});

test('the limit of the topic takes precedence over that of a type', () => {
  expect(kafkaOf({ t: { configs: { 'max.message.bytes': '9' } } }, { maxMessageBytes: 7 })?.topicConfiguration).toEqual(
    { 'max.message.bytes': 9 },
  );
});

test('a message has the annotations of its schema, its version and its key', () => {
  expect(placed).toMatchObject({
    ...{ name: 'order.placed.v2', title: 'Order placed', description: 'A customer has ordered.' },
    examples: [{ payload: { orderId: '42', total: { amount: 5, currency: 'EUR' } } }],
    bindings: { kafka: { key: { type: 'string' }, bindingVersion: '0.5.0' } },
    'x-eventcatalog-message-version': '2',
    'x-outbox': { version: 2, oldestReadableVersion: 1 },
  });
  expect(placed).not.toHaveProperty('deprecated');
  expect(document.channels['orders']?.messages['order.cancelled']).toMatchObject({
    ...{ title: 'order.cancelled', deprecated: true, 'x-outbox': { version: 1, oldestReadableVersion: 1 } },
  });
});

test('the payload is the data that consumers accept, and the data that is written stands next to it', () => {
  const schema = z.object({ note: z.string().default('none') });
  const message = messageOf({ schema });
  expect(message?.payload).toEqual({
    type: 'object',
    properties: { note: { type: 'string', default: 'none' } },
  });
  expect(message?.['x-outbox'].writes).toEqual({
    ...{ type: 'object', properties: { note: { type: 'string' } }, required: ['note'], additionalProperties: false },
  });
  expect(messageOf({ schema: z.strictObject({ a: z.string() }) })?.['x-outbox']).not.toHaveProperty('writes');
});

test('data without a JSON Schema has no payload', () => {
  expect(document.channels['labels']?.messages['label.printed']).not.toHaveProperty('payload');
});

test('references lead to the place of the schema in the document', () => {
  const at = '#/channels/orders/messages/order.placed/payload';
  expect(placed?.payload).toMatchObject({
    properties: {
      total: { $ref: `${at}/$defs/Money` },
      // Draft 7 ignores keywords next to a reference.
      shipping: { description: 'Nothing if collected.', allOf: [{ $ref: `${at}/$defs/Money` }] },
    },
    $defs: { Money: { type: 'object' } },
  });
});

test('the order of the definitions changes nothing', () => {
  const reversed = defineEvents(Object.fromEntries(Object.entries(SHOP).toReversed()));
  expect(printAsyncApi(asyncApiDocument(reversed, { ...INFO, topics: TOPICS }))).toBe(printAsyncApi(document));
});

describe('the schema of the headers', () => {
  const ajv = new Ajv({ formats: { 'date-time': true, uri: true, 'uri-reference': true } });
  const isValid = ajv.compile(MESSAGE_HEADERS as object);
  const { properties, required } = MESSAGE_HEADERS as { properties: object; required: string[] };
  const full = messagesOf(
    anItem({
      ...{ version: 7, events: [anEvent({ dataSchema: 'https://example.com/a.json' })] },
      ...{ traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, tracestate: 'a=b' },
      ...{ causationId: 'c', correlationId: 'd' },
    }),
  )[0]?.headers;
  const { sk: _version, ...unversioned } = anItem({ events: [anEvent({ headers: {} })] });
  const least = messagesOf({ ...unversioned, sk: '019b7ca9-8f2e-7000-8000-000000000001' })[0]?.headers;

  test('names every header that the relay writes, and accepts their values', () => {
    expect(Object.keys(properties).toSorted()).toEqual([...Object.keys(full ?? {}), 'outbox-replay'].toSorted());
    expect([isValid(full), isValid.errors]).toEqual([true, null]);
  });

  test('requires the headers that every message has', () => {
    expect([isValid(least), isValid.errors]).toEqual([true, null]);
    expect(required.toSorted()).toEqual(Object.keys(least ?? {}).toSorted());
    expect(isValid({ ...least, ce_sequence: '7' })).toBe(false);
  });

  test('of a message has its type and its content type', () => {
    expect(placed?.headers).toEqual({
      type: 'object',
      allOf: [{ $ref: '#/components/schemas/cloudEventsHeaders' }],
      properties: {
        ce_type: { const: 'order.placed.v2' },
        'content-type': { const: 'application/json' },
        ce_dataschema: { const: 'https://example.com/order-placed-2.json' },
      },
      required: ['ce_dataschema'],
    });
  });
});

test.each<[string, Partial<EventDefinition>, string]>([
  [
    'a reference to another document',
    { jsonSchema: () => ({ $ref: 'https://example.com/a.json' }) },
    'a: its JSON Schema refers to "https://example.com/a.json": it may refer only to its own "#/…"',
  ],
  [
    'a nested id',
    { jsonSchema: () => ({ properties: { a: { $id: 'urn:a' } } }) },
    'a: its JSON Schema has a nested "$id": use "$ref" and "$defs"',
  ],
  [
    'a dialect with other keywords',
    { jsonSchema: () => ({ $schema: 'http://json-schema.org/draft-04/schema#' }) },
    'a: its JSON Schema is of the dialect "http://json-schema.org/draft-04/schema#": use draft 2020-12 or draft 7',
  ],
  [
    'an example that is not valid',
    { jsonSchema: () => ({ type: 'string', examples: ['a', 1] }) },
    'a: its schema refuses its own example 1',
  ],
])('%s is refused', async (_, definition, why) => {
  const { message } = await refusal('operation-refused', () => documentOf(definition));
  expect(message).toBe(`schema asyncapi: there is no AsyncAPI message of ${why}.`);
});

test.each([
  ['title', { title: ' ' }],
  ['version', { version: undefined }],
  ['topics', { topics: ['t'] }],
  ['topics["t"].partitions', { topics: { t: { partitions: 0 } } }],
  ['topics["t"].configs', { topics: { t: { configs: { 'cleanup.policy': 1 } } } }],
  ['tittle', { tittle: 'Shop' }],
])('a wrong option "%s" is refused', async (option, options) => {
  const { details } = await refusal('invalid-option', () => documentOf({}, untyped(options)));
  expect(details.option).toBe(option);
});
