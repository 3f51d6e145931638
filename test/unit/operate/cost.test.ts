import { costOf, type CostWorkload } from '../../../lib/operate/cost';

const load: CostWorkload = { eventsPerSecond: 100, eventBytes: 500 };

test('an event that fits 1 KB costs two write units for its commit and one for its mark', () => {
  expect(costOf(load)).toMatchObject({
    item: { commitWriteUnits: 2, markWriteUnits: 1 },
    perSecond: { items: 100, writeUnits: 300, partitions: 1 },
  });
});

test('events of one transaction share an item', () => {
  const { item, perSecond } = costOf({ ...load, eventsPerTransaction: 10 });
  expect(item).toMatchObject({ commitWriteUnits: 12, markWriteUnits: 6 });
  expect(perSecond).toMatchObject({ items: 10, writeUnits: 180 });
});

test('each 1,000 write units a second need a partition', () => {
  expect(costOf({ ...load, eventsPerSecond: 333 }).perSecond.partitions).toBe(1);
  expect(costOf({ ...load, eventsPerSecond: 334 }).perSecond.partitions).toBe(2);
});

test('a shard has at most four invocations a second, and one for each item of a rare load', () => {
  expect(costOf({ ...load, eventsPerSecond: 300 }).estimated.invocationsPerSecond).toBeCloseTo(4, 5);
  expect(costOf({ ...load, eventsPerSecond: 0.01 }).estimated.invocationsPerSecond).toBeCloseTo(0.01, 4);
});

test('a million items that fit 1 KB cost three million write units', () => {
  const perMonth = costOf({ ...load, eventsPerSecond: 1e6 / (730 * 3_600) }).dollarsPerMonth;
  expect(perMonth.writeUnits).toBeCloseTo(3 * 0.625, 6);
  const { writeUnits, readUnits, storage, relay, metricsAndAlarms, logs } = perMonth;
  expect(perMonth.total).toBeCloseTo(writeUnits + readUnits + storage + relay + metricsAndAlarms + logs, 9);
});

test('with a retention of zero nothing is stored, and the delete costs the size of the item', () => {
  const { item, estimated } = costOf({ ...load, eventBytes: 750, retentionSeconds: 0 });
  expect(item).toMatchObject({ commitWriteUnits: 2, markWriteUnits: 1 });
  expect(estimated).toMatchObject({ storedGb: 0, sweepReadUnits: 0 });
});

test('a sweep reads until its time limit, and the next one resumes there', () => {
  const sweepOf = (eventsPerSecond: number) => costOf({ ...load, eventsPerSecond }).estimated;
  const small = sweepOf(50);
  expect(small.sweepRuns).toBe(1);
  expect(small.sweepReadUnits).toBeLessThan(840_000);
  const large = sweepOf(500);
  expect(large.sweepRuns).toBe(6);
  expect(large.sweepRuns * large.sweepReadUnits).toBeCloseTo(10 * small.sweepReadUnits, -1);
  expect(large.sweepReadUnits).toBeLessThanOrEqual(840_000);
});

test('the table is swept every twelve hours, or as often as asked, or as fast as its size allows', () => {
  const sweepsOf = (change: Partial<CostWorkload>) => costOf({ ...load, ...change }).estimated.sweepsPerDay;
  expect(sweepsOf({})).toBe(2);
  expect(sweepsOf({ eventsPerSecond: 10, fullSweepIntervalSeconds: 3_600 })).toBe(24);
  const { sweepRuns, sweepsPerDay } = costOf({ ...load, eventsPerSecond: 2_000 }).estimated;
  expect(sweepRuns).toBeGreaterThan(12);
  expect(sweepsPerDay).toBeCloseTo(24 / sweepRuns, 9);
});

test.each([
  [100, 600],
  [100, 1_000],
  [1_000, 600],
  [1_000, 1_000],
])('at %i events a second of %i bytes all reads cost less than 2%% of the writes', (eventsPerSecond, eventBytes) => {
  const { readUnits, writeUnits } = costOf({ eventsPerSecond, eventBytes }).dollarsPerMonth;
  expect(readUnits / writeUnits).toBeLessThan(0.02);
});

test('at one event a second each invocation has one item, and its read of the holds is most of the reads', () => {
  const { estimated, dollarsPerMonth } = costOf({ eventsPerSecond: 1, eventBytes: 1_000 });
  const holds = (estimated.invocationsPerSecond * 2_628_000 * 0.125) / 1e6;
  expect((dollarsPerMonth.readUnits - holds) / dollarsPerMonth.writeUnits).toBeLessThan(0.02);
  expect(holds / dollarsPerMonth.writeUnits).toBeLessThan(0.034);
});

test.each<[Partial<CostWorkload>, string]>([
  [{ eventsPerSecond: -1 }, 'events per second: -1; it must be from 0'],
  [{ eventBytes: 500_000 }, 'bytes of an event: 500000; it must be from 0 to 409600'],
  [{ eventsPerTransaction: 0 }, 'events per transaction: 0'],
  [{ eventsPerTransaction: 1.5 }, 'events per transaction: 1.5; it must be a whole number'],
  [{ eventBytes: 300_000, eventsPerTransaction: 10 }, 'an item of this load has 3000'],
  [{ keyBytes: Number.NaN }, 'bytes of a key: NaN'],
  [{ retentionSeconds: -1 }, 'seconds of retention: -1'],
  [{ sweepIntervalSeconds: 1 }, 'seconds between runs of the sweeper: 1'],
])('%p is refused', (change, message) => {
  expect(() => costOf({ ...load, ...change })).toThrow(message);
});
