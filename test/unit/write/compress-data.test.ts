import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { z } from 'zod';
import { createOutbox, defineEvents, type EventInput, type OutboxOptions } from '../../../lib';
import { itemBytes } from '../../../lib/dynamodb/item-size';
import { decodeItem } from '../../../lib/event/item';
import { LIMITS } from '../../../lib/event/item-rules';
import { messagesOf } from '../../../lib/event/message';
import fc from '../../builders/fast-check';
import { NOW, refusal, REQUEST_ID } from './order-outbox';

const catalogue = defineEvents({
  'order.placed': { schema: z.unknown(), topic: 'orders' },
  'order.drawn': { schema: z.instanceof(Uint8Array), topic: 'orders', contentType: 'image/svg' },
  'order.forgotten': { schema: z.undefined(), topic: 'orders' },
});
type Definitions = (typeof catalogue)['definitions'];

const outboxThat = (options: Partial<OutboxOptions<Definitions>> = {}) =>
  createOutbox({
    ...{ tableName: 'shop', service: 'shop', region: 'eu-central-1', events: catalogue, clock: { now: () => NOW } },
    ...options,
  });
const order = { aggregate: 'order', key: '42', version: 1 };

async function written(events: readonly EventInput<Definitions>[], compressDataAbove?: number) {
  const [entry] = await outboxThat({ compressDataAbove }).items(order, events, { requestId: REQUEST_ID });
  const item = entry!.Put.Item;
  const stored = item['events'] as { readonly data?: unknown }[];
  const messages = messagesOf(decodeItem(marshall(item)));
  return { item, bytes: itemBytes(item), stored: stored.map(({ data }) => data), messages };
}

/** Lines that differ as those of a business document do. */
const lines = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    sku: createHash('sha256').update(String(n)).digest('hex').slice(0, 20),
    name: `Article number ${n}`,
    quantity: (n % 5) + 1,
    price: { amount: ((n * 317) % 10_000) / 100, currency: 'EUR' },
  }));
const placed = (count: number): EventInput<Definitions> => ({
  type: 'order.placed',
  data: { orderId: '42', lines: lines(count) },
});
const random = (bytes: number): Uint8Array<ArrayBuffer> => {
  let seed = 7;
  return Uint8Array.from({ length: bytes }, () => (seed = (seed * 48_271) % 2_147_483_647) & 0xff);
};
const isGzipped = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && Object.keys(data).join() === 'gzip';

test('large data is stored compressed, and its message does not change', async () => {
  const plain = await written([placed(50)]);
  const compressed = await written([placed(50)], 1_000);

  expect(plain.stored).toEqual([JSON.stringify({ orderId: '42', lines: lines(50) })]);
  expect(isGzipped(compressed.stored[0])).toBe(true);
  expect(Math.ceil(plain.bytes / 1024)).toBe(6);
  expect(Math.ceil(compressed.bytes / 1024)).toBe(2);
  expect(compressed.messages).toEqual(plain.messages);
});

test('only the data changes on the item', async () => {
  const [plain, compressed] = [await written([placed(50)]), await written([placed(50)], 1_000)];
  const [gzip] = compressed.stored as { readonly gzip: Uint8Array }[];
  const events = (compressed.item['events'] as object[]).map((each) => ({
    ...each,
    data: gunzipSync(gzip!.gzip).toString(),
  }));
  expect({ ...compressed.item, events }).toEqual(plain.item);
});

test('without the option nothing is compressed', async () => {
  const { stored } = await written([placed(1_000)]);
  expect(typeof stored[0]).toBe('string');
});

test('data up to the given size stays as it is', async () => {
  const bytes = Buffer.byteLength(JSON.stringify({ orderId: '42', lines: lines(50) }));
  expect(isGzipped((await written([placed(50)], bytes - 1)).stored[0])).toBe(true);
  expect(typeof (await written([placed(50)], bytes)).stored[0]).toBe('string');
});

describe('data stays as it is if compression saves no write unit', () => {
  test('as in an item of less than 1 KB with its marks', async () => {
    const { stored, bytes } = await written([placed(6)], 0);
    expect(bytes).toBeLessThan(1024 - 63);
    expect(typeof stored[0]).toBe('string');
  });

  test('and is compressed if it is only above the border with its marks', async () => {
    const fill = (letters: number): EventInput<Definitions> => ({ type: 'order.placed', data: 'x'.repeat(letters) });
    const { bytes } = await written([fill(0)]);
    const fits = 1024 - 63 - bytes;
    expect(typeof (await written([fill(fits)], 0)).stored[0]).toBe('string');
    expect(isGzipped((await written([fill(fits + 1)], 0)).stored[0])).toBe(true);
  });

  test('as of random bytes, which gzip makes larger', async () => {
    const { stored } = await written([{ type: 'order.drawn', data: random(5_000) }], 0);
    expect(stored).toEqual([random(5_000)]);
  });
});

