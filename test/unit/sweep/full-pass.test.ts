import type { Hold } from '../../../lib/event/control';
import { positionOfVersion } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import { uuidV7 } from '../../../lib/event/uuid';
import { isStreamProbe } from '../../../lib/sweep/evaluate-key';
import type { SweepStore } from '../../../lib/sweep/ports';
import { newProgress, type PassHistory } from '../../../lib/sweep/scan-progress';
import { EMPTY_COUNTS } from '../../../lib/sweep/table-counts';
import { sweep, type SweepOptions, type SweepReport } from '../../../lib/sweep/sweep';
import { anItem } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { sweepStoreOver } from '../../builders/sweep-store';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1_800_000_000_000;
const SETTLED: PassHistory = { startedAt: NOW - 3 * HOUR, isSettled: true, mapping: 'mapping' };
const request = { by: 'somebody', at: 1, why: 'a reason' };

let table: MemoryTable;
let reads: number;
beforeEach(() => {
  reads = 0;
  table = new MemoryTable(() => NOW);
  table.state = { streamArn: 'stream' };
  table.passes = SETTLED;
});

const probes = () => [...table.signals.values()].flatMap((ofKey) => [...ofKey.values()]).filter(isStreamProbe);
const actOnProbes = (): Promise<void> => table.remove(probes());
const storeOf = (pause: () => Promise<void> = actOnProbes): SweepStore => {
  const store = sweepStoreOver(table, 'stream', pause);
  return {
    ...store,
    segment(...segment) {
      reads++;
      return store.segment(...segment);
    },
  };
};
const run = (change: Partial<SweepOptions> = {}, store = storeOf()): Promise<SweepReport> =>
  sweep(store, {
    ...{ overdueAfterMs: HOUR, readUnitsPerSecond: 1_000, by: 'sweeper' },
    ...{ remainingMs: () => Infinity, now: () => NOW },
    passes: { intervalMs: 12 * HOUR, describeMapping: () => Promise.resolve('mapping') },
    ...change,
  });

const hold: Hold = {
  ...{ pk: 'order#1', position: positionOfVersion(1), revision: uuidV7(NOW), state: 'holding' },
  ...{ reason: 'message-refused', message: 'no', attempts: 1, since: NOW },
};

it('reads nothing of the table while nothing gives a cause, and leaves no probe', async () => {
  table.put(anItem({ key: '1', version: 1, committedAt: NOW - 5 * HOUR }));

  const report = await run();

  expect(report).toEqual({
    ...{ startedAt: NOW, durationMs: 0, readUnits: 0, complete: true, heldKeys: 0, gapSuspicion: 'none' },
    ...{ items: 0, pending: 0, waiting: 0, parked: 0, processed: 0, discarded: 0 },
    ...{ signals: 0, unprocessableSignals: 0, unprocessableKeys: [] },
    ...{ signalsSent: 0, signalsReplaced: 0, failures: [] },
  });
  expect([reads, probes(), table.passes]).toEqual([0, [], SETTLED]);
});

const CAUSES: Readonly<Record<string, () => Partial<SweepOptions> | undefined>> = {
  requested: () => ({ passes: undefined }),
  first: () => void (table.passes = { mapping: 'mapping' }),
  unfinished: () => void (table.progress = newProgress(NOW - HOUR, 0, 1_000)),
  'gap-suspected': () => void table.setGapSuspicion({ streamArn: 'stream' }, NOW - HOUR),
  'held-keys': () => void table.holds.set(hold.pk, hold),
  unsettled: () => void (table.passes = { ...SETTLED, isSettled: false }),
  'mapping-changed': () => void (table.passes = { ...SETTLED, mapping: 'mapping before' }),
  interval: () => void (table.passes = { ...SETTLED, startedAt: NOW - 12 * HOUR }),
};

it.each(Object.keys(CAUSES))('reads the table for the cause "%s"', async (cause) => {
  const change = CAUSES[cause]?.();
  expect(await run(change ?? {})).toMatchObject({ cause, complete: true, failures: [] });
  expect(reads).toBe(16);
});

it('reads the table when the relay does not act on new records, and again until its probes are gone', async () => {
  let waitedMs = 0;
  const store = storeOf();
  const isDead = { ...store, pause: (ms: number) => Promise.resolve(void (waitedMs += ms)) };

  expect(await run({}, isDead)).toMatchObject({ cause: 'stream-not-read', signals: 4, signalsSent: 0 });
  expect(waitedMs).toBe(30_000);
  expect(new Set(probes().map(({ pk }) => pk)).size).toBe(4);
  expect(await run({}, isDead)).toMatchObject({ cause: 'unsettled' });
  await actOnProbes();
  expect(await run()).toMatchObject({ cause: 'unsettled' });
  expect((await run()).cause).toBeUndefined();
});

it('reads the table, and fails, when no probe can be sent', async () => {
  const refusal = new Error('throttled');
  const report = await run({}, { ...storeOf(), send: () => Promise.reject(refusal) });
  expect(report).toMatchObject({ cause: 'stream-not-read', complete: true, failures: [refusal] });
});

it('reads the table, and fails, when Lambda does not describe the mapping', async () => {
  const refusal = new Error('not authorized');
  const describeMapping = () => Promise.reject(refusal);
  const report = await run({ passes: { intervalMs: 12 * HOUR, describeMapping } });
  expect(report).toMatchObject({ cause: 'mapping-unknown', complete: true, failures: [refusal] });
  expect(table.passes).toEqual({ ...SETTLED, startedAt: NOW, isSettled: false });
});

