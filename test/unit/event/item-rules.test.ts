import { marshall } from '@aws-sdk/util-dynamodb';
import Ajv2020 from 'ajv/dist/2020';
import { type CloudEvent, Kafka } from 'cloudevents';
import fc from '../../builders/fast-check';
import { ATTRIBUTE_CASES } from '../../builders/attribute-cases';
import { createOutbox, defineEvents, OutboxError, type StandardSchemaV1 } from '../../../lib';
import { decodeItem, encodeItem } from '../../../lib/event/item';
import { keeps, LIMITS, RULES } from '../../../lib/event/item-rules';
import itemSchema from '../../../lib/event/item.schema.json';
import { messagesOf } from '../../../lib/event/message';
import { positionOfVersion } from '../../../lib/event/position';
import { anEvent, anItem } from '../../builders/items';
import { NOW, untyped } from '../write/order-outbox';

const validate = new Ajv2020({ strict: false }).compile(itemSchema);

type Document = Record<string, unknown>;
const ID = '019c13ec-a200-7000-8000-000000000001';

/** Optional attributes of the item. */
const OF_ITEM = ['traceparent', 'tracestate', 'causationId', 'correlationId'];

/** A valid item, except that the attribute is `value`. */
function itemWith(attribute: string, value: unknown): Document {
  const item = {
    pk: 'order#42',
    sk: '0000000000000001',
    id: ID,
    source: '/shop/order',
    region: 'eu-central-1',
    committedAt: NOW,
  };
  const event = { id: ID, type: 'order.placed', topic: 'orders', data: '{}' };
  switch (attribute) {
    case 'id':
      return { ...item, id: value, events: [{ ...event, id: value }] };
    case 'headerName':
      return { ...item, events: [{ ...event, headers: Object.fromEntries([[value, 'x']]) }] };
    case 'headerValue':
      return { ...item, events: [{ ...event, headers: { a: value } }] };
    default:
      return OF_ITEM.includes(attribute) || attribute in item
        ? { ...item, [attribute]: value, events: [event] }
        : { ...item, events: [{ ...event, [attribute]: value }] };
  }
}

/** The SDK's marshaller refuses a key `constructor` and loses `__proto__`; DynamoDB and other SDKs accept both. */
function decoded(attribute: string, value: unknown): ReturnType<typeof decodeItem> {
  if (attribute !== 'headerName') return decodeItem(marshall(itemWith(attribute, value)));
  const image = marshall(itemWith('headerValue', 'x'));
  const [event] = image['events']!.L!;
  event!.M!['headers'] = { M: Object.fromEntries([[String(value), { S: 'x' }]]) };
  return decodeItem(image);
}

const anything: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};

/** The item that the write helper puts if a caller passes `value`. */
async function written(attribute: string, value: unknown): Promise<Document> {
  const passed = (...names: string[]) => (names.includes(attribute) ? { [attribute]: value } : {});
  const type = attribute === 'type' ? String(value) : 'order.placed';
  const outbox = createOutbox({
    tableName: 'shop-outbox',
    service: 'shop',
    region: 'eu-central-1',
    events: defineEvents({
      [type]: { schema: anything, topic: 'orders', ...passed('contentType', 'dataSchema') },
    }),
    clock: { now: () => (attribute === 'committedAt' ? Number(value) : NOW) },
    ...passed('source', 'region'),
  });
  const [, aggregate = '', key = ''] = /^([^#]*)#?([^]*)$/.exec(attribute === 'pk' ? String(value) : 'order#42') ?? [];
  const headers =
    attribute === 'headerName'
      ? { headers: Object.fromEntries([[String(value), 'x']]) }
      : attribute === 'headerValue'
        ? { headers: { a: value } }
        : {};
  const trace = attribute.startsWith('trace')
    ? {
        traceContext: {
          traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
          ...passed('traceparent', 'tracestate'),
        },
      }
    : {};
  const event = untyped({ type, data: 'x', ...headers, ...passed('id', 'time', 'topic') });
  const options = untyped({ ...trace, ...passed('committedAt', 'causationId', 'correlationId') });
  const [entry] = await outbox.items({ aggregate, key, version: 1 }, [event], options);
  return entry!.Put.Item;
}

async function accepts(attempt: () => unknown): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    if (error instanceof OutboxError) return false;
    throw error;
  }
}