test('each event of an item is stored as it is smaller', async () => {
  const events: EventInput<Definitions>[] = [
    placed(40),
    { type: 'order.drawn', data: random(2_000) },
    { type: 'order.drawn', data: new Uint8Array(3_000).fill(7) },
    { type: 'order.forgotten' },
    placed(1),
  ];
  const { stored, messages } = await written(events, 200);
  expect(stored.map(isGzipped)).toEqual([true, false, true, false, false]);
  expect(messages).toEqual((await written(events)).messages);
});

describe('the limit for decompressed data', () => {
  const large = 'x'.repeat(LIMITS.gunzippedBytes - 2_000);

  test('is kept over the events of an item: what is beyond it stays as it is', async () => {
    const { stored, messages } = await written([{ type: 'order.placed', data: large }, placed(50), placed(4)], 100);
    expect(stored.map(isGzipped)).toEqual([true, false, true]);
    expect(messages).toHaveLength(3);
  });

  test('lets an event through that fits an item only when it is compressed', async () => {
    await refusal('item-too-large', () => written([{ type: 'order.placed', data: large }]));
    expect((await written([{ type: 'order.placed', data: large }], 1_000)).bytes).toBeLessThan(5_000);
  });

  test('does not replace the limit for a message', async () => {
    const outbox = outboxThat({ compressDataAbove: 0, maxMessageBytes: 5_000 });
    const error = await refusal('message-too-large', () => outbox.items(order, [placed(50)]));
    expect(error.details.bytes).toBeGreaterThan(5_000);
  });
});

describe('a repeated request', () => {
  const withAnswer = (item: object) => ({
    transactWrite: () =>
      Promise.reject(
        new TransactionCanceledException({
          message: 'cancelled',
          $metadata: {},
          CancellationReasons: [{ Code: 'ConditionalCheckFailed', Item: marshall(item) }],
        }),
      ),
  });
  const changes = [{ ...order, events: [placed(50)] }];
  const repeat = (stored: object, compressDataAbove?: number) =>
    outboxThat({ compressDataAbove }).transact(withAnswer(stored), { requestId: REQUEST_ID, changes });
  async function firstAttempt(compressDataAbove?: number, events = changes[0]!.events) {
    const [entry] = await outboxThat({ compressDataAbove }).items(order, events, { requestId: REQUEST_ID });
    return entry!.Put.Item;
  }

  test.each<[number | undefined, number | undefined]>([
    [undefined, 0],
    [0, undefined],
    [0, 0],
  ])('is the same request, whether it is compressed (above %p) or not (above %p)', async (first, second) => {
    await expect(repeat(await firstAttempt(first), second)).resolves.toMatchObject({ alreadyWritten: true });
  });

  test.each([undefined, 0])('with other data is another request (above %p)', async (compressDataAbove) => {
    const other = await firstAttempt(compressDataAbove, [placed(51)]);
    await refusal('request-id-reused', () => repeat(other, 0));
  });

  test('compresses to the same bytes, so that DynamoDB sees the same request', async () => {
    expect(await firstAttempt(0)).toEqual(await firstAttempt(0));
  });
});

test.each([-1, 1.5, '1 KB', 2 ** 30])('compressDataAbove %p is refused', async (compressDataAbove) => {
  const error = await refusal('invalid-option', () => outboxThat({ compressDataAbove: compressDataAbove as number }));
  expect(error.details).toMatchObject({ option: 'compressDataAbove' });
});

test('whatever is compressed, its messages do not change, and no item costs more', async () => {
  const data = fc
    .record({ text: fc.string({ unit: 'grapheme', maxLength: 20 }), times: fc.integer({ min: 0, max: 800 }) })
    .map(({ text, times }): EventInput<Definitions> => ({ type: 'order.placed', data: text.repeat(times) }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(data, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 0, max: 4_000 }),
      async (events, compressDataAbove) => {
        const [plain, compressed] = [await written(events), await written(events, compressDataAbove)];
        expect(compressed.messages).toEqual(plain.messages);
        if (compressed.stored.some(isGzipped)) expect(compressed.bytes).toBeLessThan(plain.bytes);
        else expect(compressed.item).toEqual(plain.item);
      },
    ),
  );
});
