import { marshall } from '@aws-sdk/util-dynamodb';
import fc from '../../builders/fast-check';
import { decodeItem, encodeItem } from '../../../lib/event/item';
import { createOutbox, defineEvents, type StandardSchemaV1 } from '../../../lib';
import { itemBytes } from '../../../lib/dynamodb/item-size';
import { untyped } from './order-outbox';

const anything: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};
const outbox = createOutbox({
  tableName: 'shop-outbox',
  service: 'shop',
  region: 'eu-central-1',
  clock: { now: () => Date.UTC(9999, 0) },
  events: defineEvents({
    json: { schema: anything, topic: 'json' },
    text: { schema: anything, topic: 'text', contentType: 'text/plain' },
    bytes: { schema: anything, topic: 'bytes', contentType: 'application/octet-stream', dataSchema: 'urn:bytes' },
  }),
});

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const overrides = {
  topic: fc.option(fc.stringMatching(/^[a-z][A-Za-z0-9._-]{0,20}$/), { nil: undefined }),
  time: fc.option(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), { nil: undefined }),
  headers: fc.option(fc.dictionary(fc.stringMatching(/^x-[!-~]{0,10}$/), text, { maxKeys: 4 }), { nil: undefined }),
};
const event = fc.oneof(
  fc.record({ ...overrides, type: fc.constant('json'), data: fc.jsonValue({ maxDepth: 3 }) }),
  fc.record({ ...overrides, type: fc.constant('text'), data: text }),
  fc.record({ ...overrides, type: fc.constant('bytes'), data: fc.uint8Array({ maxLength: 50 }) }),
);
const change = fc.record({
  aggregate: fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,20}$/),
  key: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  version: fc.option(fc.maxSafeNat(), { nil: undefined }),
});

test('whatever is written is read as it was meant, through DynamoDB’s own values', async () => {
  await fc.assert(
    fc.asyncProperty(
      change,
      fc.array(event, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 0, max: Date.UTC(9999, 0) }).filter((at) => at < 1e8 || at >= 1e10),
      async (aggregate, events, committedAt) => {
        const [entry] = await outbox.items(aggregate, untyped(events), { committedAt });
        const item = entry!.Put.Item;
        const image = marshall(item);
        const decoded = decodeItem(image);

        expect(encodeItem(decoded)).toEqual(item);
        expect(decoded).toMatchObject({ aggregate: aggregate.aggregate, key: aggregate.key, committedAt });
        decoded.events.forEach((read, index) => {
          const given = events[index]!;
          expect(read.topic).toBe(given.topic ?? given.type);
          expect(read.time).toBe((given.time ?? new Date(committedAt)).toISOString());
          expect(read.headers ?? {}).toEqual(given.headers ?? {});
          if (given.type === 'json') expect(read.data).toBe(JSON.stringify(given.data));
          else expect(read.data).toEqual(given.data);
        });
      },
    ),
  );
});

test('the size of an item never falls below that of its texts', () => {
  fc.assert(
    fc.property(fc.dictionary(text, text), (item) => {
      const texts = Object.entries(item).flat().join('');
      expect(itemBytes(item)).toBeGreaterThanOrEqual(Buffer.byteLength(texts));
    }),
  );
});