const verdicts = async (attribute: string, value: unknown) => ({
  writer: await accepts(() => written(attribute, value)),
  schema: validate(itemWith(attribute, value)),
  relay: await accepts(() => decoded(attribute, value)),
});
const ACCEPTED = { writer: true, schema: true, relay: true };
const REFUSED = { writer: false, schema: false, relay: false };

/** Reads the messages of an item with the official SDK, as a consumer in JavaScript does. */
function readBySdk(item: ReturnType<typeof decodeItem>): void {
  for (const { headers, key, value } of messagesOf(item)) {
    const read = Kafka.toEvent({ headers, key: key.toString(), value: value?.toString() ?? '', body: '' } as never);
    (read as CloudEvent).validate();
  }
}

describe.each(Object.keys(ATTRIBUTE_CASES))('%s', (attribute) => {
  const { accepted, refused } = ATTRIBUTE_CASES[attribute]!;
  const name = (value: string) =>
    JSON.stringify(value.length > 80 ? `${value.slice(0, 20)}… (${value.length})` : value);

  test.each(accepted.map((value) => [name(value), value]))('writer, schema and relay accept %s', async (_, value) => {
    expect(await verdicts(attribute, value)).toEqual(ACCEPTED);
    // The schema also accepts the item as the writer writes it.
    expect(validate(await written(attribute, value))).toBe(true);
    expect(() => readBySdk(decoded(attribute, value))).not.toThrow();
  });

  test.each(refused.map((value) => [name(value), value]))('writer, schema and relay refuse %s', async (_, value) => {
    expect(await verdicts(attribute, value)).toEqual(REFUSED);
  });

  test('of any text near the boundary there is one verdict, and the SDK of CloudEvents reads what is accepted', async () => {
    const pieces = [...new Set([...accepted, ...refused].flatMap((each) => Array.from(each)))];
    const near = fc
      .tuple(
        fc.constantFrom(...accepted, ...refused),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.constantFrom('', ...pieces)), { maxLength: 3 }),
      )
      .map(([text, edits]) =>
        edits.reduce((each, [at, removed, piece]) => {
          const place = at % (each.length + 1);
          return each.slice(0, place) + piece + each.slice(place + removed);
        }, text),
      );
    await fc.assert(
      fc.asyncProperty(near, async (value) => {
        const { writer, schema, relay } = await verdicts(attribute, value);
        expect({ value, schema, relay }).toEqual({ value, schema: writer, relay: writer });
        if (relay) readBySdk(decoded(attribute, value));
      }),
      { numRuns: 400 },
    );
  });
});

test.each<[keyof typeof RULES, string]>([
  ['contentType', `a/b;${' '.repeat(400_000)}\n`],
  ['contentType', `a/b${' ;'.repeat(200_000)}\n`],
  ['source', `${'/'.repeat(400_000)} `],
  ['source', `//${'a:'.repeat(200_000)}@@ `],
  ['dataSchema', `a:${'/a'.repeat(200_000)} `],
  ['tracestate', `${' '.repeat(400_000)}a=1\n`],
  ['tracestate', `${`a=${'x '.repeat(127)},`.repeat(32)}\n`],
  ['time', `9999-12-31T${'-'.repeat(400_000)}`],
])('a text of the size of an item is judged at once: %s', (name, value) => {
  expect(keeps(RULES[name], value)).toBe(false);
});

test('a text that no item can hold is refused, instead of ending the engine of regular expressions', () => {
  const long = `/${'a/'.repeat(2e7)}`;
  expect(keeps(RULES.source, long)).toBe(false);
  expect(() =>
    createOutbox(untyped({ tableName: 'abc', service: 's', region: 'r', events: {}, source: long })),
  ).toThrow(OutboxError);
});

test.each([
  [0, true],
  [1, true],
  [LIMITS.committedAt, true],
  [LIMITS.committedAt + 1, false],
  [-1, false],
  [1.5, false],
  // Microseconds, then a text.
  [NOW * 1000, false],
  [String(NOW), false],
])('committedAt %p', async (committedAt, accepted) => {
  expect(await verdicts('committedAt', committedAt)).toEqual(accepted ? ACCEPTED : REFUSED);
});

