import { marshall } from '@aws-sdk/util-dynamodb';
import { z } from 'zod';
import { createOutbox, defineEvents } from '../../../lib';
import { itemBytes } from '../../../lib/dynamodb/item-size';
import { decodeItem } from '../../../lib/event/item';
import { costOf } from '../../../lib/operate/cost';
import { itemBorders, type ItemBorders, type ItemBordersOptions } from '../../../lib/operate/item-borders';

const text = { schema: z.string(), contentType: 'text/plain' };
const events = defineEvents({
  'order.placed': { ...text, topic: 'orders' },
  'invoice.issued': { ...text, topic: 'invoices-eu', version: 3, dataSchema: 'https://schemas.example/invoice' },
});

const bordersOf = (type: string, options: ItemBordersOptions = {}): ItemBorders =>
  itemBorders(events, options).find((each) => each.type === type)!;

/** The size of the item that the write helper puts. */
async function writtenBytes(type: 'order.placed' | 'invoice.issued', dataBytes: number, count = 1): Promise<number> {
  const { aggregate } = bordersOf(type);
  const outbox = createOutbox({ tableName: 'shop', service: 'shop', region: 'eu-central-1', events });
  const change = { aggregate, key: 'k'.repeat(36), version: 7 };
  const [entry] = await outbox.items(
    change,
    Array.from({ length: count }, () => ({ type, data: 'x'.repeat(dataBytes) })),
    // DynamoDB stores one byte less if the last two digits are zeros.
    { committedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678) },
  );
  expect(decodeItem(marshall(entry!.Put.Item)).aggregate).toBe(aggregate);
  return itemBytes(entry!.Put.Item);
}

describe.each(['order.placed', 'invoice.issued'] as const)('%s', (type) => {
  test('the bytes beyond the data are those of the item that the write helper puts', async () => {
    expect(bordersOf(type).bytesBeyondData).toBe(await writtenBytes(type, 0));
    expect(bordersOf(type, { eventsPerTransaction: 4 }).bytesBeyondData).toBe(await writtenBytes(type, 0, 4));
  });

  test('the data that fits makes an item of exactly that many KB', async () => {
    for (const { kilobytes, committedDataBytes, markedDataBytes } of bordersOf(type).fits) {
      expect(await writtenBytes(type, committedDataBytes)).toBe(kilobytes * 1024);
      expect(committedDataBytes - markedDataBytes).toBe(bordersOf(type).markBytes);
    }
  });
});

test('several events share what fits, rounded down', async () => {
  for (const { kilobytes, committedDataBytes } of bordersOf('order.placed', { eventsPerTransaction: 3 }).fits) {
    expect(await writtenBytes('order.placed', committedDataBytes, 3)).toBeLessThanOrEqual(kilobytes * 1024);
    expect(await writtenBytes('order.placed', committedDataBytes + 1, 3)).toBeGreaterThan(kilobytes * 1024);
  }
});

test('an item that is too small for its own names fits no data', () => {
  expect(bordersOf('order.placed', { eventsPerTransaction: 15 }).fits[0]).toEqual({
    kilobytes: 1,
    committedDataBytes: 0,
    markedDataBytes: 0,
  });
});

test('without a size only the borders are returned', () => {
  expect(itemBorders(events).map(({ type, sized }) => [type, sized])).toEqual([
    ['order.placed', undefined],
    ['invoice.issued', undefined],
  ]);
});

test('the units of a size are those of the calculator', () => {
  for (const eventBytes of [0, 700, 720, 740, 1_000, 5_000]) {
    const { bytes, markedBytes, commitWriteUnits, markWriteUnits } = costOf({ eventsPerSecond: 1, eventBytes }).item;
    // The calculator's type has the default content type.
    const json = defineEvents({ 'order.placed': { schema: z.string(), topic: 'orders' } });
    expect(itemBorders(json, { eventBytes })[0]?.sized).toMatchObject({
      ...{ bytes, markedBytes, commitWriteUnits, markWriteUnits },
    });
  }
});

describe('a type just above a border', () => {
  const fit = bordersOf('order.placed').fits[0]!;
  const savingsAt = (dataBytes: number, options: ItemBordersOptions = {}) =>
    bordersOf('order.placed', { sizes: { 'order.placed': dataBytes }, ...options }).sized?.savings;

  test('names each border, nearest first, with the units and dollars that it saves', () => {
    expect(savingsAt(fit.committedDataBytes + 10)).toEqual([
      { fewerBytes: 10, dataBytes: fit.committedDataBytes, writeUnits: 2, dollarsPerMillionItems: 1.25 },
      {
        fewerBytes: 10 + bordersOf('order.placed').markBytes,
        dataBytes: fit.markedDataBytes,
        writeUnits: 3,
        dollarsPerMillionItems: 1.875,
      },
    ]);
  });

  test('with marks alone above it saves one unit', () => {
    expect(savingsAt(fit.committedDataBytes)).toMatchObject([{ dataBytes: fit.markedDataBytes, writeUnits: 1 }]);
  });

  test.each([
    ['at the border', fit.markedDataBytes, {}],
    ['further above it than asked for', fit.markedDataBytes + 100, { withinBytes: 30 }],
    ['of less than 1 KB', 0, {}],
  ])('has none %s', (_, dataBytes, options) => {
    expect(savingsAt(dataBytes, options)).toEqual([]);
  });

  test('of data that is smaller than the excess has none', () => {
    expect(savingsAt(5, { extraBytes: 1_024 - bordersOf('order.placed').bytesBeyondData + 10 })).toEqual([]);
  });

  test('has one border at a retention of zero, because a delete costs the size as committed', () => {
    expect(savingsAt(fit.committedDataBytes + 10, { retentionSeconds: 0 })).toMatchObject([
      { fewerBytes: 10, writeUnits: 3 },
    ]);
  });

  test('is counted with your price', () => {
    const [borders] = itemBorders(
      events,
      { eventBytes: fit.committedDataBytes + 1, withinBytes: 1 },
      { perMillionWriteUnits: 2 },
    );
    expect(borders?.sized?.savings).toMatchObject([{ writeUnits: 2, dollarsPerMillionItems: 4 }]);
  });
});

test.each<[ItemBordersOptions, string]>([
  [
    { sizes: { 'order.paid': 1 } },
    'no type "order.paid", of which a size is given. It has order.placed, invoice.issued',
  ],
  [{ sizes: { 'order.placed': -1 } }, 'bytes of "order.placed": -1; it must be a whole number from 0'],
  [{ eventBytes: 1.5 }, 'bytes of an event: 1.5'],
  [{ eventBytes: 409_600 }, 'an item of "order.placed" has 409'],
  [{ eventsPerTransaction: 0 }, 'events per transaction: 0'],
  [{ keyBytes: 0 }, 'bytes of a key: 0'],
  [{ extraBytes: -1 }, 'further bytes of an item: -1'],
  [{ withinBytes: 2_000 }, 'bytes above a border: 2000; it must be a whole number from 0 to 1024'],
])('%j is refused', (options, message) => {
  expect(() => itemBorders(events, options)).toThrow(message);
});
