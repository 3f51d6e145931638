import { createHash } from 'node:crypto';
import { itemBytes } from '../../../lib/dynamodb/item-size';
import { gzipData } from '../../../lib/event/gzipped-data';
import { encodeItem, type OutboxItem } from '../../../lib/event/item';
import { usualMarks } from '../../../lib/event/receipt';
import { itemSizes } from '../../../lib/operate/item-sizes';
import { anEvent, anItem } from '../../builders/items';
import { tablesInMemory } from './table-in-memory';

const MARKS = usualMarks(['orders']);
const ofData = (version: number, data: string, type = 'order.placed'): OutboxItem =>
  anItem({ version, events: [anEvent({ id: `id-${String(version).padStart(4, '0')}`, type, data })] });
/** Data with which the item has `bytes`, as committed. */
const ofBytes = (version: number, bytes: number, type?: string): OutboxItem =>
  ofData(version, randomText(bytes - itemBytes(encodeItem(ofData(version, '', type)))), type);
/** Text of random characters, of which gzip saves a quarter at most: it has 64 different ones. */
function randomText(characters: number): string {
  let text = '';
  for (let at = 0; text.length < characters; at++) {
    text += createHash('sha512').update(String(at)).digest('base64');
  }
  return text.slice(0, characters);
}

test('measures committed bytes and marks, of pending items as of processed ones', async () => {
  const { target, put } = tablesInMemory();
  const [pending, processed] = [ofBytes(1, 500), ofBytes(2, 900)];
  await put(encodeItem(pending), { ...encodeItem(processed), ...MARKS });
  const markBytes = itemBytes(MARKS);

  expect(await itemSizes(target)).toEqual({
    items: 2,
    notMeasured: 0,
    isComplete: true,
    types: [
      {
        ceTypes: ['order.placed'],
        items: 2,
        events: 2,
        markedBytes: { p50: 500 + markBytes, p90: 900 + markBytes, max: 900 + markBytes },
        ...{ writeUnits: 6, aboveBorder: 0, writeUnitsBelowBorder: 6, writeUnitsCompressed: 6 },
      },
    ],
  });
});

test('notes of parking and redrives are no bytes of the commit', async () => {
  const { target, put } = tablesInMemory();
  await put({
    ...encodeItem(ofBytes(1, 1_000)),
    parked: { reason: 'unknown-topic', message: 'x'.repeat(500), attempts: 1, since: 1 },
    redriven: { by: 'me', at: 1, why: 'y'.repeat(500) },
    starts: 1,
  });
  expect((await itemSizes(target)).types).toMatchObject([{ markedBytes: { max: 1_000 + itemBytes(MARKS) } }]);
});

test('groups items by the types of their events, the most expensive first', async () => {
  const { target, put } = tablesInMemory();
  const two = anItem({
    version: 9,
    events: [anEvent({ id: 'a', type: 'order.paid' }), anEvent({ id: 'b', type: 'order.closed' })],
  });
  await put(encodeItem(ofBytes(1, 500)), encodeItem(ofBytes(2, 3_000, 'order.shipped')), encodeItem(two));
  expect((await itemSizes(target)).types.map(({ ceTypes, items, events }) => [ceTypes, items, events])).toEqual([
    [['order.shipped'], 1, 1],
    [['order.placed'], 1, 1],
    [['order.closed', 'order.paid'], 1, 2],
  ]);
});

describe('items just above a border', () => {
  test('are counted with the units that as many bytes less would save', async () => {
    const { target, put } = tablesInMemory();
    // 40 bytes above with the commit: 2 KB cost 4 + 2. Below it with the marks, the mark still costs 2.
    await put(encodeItem(ofBytes(1, 1_024 + 40)), encodeItem(ofBytes(2, 1_500)), encodeItem(ofBytes(3, 1_000)));
    expect((await itemSizes(target, { withinBytes: 50 })).types).toMatchObject([
      { writeUnits: 6 + 6 + 4, aboveBorder: 2, writeUnitsBelowBorder: 4 + 6 + 3 },
    ]);
    expect((await itemSizes(target, { withinBytes: 103 })).types).toMatchObject([{ writeUnitsBelowBorder: 3 + 6 + 3 }]);
    expect((await itemSizes(target, { withinBytes: 0 })).types).toMatchObject([{ aboveBorder: 0 }]);
  });
});

describe('compression', () => {
  const large = ofData(1, JSON.stringify(Array.from({ length: 200 }, (_, n) => ({ name: 'article', n }))));

  test('is counted by compressing the data', async () => {
    const { target, put } = tablesInMemory();
    await put(encodeItem(large), encodeItem(ofBytes(2, 3_000)));
    const [type] = (await itemSizes(target)).types;
    expect(Math.ceil(itemBytes(encodeItem(large)) / 1_024)).toBe(6);
    expect(type).toMatchObject({ writeUnits: 12 + 6 + 6 + 3, writeUnitsCompressed: 2 + 1 + 6 + 3 });
  });

  test('of data that is compressed already saves nothing more', async () => {
    const { target, put } = tablesInMemory();
    await put(encodeItem(large, new Map([[0, gzipData(large.events[0]?.data ?? '')]])));
    expect((await itemSizes(target)).types).toMatchObject([{ writeUnits: 3, writeUnitsCompressed: 3 }]);
  });

  test('does not make attributes smaller that are not of the format', async () => {
    const { target, put } = tablesInMemory();
    await put({ ...encodeItem(large), tenant: 'x'.repeat(2_000) });
    expect((await itemSizes(target)).types).toMatchObject([{ writeUnits: 16 + 8, writeUnitsCompressed: 6 + 3 }]);
  });
});

test('leaves out signals and what relay and sweeper keep, and counts items that cannot be decoded', async () => {
  const { target, put } = tablesInMemory();
  await put(
    { pk: '$outbox#control', sk: '!state', streamArn: 'arn' },
    { pk: 'order#42', sk: '~signal#1', kind: 'drain' },
    { ...encodeItem(ofBytes(1, 500)), events: [] },
    encodeItem(ofBytes(2, 500)),
  );
  expect(await itemSizes(target)).toMatchObject({ items: 2, notMeasured: 1, types: [{ items: 1 }] });
});

test('ends after the given number of items', async () => {
  const { target, put } = tablesInMemory();
  for (let version = 1; version <= 30; version++) await put(encodeItem(ofBytes(version, 500)));
  const progress: number[] = [];
  const report = await itemSizes(target, { items: 20, onProgress: (read) => progress.push(read) });
  expect(report).toMatchObject({ items: 20, isComplete: false, types: [{ items: 20 }] });
  expect(progress).toEqual([20]);
  expect(await itemSizes(target, { items: 30 })).toMatchObject({ items: 30 });
  expect(await itemSizes(target, { items: 31 })).toMatchObject({ items: 30, isComplete: true });
});

test('an empty table has no types', async () => {
  expect(await itemSizes(tablesInMemory().target)).toEqual({ items: 0, notMeasured: 0, isComplete: true, types: [] });
});

test.each([
  [{ items: 0 }, 'items: 0; it must be a whole number from 1 to 100000'],
  [{ items: 1.5 }, 'items: 1.5'],
  [{ withinBytes: 2_000 }, 'bytes above a border: 2000; it must be a whole number from 0 to 1024'],
])('%j is refused', async (options, message) => {
  await expect(itemSizes(tablesInMemory().target, options)).rejects.toThrow(message);
});
