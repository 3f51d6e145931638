import type { Image } from '../../../lib/event/item';
import { positionOfVersion } from '../../../lib/event/position';
import { InvalidScanKey, type SweepStore } from '../../../lib/sweep/ports';
import { sweep, type SweepReport } from '../../../lib/sweep/sweep';
import { anItem, imageOf } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { sweepStoreOver } from '../../builders/sweep-store';
import { isStreamProbe } from '../../../lib/sweep/evaluate-key';

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;
const ITEMS = 1_000;
const giant: readonly Image[] = Array.from({ length: ITEMS }, (_, at) => ({
  ...imageOf(anItem({ key: 'giant', version: at + 1, committedAt: NOW - 3 * HOUR })),
  ...(at === ITEMS - 5 ? {} : { processedAt: { N: String(NOW) } }),
}));

let table: MemoryTable;
let pages: number;
beforeEach(() => {
  table = new MemoryTable(() => NOW);
  table.state = { streamArn: 'stream' };
  table.items.set('order#giant', new Map(giant.map((image) => [image['sk']?.S ?? '', { ...image }])));
  pages = 0;
});

/** The key fills segments 2 and 3; a run has time for a few pages. */
function storeOf(change: Partial<SweepStore> = {}): SweepStore {
  return {
    ...sweepStoreOver(table, 'stream', () =>
      table.remove([...table.signals.values()].flatMap((ofKey) => [...ofKey.values()].filter(isStreamProbe))),
    ),
    async *segment(index, _, after) {
      if (index !== 2) return;
      const left = giant.filter((image) => (image['sk']?.S ?? '') > (after?.sk ?? ''));
      for (let at = 0; at < left.length; at += 10) {
        pages++;
        const images = left.slice(at, at + 10);
        const sk = images.at(-1)?.['sk']?.S ?? '';
        const next = at + 10 < left.length ? { pk: 'order#giant', sk } : undefined;
        yield await Promise.resolve({ images, readUnits: 1, next });
      }
    },
    ...change,
  };
}

const run = (store = storeOf(), now = NOW): Promise<SweepReport> => {
  const until = pages + 30;
  return sweep(store, {
    overdueAfterMs: HOUR,
    readUnitsPerSecond: 1_000,
    by: 'sweeper',
    remainingMs: () => (pages < until ? Infinity : 20_000),
    now: () => now,
  });
};

it('a key that no run has time for is seen to its end, each item once', async () => {
  const reports: SweepReport[] = [];
  while (reports.at(-1)?.complete !== true && reports.length < 10) reports.push(await run());
  expect(reports).toHaveLength(4);
  expect(pages).toBe(ITEMS / 10);
  expect(reports.at(-1)).toMatchObject({ items: ITEMS, processed: ITEMS - 1, pending: 1, signalsSent: 1 });
  expect([...(table.signals.get('order#giant')?.values() ?? [])]).toEqual([
    expect.objectContaining({ kind: 'drain', from: positionOfVersion(ITEMS - 4) }),
  ]);
  expect(table.progress).toBeUndefined();
});

it('what is stored of it is small', async () => {
  await run();
  expect(table.progress?.unfinished).toHaveLength(1);
  expect(JSON.stringify(table.progress).length).toBeLessThan(2_000);
});

it('a segment that cannot be scanned from there begins again', async () => {
  await run();
  const store = storeOf();
  const refused = storeOf({
    segment: (index, segments, after) => {
      if (after !== undefined) throw new InvalidScanKey('no');
      return store.segment(index, segments);
    },
  });
  expect(await run(refused)).toMatchObject({ complete: false });
  expect(table.progress?.unfinished).toEqual([{ segment: 2 }]);
});

it('a scan that no run resumed for more than 12 hours starts again', async () => {
  await run();
  const seen = pages;
  await run(storeOf(), NOW + 13 * HOUR);
  expect(table.progress?.startedAt).toBe(NOW + 13 * HOUR);
  expect(pages).toBe(seen + 30);
});