it('reads the table after a change of the mapping until its items of that time would be overdue', async () => {
  const changed = { intervalMs: 12 * HOUR, describeMapping: () => Promise.resolve('mapping after') };
  const runAt = (now: number) => run({ passes: changed, now: () => now });
  for (const minutes of [0, 60, 64]) {
    expect(await runAt(NOW + minutes * MINUTE)).toMatchObject({ cause: 'mapping-changed' });
  }
  expect(await runAt(NOW + 66 * MINUTE)).toMatchObject({ cause: 'mapping-changed' });
  expect((await runAt(NOW + 120 * MINUTE)).cause).toBeUndefined();
  expect(table.passes).toEqual({
    ...{ startedAt: NOW + 66 * MINUTE, isSettled: true },
    ...{ mapping: 'mapping after', mappingChangedAt: NOW },
  });
});

describe('a pass notes that nothing was left to do, but not', () => {
  const pass = async (): Promise<boolean | undefined> => {
    table.passes = { ...SETTLED, isSettled: false };
    await run();
    return table.passes.isSettled;
  };

  it('when nothing was found', async () => {
    table.put(anItem({ key: '1', version: 1, committedAt: NOW - 10 * MINUTE }));
    expect(await pass()).toBe(true);
  });

  it('if an item is overdue', async () => {
    table.put(anItem({ key: '1', version: 1, committedAt: NOW - 2 * HOUR }));
    expect(await pass()).toBe(false);
  });

  it('if a signal waits', async () => {
    table.putSignal(newSignal('order#1', NOW, { kind: 'drain', from: positionOfVersion(1), request }));
    expect(await pass()).toBe(false);
  });

  it('if an earlier run of the same pass found something', async () => {
    table.progress = { ...newProgress(NOW - HOUR, 0, 1_000), hasFindings: true };
    expect(await pass()).toBe(false);
  });

  it('if a key is being drained, whose items count as pending', async () => {
    const since = NOW - 3 * HOUR;
    const reason = 'partition-unavailable';
    table.put(anItem({ key: '1', version: 1, committedAt: since }));
    table.holds.set(hold.pk, { ...hold, since, state: 'draining', reason, attempts: 0 });
    expect(await pass()).toBe(false);
    expect(table.signals.size).toBe(0);
  });

  it('if a gap is suspected', async () => {
    table.setGapSuspicion({ streamArn: 'stream' }, NOW - MINUTE);
    expect(await pass()).toBe(false);
  });
});

it('is followed by a scheduled pass if an operator has requested it and it found something', async () => {
  const isSlow = storeOf(() => Promise.resolve());
  const request = (): Promise<SweepReport> => run({ passes: undefined, resumes: false }, isSlow);
  await request();
  expect(table.passes).toEqual(SETTLED);
  table.put(anItem({ key: '1', version: 1, committedAt: NOW - 2 * HOUR }));
  expect(await request()).toMatchObject({ gapSuspicion: 'none' });
  await actOnProbes();
  expect((await run()).cause).toBe('unsettled');
});

it.each([
  ['not an item that was in flight', 10 * MINUTE, undefined],
  ['an item that was overdue', 2 * HOUR, NOW - 6 * HOUR],
])('reports, of those that an earlier run of the pass met, %s', async (_, ageMs, oldestPendingAt) => {
  const savedAt = NOW - 4 * HOUR;
  const counts = { ...EMPTY_COUNTS, pending: 1, oldestPendingAt: savedAt - ageMs, oldestPendingKey: 'order#1' };
  table.progress = { ...newProgress(savedAt, 0, 1_000), savedAt, counts };
  const oldestPendingKey = oldestPendingAt === undefined ? undefined : 'order#1';
  expect(await run()).toMatchObject({ complete: true, pending: 1, oldestPendingAt, oldestPendingKey });
});

it('notes nothing of a pass that is not complete', async () => {
  table.passes = { ...SETTLED, isSettled: false };
  expect(await run({ remainingMs: () => 0 })).toMatchObject({ complete: false });
  expect(table.passes).toEqual({ ...SETTLED, isSettled: false });
});

it('reads a table that takes many runs sooner again', async () => {
  const ofRuns = (runs: number): SweepStore => ({
    ...storeOf(),
    describe: () => Promise.resolve({ streamArn: 'stream', bytes: runs * 840 * 1_000 * 8 * 1_024 }),
  });
  table.passes = { ...SETTLED, startedAt: NOW - 10.75 * HOUR };
  expect((await run({ sweepIntervalMs: HOUR }, ofRuns(9))).cause).toBeUndefined();
  expect((await run({ sweepIntervalMs: HOUR }, ofRuns(10))).cause).toBe('interval');
});

it.each([
  ['an hour', 1, 1, 12],
  ['eleven hours', 11, 1, 10],
  ['an hour, with a run in seven hours', 1, 7, 7],
  ['five hours, with a run in seven hours', 5, 7, 7],
  ['six hours, with a run in six hours', 6, 6, 6],
])(
  'notices each loss before the 22nd hour if items are overdue after %s',
  async (_, overdueAfter, interval, expected) => {
    const times = { overdueAfterMs: overdueAfter * HOUR, sweepIntervalMs: interval * HOUR };
    let hours = 0;
    do {
      hours += interval;
      // A run begins some seconds earlier or later than planned.
      table.passes = { ...SETTLED, startedAt: NOW - hours * HOUR + MINUTE };
    } while ((await run(times)).cause !== 'interval');
    expect(hours).toBe(expected);
    expect(overdueAfter + hours).toBeLessThan(22);
  },
);

it('reads the table if the last pass is noted in the future', async () => {
  table.passes = { ...SETTLED, startedAt: NOW + 6 * MINUTE };
  expect((await run()).cause).toBe('interval');
  table.passes = { ...SETTLED, startedAt: NOW + MINUTE };
  expect((await run()).cause).toBeUndefined();
});
