import { sweep, type SweepReport } from '../../../lib/sweep/sweep';
import { newSignal, type Signal } from '../../../lib/event/signal';
import { anItem } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { sweepStoreOver } from '../../builders/sweep-store';
import { isStreamProbe } from '../../../lib/sweep/evaluate-key';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let now = 1_800_000_000_000;
let table: MemoryTable;
beforeEach(() => {
  table = new MemoryTable(() => now);
  table.state = { streamArn: 'stream' };
});

const signals = (): Signal[] => [...table.signals.values()].flatMap((ofKey) => [...ofKey.values()]);
const drains = (): string[] => signals().flatMap((signal) => (isStreamProbe(signal) ? [] : [signal.pk]));
const mark = (key: string): void => {
  for (const image of table.items.get(`order#${key}`)?.values() ?? []) image['processedAt'] = { N: String(now) };
};
/** At each pause the relay handles the waiting stream records: probes come back, and the given keys are published. */
const run = (published: readonly string[] = [], isAway = false): Promise<SweepReport> =>
  sweep(
    sweepStoreOver(table, 'stream', async () => {
      if (isAway) return;
      for (const key of published) mark(key);
      await table.remove(signals().filter(isStreamProbe));
    }),
    {
      overdueAfterMs: HOUR,
      readUnitsPerSecond: 1_000,
      by: 'sweeper',
      remainingMs: () => Infinity,
      now: () => now,
    },
  );

describe('an item on its way, by a clock that is wrong, is no loss', () => {
  it.each<[string, () => number]>([
    ['6 minutes ahead', () => now + 6 * MINUTE],
    ['61 minutes behind', () => now - 61 * MINUTE],
    ['in seconds', () => Math.floor(now / 1000)],
    ['of the far future', () => now * 1000],
    ['negative', () => -1],
  ])('%s', async (_, committedAt) => {
    table.put(anItem({ key: '1', committedAt: committedAt() }));
    expect(await run(['1'])).toMatchObject({ gapSuspicion: 'none', signalsSent: 0 });
    expect(signals()).toEqual([]);
  });
});

it.each([10 * MINUTE, 365 * 24 * HOUR])(
  'a signal on its way from a computer whose clock is %d ms ahead is no loss',
  async (ahead) => {
    const request = { by: 'me', at: now, why: 'the topic exists now' };
    table.putSignal(newSignal('order#1', now + ahead, { kind: 'drain', from: '0000000000000001', request }));
    expect(await run([], true)).toMatchObject({ gapSuspicion: 'none' });
  },
);

it('a signal that lies in the shard of other keys proves no loss while its own key fails', async () => {
  const request = { by: 'me', at: now, why: 'the topic exists now' };
  table.isFull = () => true;
  table.putSignal(newSignal('order#1', now - 2 * HOUR, { kind: 'drain', from: '0000000000000001', request }));
  expect(await run()).toMatchObject({ gapSuspicion: 'none', signalsReplaced: 1 });
  expect(signals().filter(isStreamProbe)).toEqual([]);
});

it.each(['readProbes', 'writeProbes'] as const)(
  'a loss is presumed after 12 hours also when %s fails',
  async (call) => {
    table.put(anItem({ key: '1', committedAt: now - 13 * HOUR }));
    const store = { ...sweepStoreOver(table, 'stream'), [call]: () => Promise.reject(new Error('denied')) };
    const options = { overdueAfterMs: HOUR, readUnitsPerSecond: 1_000, by: 'sweeper', remainingMs: () => Infinity };
    expect(await sweep(store, { ...options, now: () => now })).toMatchObject({ gapSuspicion: 'began' });
  },
);

describe('an item whose time nobody knows, and that the stream has lost', () => {
  it.each([0, 1_800_000_000, 1_800_000_000_000_000])('%p is proved lost by its probe', async (committedAt) => {
    table.put(anItem({ key: '1', id: 'no-time', committedAt }));
    expect(await run()).toMatchObject({ gapSuspicion: 'began', signalsSent: 1 });
    expect(drains()).toEqual(['order#1']);
  });
});

describe('an outage', () => {
  const given = (keys: number, age: number): void => {
    for (let key = 0; key < keys; key++) table.put(anItem({ key: `k${key}`, committedAt: now - age - key }));
  };

  it('of two hours proves nothing, whatever the number of keys, and is answered by a few signals once', async () => {
    given(5_000, HOUR);
    expect(await run([], true)).toMatchObject({ gapSuspicion: 'none', signalsSent: 16 });
    expect(signals().filter(isStreamProbe)).toHaveLength(16);
    now += MINUTE;
    expect(await run([], true)).toMatchObject({ gapSuspicion: 'none', signalsSent: 0 });
    expect(signals()).toHaveLength(32);
  });

  it('that lasts for 12 hours begins the gap suspicion, before the stream drops records', async () => {
    given(2, 12 * HOUR);
    expect(await run([], true)).toMatchObject({ gapSuspicion: 'began' });
  });

  it('hides a loss, which the run after it proves by the probes of the run before', async () => {
    given(20, HOUR);
    await run([], true);
    // The relay is back and publishes everything in the stream, but one item is not in it.
    const [lost] = table.probes;
    await table.remove(signals());
    for (let key = 0; key < 20; key++) if (`order#k${key}` !== lost?.pk) mark(`k${key}`);
    now += HOUR;
    expect(await run([], true)).toMatchObject({ gapSuspicion: 'began', signalsSent: 1 });
    expect(drains()).toEqual([lost?.pk]);
  });

  it('in which a probe was lost does not keep another one from being put', async () => {
    given(1, 2 * HOUR);
    await run([], true);
    table.signals.get('order#k0')?.clear();
    table.putSignal({
      ...table.probes[0]!,
      kind: 'replay',
      replayId: 'sweeper-probe',
      sk: table.probes[0]!.probe,
      request: { by: 'x', at: 1, why: 'x' },
    });
    now += 2 * HOUR;
    await run([], true);
    expect(signals().filter(isStreamProbe)).toHaveLength(2);
  });
});

it('what is held since it was seen is no loss', async () => {
  table.put(anItem({ key: '1', version: 1, committedAt: now - 2 * HOUR }));
  const store = sweepStoreOver(table, 'stream', async () => {
    const [position = ''] = table.items.get('order#1')?.keys() ?? [];
    table.holds.set('order#1', {
      pk: 'order#1',
      position,
      revision: 'r',
      state: 'holding',
      reason: 'message-refused',
      message: '',
      attempts: 1,
      since: now,
    });
    await table.remove(signals().filter(isStreamProbe));
  });
  const report = await sweep(store, {
    overdueAfterMs: HOUR,
    readUnitsPerSecond: 1_000,
    by: 'x',
    remainingMs: () => Infinity,
    now: () => now,
  });
  expect(report.gapSuspicion).toBe('none');
});
