import { itemBytes } from '../../../lib/dynamodb/item-size';
import { z } from 'zod';
import { createOutbox, defineEvents } from '../../../lib';
import { NOW, orderOutbox } from './order-outbox';

/**
 * Every started KB of an item is billed three times, so the test asserts the format's overhead to the byte: at most 300
 * bytes for one event and 120 for each further one, including names and the relay's marks.
 */
const data = { orderId: '42', total: 99.5 };
const dataBytes = Buffer.byteLength('{"orderId":"42","total":99.5,"note":"none"}');

async function bytesBeyondData(events: number, version?: number): Promise<number> {
  const [entry] = await orderOutbox().items(
    { aggregate: 'order', key: '42', ...(version === undefined ? {} : { version }) },
    Array.from({ length: events }, () => ({ type: 'order.placed' as const, data })),
    { committedAt: NOW + 1 },
  );
  const marks = {
    processedAt: NOW + 123,
    receipts: Array.from({ length: events }, (_, index) => `orders-3@${123_456 + index}`),
    expiresAt: Math.floor(NOW / 1000) + 86_401,
  };
  return itemBytes({ ...entry?.Put.Item, ...marks }) - events * dataBytes;
}

test.each([
  ['a key with versions', 1, 267],
  ['a key without versions', undefined, 287],
])('one event of %s takes %p bytes beyond its data', async (_, version, bytes) => {
  const [one, two, ten] = [
    await bytesBeyondData(1, version),
    await bytesBeyondData(2, version),
    await bytesBeyondData(10, version),
  ];
  expect(one).toBe(bytes);
  expect(one).toBeLessThanOrEqual(300);
  expect(two - one).toBe(81);
  expect(ten - one).toBe(9 * 81);
  expect(two - one).toBeLessThanOrEqual(120);
});

test('a later version of the data takes three bytes, the first none', async () => {
  const item = async (version: number | undefined) => {
    const events = defineEvents({ 'order.placed': { schema: z.object({}), topic: 'orders', version } });
    const [entry] = await createOutbox({ tableName: 'shop', service: 'shop', region: 'eu-west-1', events }).items(
      { aggregate: 'order', key: '42' },
      [{ type: 'order.placed', data: {} }],
      { committedAt: NOW },
    );
    return itemBytes(entry?.Put.Item ?? {});
  };
  expect((await item(1)) - (await item(undefined))).toBe(0);
  expect((await item(2)) - (await item(1))).toBe(3);
});