test.each([
  ['0000000000000000', true],
  ['0000000000000001', true],
  ['9007199254740991', true],
  ['9007199254740992', false],
  ['9007199254741000', false],
  ['9999999999999999', false],
  ['8999999999999999', true],
  ['000000000000001', false],
  ['00000000000000001', false],
  ['000000000000000a', false],
  ['0000000000000001\n', false],
  ['٠000000000000001', false],
  [ID, true],
  [ID.toUpperCase(), false],
  ['019c13ec-a200-4000-8000-000000000001', false],
  ['019c13ec-a200-7000-c000-000000000001', false],
  ['', false],
])('position %p', async (sk, accepted) => {
  expect(validate(itemWith('sk', sk))).toBe(accepted);
  expect(await accepts(() => decoded('sk', sk))).toBe(accepted);
});

test('every version that the writer takes is a position of schema and relay, and no greater one is', () => {
  const digits = fc.bigInt({ min: 0n, max: 10n ** 16n - 1n });
  const nearTheLimit = fc.bigInt({ min: 2n ** 53n - 2000n, max: 2n ** 53n + 2000n });
  fc.assert(
    fc.property(fc.oneof(digits, nearTheLimit), (version) => {
      const sk = String(version).padStart(16, '0');
      const exact = version <= BigInt(Number.MAX_SAFE_INTEGER);
      expect(validate(itemWith('sk', sk))).toBe(exact);
      expect(keeps(RULES.sk, sk)).toBe(exact);
      if (exact) expect(positionOfVersion(Number(version))).toBe(sk);
    }),
  );
});

test.each([
  [1, true],
  [LIMITS.events, true],
  [LIMITS.events + 1, false],
  [0, false],
])('an item of %i events', async (count, accepted) => {
  const events = Array.from({ length: count }, (_, index) => ({
    id: index === 0 ? ID : `${index}`,
    type: 't',
    topic: 'o',
  }));
  expect(validate({ ...itemWith('sk', ID), events })).toBe(accepted);
  const image = { ...marshall(itemWith('sk', ID)), events: { L: events.map((event) => ({ M: marshall(event) })) } };
  expect(await accepts(() => decodeItem(image))).toBe(accepted);
});

test.each(['\ud800', 'a\udfff'])('data that is not well-formed has one verdict: %j', async (data) => {
  expect(validate(itemWith('data', data))).toBe(false);
  expect(await accepts(() => decoded('data', data))).toBe(false);
});

test.each(['', 'no JSON', '{"a":', '\u0000', '9007199254740993', '[1,]'])(
  'data is not compared with its content type: %j',
  async (data) => {
    expect(validate(itemWith('data', data))).toBe(true);
    expect(await accepts(() => decoded('data', data))).toBe(true);
  },
);

test('the schema has the patterns and limits of the table, and formats nowhere', () => {
  const { properties, $defs } = itemSchema;
  const event = $defs.event.properties;
  const stated = {
    pk: properties.pk,
    sk: properties.sk,
    eventId: event.id,
    eventType: event.type,
    topic: event.topic,
    time: event.time,
    contentType: event.contentType,
    dataSchema: event.dataSchema,
    wellFormed: event.data,
    headerName: event.headers.propertyNames,
    source: properties.source,
    region: properties.region,
    traceparent: properties.traceparent,
    tracestate: properties.tracestate,
  };
  for (const [name, { schema }] of Object.entries(RULES)) {
    expect({ name, ...stated[name as keyof typeof RULES] }).toMatchObject({ name, ...schema });
  }
  expect(Object.keys(stated)).toEqual(Object.keys(RULES));
  for (const id of [properties.id, properties.causationId, properties.correlationId]) {
    expect(id).toMatchObject(RULES.eventId.schema);
  }
  expect(event.headers.additionalProperties).toMatchObject(RULES.wellFormed.schema);
  expect([properties.committedAt.maximum, properties.events.maxItems]).toEqual([LIMITS.committedAt, LIMITS.events]);
  expect(JSON.stringify(itemSchema)).not.toContain('"format"');
});

it('an item with two events of one id is refused: a consumer would take the second one for a duplicate', () => {
  const item = encodeItem(
    anItem({ id: 'a', events: [anEvent({ id: 'a' }), anEvent({ id: 'b' }), anEvent({ id: 'a' })] }),
  );
  expect(() => decodeItem(marshall(item))).toThrow(
    expect.objectContaining({
      code: 'undecodable-item',
      message: expect.stringContaining('"events[2].id" is "a"') as string,
    }),
  );
});
