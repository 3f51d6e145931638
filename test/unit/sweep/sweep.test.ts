import type { Hold } from '../../../lib/event/control';
import { positionOfVersion } from '../../../lib/event/position';
import { newSignal, type Signal } from '../../../lib/event/signal';
import { uuidV7 } from '../../../lib/event/uuid';
import { newProgress } from '../../../lib/sweep/scan-progress';
import type { SweepStore } from '../../../lib/sweep/ports';
import { sweep, type SweepOptions, type SweepReport } from '../../../lib/sweep/sweep';
import { anItem } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { sweepStoreOver } from '../../builders/sweep-store';
import { isStreamProbe } from '../../../lib/sweep/evaluate-key';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1_800_000_000_000;
const LONG_AGO = NOW - 3 * HOUR;
const JUST_NOW = NOW - 10 * MINUTE;
const at = positionOfVersion;
const request = { by: 'somebody', at: 1, why: 'a reason' };

let table: MemoryTable;
beforeEach(() => {
  table = new MemoryTable(() => NOW);
  table.state = { streamArn: 'stream' };
});

const put = (key: string, version: number, committedAt: number): void =>
  void table.put(anItem({ key, version, committedAt }));
const note = (key: string, version: number, attribute: string, value: object = { N: String(LONG_AGO) }): void => {
  table.items.get(`order#${key}`)!.get(at(version))![attribute] = value;
};
const hold = (key: string, version: number, change: Partial<Hold> & { readonly writtenAt?: number } = {}): void => {
  const { writtenAt = LONG_AGO, ...rest } = change;
  const pk = `order#${key}`;
  table.holds.set(pk, {
    pk,
    position: at(version),
    revision: uuidV7(writtenAt),
    state: 'holding',
    reason: 'message-refused',
    message: 'no',
    attempts: 1,
    since: LONG_AGO,
    ...rest,
  });
};
const parked = (key: string, version: number): void => {
  put(key, version, LONG_AGO);
  note(key, version, 'parked', { M: { reason: { S: 'message-refused' } } });
};
const all = (): Signal[] => [...table.signals.values()].flatMap((ofKey) => [...ofKey.values()]);
const signals = (): Signal[] => all().filter((signal) => !isStreamProbe(signal));
/** A relay that is up to date with the stream: probes come back. */
const actOnProbes = (): Promise<void> => table.remove(all().filter(isStreamProbe));
const storeOf = (streamArn = 'stream'): SweepStore => sweepStoreOver(table, streamArn, actOnProbes);
const sent = () =>
  signals().map((signal) => [signal.pk, signal.kind, signal.kind === 'drain' ? signal.from : undefined]);
const run = (change: Partial<SweepOptions> = {}, store: SweepStore = storeOf()) =>
  sweep(store, {
    overdueAfterMs: HOUR,
    readUnitsPerSecond: 1_000,
    by: 'sweeper',
    remainingMs: () => Infinity,
    now: () => NOW,
    ...change,
  });

describe('what was lost', () => {
  it('is asked for once a key, from the earliest item on', async () => {
    put('1', 3, LONG_AGO);
    put('1', 4, LONG_AGO + 1);
    put('2', 1, JUST_NOW);

    const report = await run();

    expect(sent()).toEqual([['order#1', 'drain', at(3)]]);
    expect(signals()[0]!.request).toMatchObject({ by: 'sweeper', at: NOW });
    expect(report).toMatchObject({
      signalsSent: 1,
      pending: 3,
      oldestPendingAt: LONG_AGO,
      complete: true,
      readUnits: 1,
    });
  });

  it.each(['processedAt', 'discarded'])('is nothing that has %s', async (attribute) => {
    put('1', 1, LONG_AGO);
    note('1', 1, attribute);
    await run();
    expect(sent()).toEqual([]);
  });

  it('is an item that is parked and holds nothing', async () => {
    parked('1', 1);
    await run();
    expect(sent()).toEqual([['order#1', 'drain', at(1)]]);
  });

  it('is no item without a time that waits behind a hold, but one that does not wait', async () => {
    table.putImage({ pk: { S: 'order#1' }, sk: { S: 'odd' } });
    await run();
    expect(sent()).toEqual([['order#1', 'drain', 'odd']]);
  });

  it('is asked for until 2,000 signals wait for the relay, the oldest first', async () => {
    for (let key = 0; key < 2_100; key++) put(`k${key}`, 1, LONG_AGO - key);

    const report = await run();

    expect(report).toMatchObject({ signalsSent: 2_000, pending: 2_100 });
    const keys = new Set(signals().map(({ pk }) => pk));
    expect(keys.has('order#k2099') && keys.has('order#k100')).toBe(true);
    expect(keys.has('order#k99')).toBe(false);
  });

  it('is left when a put is refused: the others are sent, and the failure is reported', async () => {
    put('1', 1, LONG_AGO);
    put('2', 1, LONG_AGO);
    const store = storeOf();
    const refusal = new Error('throttled');
    const report = await run(
      {},
      {
        ...store,
        send: (signal) => (signal.pk === 'order#1' ? Promise.reject(refusal) : store.send(signal)),
      },
    );
    expect(sent()).toEqual([['order#2', 'drain', at(1)]]);
    expect(report).toMatchObject({ signalsSent: 1, failures: [refusal] });
  });
});

describe('a key that is held', () => {
  it('waits for an operator, with everything behind its parked item', async () => {
    parked('1', 1);
    put('1', 2, LONG_AGO);
    hold('1', 1);

    expect(await run()).toMatchObject({
      signalsSent: 0,
      parked: 1,
      waiting: 1,
      pending: 0,
      heldKeys: 1,
      gapSuspicion: 'none',
    });
  });

  it('also when its item could not take the note that it is parked', async () => {
    put('1', 1, LONG_AGO);
    hold('1', 1);
    expect(await run()).toMatchObject({ signalsSent: 0, waiting: 1 });
  });

  it('is drained from the item before the hold, which the stream has lost', async () => {
    put('1', 1, LONG_AGO);
    parked('1', 2);
    hold('1', 2);
    expect(await run()).toMatchObject({ gapSuspicion: 'began' });
    expect(sent()).toEqual([['order#1', 'drain', at(1)]]);
  });

  it.each<[string, () => void]>([
    [
      'drains for ever',
      () => {
        parked('1', 2);
        hold('1', 2, { state: 'draining' });
      },
    ],
    [
      'has a head that is processed',
      () => {
        put('1', 2, LONG_AGO);
        note('1', 2, 'processedAt');
        hold('1', 2);
      },
    ],
    [
      'has a head that is gone',
      () => {
        put('1', 3, JUST_NOW);
        hold('1', 2);
      },
    ],
    ['has no item left', () => hold('1', 2)],
  ])('is released when it %s', async (_, given) => {
    given();
    expect(await run()).toMatchObject({ signalsSent: 1, gapSuspicion: 'none' });
    expect(sent()).toEqual([['order#1', 'drain', at(2)]]);
  });

  it('is left to an operator once the relay has found that its item is gone', async () => {
    put('1', 3, JUST_NOW);
    hold('1', 2, { reason: 'item-gone' });
    hold('2', 1, { reason: 'item-gone' });
    expect(await run()).toMatchObject({ signalsSent: 0 });
  });

  it.each([
    ['a hold for the same partition was written lately: the relay probes', 3, JUST_NOW, 0],
    ['no hold for it was written for an hour: nobody probes', 3, LONG_AGO, 1],
    ['only a hold for another partition was written lately', 4, JUST_NOW, 1],
  ])('and waits for a topic partition is looked after: %s', async (_, partition, probedAt, signalsSent) => {
    const waits = (of: number) =>
      ({
        reason: 'partition-unavailable',
        attempts: 0,
        awaits: { topic: 'orders', partition: of, failedAt: LONG_AGO },
      }) as const;
    put('1', 1, LONG_AGO);
    hold('1', 1, waits(3));
    put('2', 1, LONG_AGO);
    hold('2', 1, { ...waits(partition), writtenAt: probedAt });
    const report = await run();
    expect(report).toMatchObject({ waiting: 2, gapSuspicion: 'none' });
    expect(sent().filter(([pk]) => pk === 'order#1')).toHaveLength(signalsSent);
  });

  it('is left alone while somebody is at work on it', async () => {
    put('1', 1, LONG_AGO);
    hold('1', 1, { state: 'draining', writtenAt: JUST_NOW });
    hold('2', 1, { state: 'draining', writtenAt: JUST_NOW });
    expect(await run()).toMatchObject({ signalsSent: 0 });
  });

  it('and was not seen to its end is left to the next run', async () => {
    hold('1', 2);
    put('2', 1, LONG_AGO);
    const report = await run({ remainingMs: () => 0 });
    expect(report).toMatchObject({ signalsSent: 0, complete: false });
  });
});

describe('a signal', () => {
  const given = (sentAt: number): Signal => {
    const signal = newSignal('order#1', sentAt, { kind: 'skip' as const, position: at(1), request });
    table.putSignal(signal);
    return signal;
  };

  it('that is young is enough for its key', async () => {
    put('1', 1, LONG_AGO);
    const signal = given(JUST_NOW);
    expect(await run()).toMatchObject({ signalsSent: 0, signalsReplaced: 0, signals: 1 });
    expect(signals()).toEqual([signal]);
  });

  it('that is old is put again under another sort key, with the request as it was', async () => {
    put('1', 1, LONG_AGO);
    const lost = given(LONG_AGO);
    expect(await run()).toMatchObject({ signalsSent: 0, signalsReplaced: 1 });
    expect(signals()).toEqual([{ ...lost, sk: expect.not.stringMatching(lost.sk) }]);
  });

  it('that somebody has acted on meanwhile is not put again', async () => {
    given(LONG_AGO);
    const store = storeOf();
    const report = await run(
      {},
      {
        ...store,
        replace: (lost, successor) => {
          table.signals.get(lost.pk)!.delete(lost.sk);
          return store.replace(lost, successor);
        },
      },
    );
    expect(report).toMatchObject({ signalsReplaced: 0 });
    expect(signals()).toEqual([]);
  });

  it('that is old and cannot be read is unprocessable, and the key gets another', async () => {
    put('1', 1, LONG_AGO);
    table.putSignal({ ...given(LONG_AGO), kind: 'dance' } as unknown as Signal);
    await run();
    expect(table.setAsides).toEqual([expect.objectContaining({ pk: 'order#1' })]);
    expect(sent().at(-1)).toEqual(['order#1', 'drain', at(1)]);
  });

  it('that is unprocessable keeps nothing from being done', async () => {
    put('1', 1, LONG_AGO);
    await table.markUnprocessable(given(JUST_NOW), 'nobody can act on it');
    expect(await run()).toMatchObject({ signalsSent: 1, unprocessableSignals: 1, signals: 0 });
  });
});

describe('a replay signal', () => {
  const given = (sentAt: number): Signal => {
    const signal = newSignal('order#1', sentAt, { kind: 'replay' as const, replayId: 'r', request });
    table.putSignal(signal);
    return signal;
  };

  it.each([
    ['young', JUST_NOW, 0],
    ['lost', LONG_AGO, 1],
  ])('that is %s does not stand for a drain', async (_, sentAt, signalsReplaced) => {
    put('1', 1, LONG_AGO);
    given(sentAt);
    expect(await run()).toMatchObject({ signalsSent: 1, signalsReplaced, gapSuspicion: 'began' });
  });

  it('that is lost is put again next to a young drain, and is no reason to suspect a gap', async () => {
    given(LONG_AGO);
    table.putSignal(newSignal('order#1', JUST_NOW, { kind: 'drain' as const, from: at(1), request }));
    expect(await run()).toMatchObject({ signalsSent: 0, signalsReplaced: 1, gapSuspicion: 'none' });
  });
});

describe('an item of the future', () => {
  it('is as old as possible, and keeps the gap suspicion', async () => {
    table.state = { streamArn: 'stream', gapSuspectedSince: NOW - 30 * MINUTE };
    put('1', 1, NOW + 100 * 24 * HOUR);
    expect(await run()).toMatchObject({ signalsSent: 1, gapSuspicion: 'continues' });
  });

  it('that is a signal is put again, because its own record may be lost until then', async () => {
    put('1', 1, LONG_AGO);
    table.putSignal(newSignal('order#1', NOW + 100 * 24 * HOUR, { kind: 'drain', from: at(1), request }));

    expect(await run()).toMatchObject({ signalsReplaced: 1, gapSuspicion: 'began' });
  });

  it('within what clocks may differ is as young as it says', async () => {
    put('1', 1, NOW + MINUTE);
    expect(await run()).toMatchObject({ signalsSent: 0, gapSuspicion: 'none' });
  });
});

describe('the gap suspicion', () => {
  it('is noted before a signal is sent', async () => {
    put('1', 1, LONG_AGO);
    const store = storeOf();
    const suspectedSince: unknown[] = [];
    await run(
      {},
      {
        ...store,
        send: (signal) => {
          if (!isStreamProbe(signal)) suspectedSince.push(table.state.gapSuspectedSince);
          return store.send(signal);
        },
      },
    );
    expect(suspectedSince).toEqual([NOW]);
  });

  it('that cannot be noted is reported, the signals are sent, and the next run notes it', async () => {
    put('1', 1, LONG_AGO);
    const refusal = new Error('throttled');
    const store = { ...storeOf(), suspectGap: () => Promise.reject(refusal) };
    expect(await run({}, store)).toMatchObject({ gapSuspicion: 'unknown', signalsSent: 1, failures: [refusal] });
    expect(await run({ now: () => NOW + 2 * HOUR })).toMatchObject({ gapSuspicion: 'began', signalsReplaced: 1 });
  });

  it('begins for what was found, however much more than can be asked for', async () => {
    put('due', 1, NOW - 2 * HOUR);
    for (let n = 0; n < 2_500; n++) {
      table.putSignal(newSignal(`order#k${n}`, LONG_AGO - n, { kind: 'replay' as const, replayId: 'r', request }));
    }
    expect(await run()).toMatchObject({ signalsReplaced: 1_999, gapSuspicion: 'began' });
  });

  it('begins although another sweep has just ended an older one', async () => {
    table.state = { streamArn: 'stream', gapSuspectedSince: LONG_AGO };
    put('1', 1, LONG_AGO);
    const store = storeOf();
    let first = true;
    await run(
      {},
      {
        ...store,
        suspectGap: (known, since) => {
          if (first) table.state = { streamArn: 'stream' };
          first = false;
          return store.suspectGap(known, since);
        },
      },
    );
    expect(table.state.gapSuspectedSince).toBe(NOW);
  });

  it('begins when something was lost, as of the beginning of the sweep', async () => {
    put('1', 1, LONG_AGO);
    expect(await run()).toMatchObject({ gapSuspicion: 'began' });
    expect(table.state).toEqual({ streamArn: 'stream', gapSuspectedSince: NOW });
  });

  it('moves on when something was lost again', async () => {
    table.state = { streamArn: 'stream', gapSuspectedSince: LONG_AGO };
    put('1', 1, LONG_AGO);
    expect(await run()).toMatchObject({ gapSuspicion: 'continues' });
    expect(table.state.gapSuspectedSince).toBe(NOW);
  });

  it('begins with another stream, which the relay has not seen yet', async () => {
    expect(await run({}, storeOf('another'))).toMatchObject({ gapSuspicion: 'began' });
    expect(table.state).toEqual({ streamArn: 'another', gapSuspectedSince: NOW });
  });

  it('does not begin with the first stream', async () => {
    table.state = {};
    expect(await run()).toMatchObject({ gapSuspicion: 'none' });
    expect(table.state).toEqual({});
  });

  it('ends when nothing is left of the time before it', async () => {
    table.state = { streamArn: 'stream', gapSuspectedSince: NOW - 30 * MINUTE };
    put('1', 1, JUST_NOW);
    parked('2', 1);
    hold('2', 1);
    expect(await run()).toMatchObject({ gapSuspicion: 'ended' });
    expect(table.state).toEqual({ streamArn: 'stream', gapSuspectedSince: undefined });
  });

  it.each<[string, number, Partial<SweepOptions>]>([
    ['something is left of the time before it', JUST_NOW - 5 * MINUTE, {}],
    ['it is too young for the clocks of all writers', NOW - MINUTE, {}],
    ['not everything was seen', LONG_AGO, { remainingMs: () => 0 }],
  ])('continues while %s', async (_, gapSuspectedSince, options) => {
    table.state = { streamArn: 'stream', gapSuspectedSince };
    put('1', 1, NOW - 11 * MINUTE);
    expect(await run(options)).toMatchObject({ gapSuspicion: 'continues' });
    expect(table.state.gapSuspectedSince).toBe(gapSuspectedSince);
  });

  it('stands when it was renewed meanwhile', async () => {
    table.state = { streamArn: 'stream', gapSuspectedSince: LONG_AGO };
    const store = storeOf();
    const report = await run(
      {},
      {
        ...store,
        clearGapSuspicion: (known) => {
          table.state = { streamArn: 'another', gapSuspectedSince: NOW };
          return store.clearGapSuspicion(known);
        },
      },
    );
    expect(report).toMatchObject({ gapSuspicion: 'continues' });
    expect(table.state.gapSuspectedSince).toBe(NOW);
  });
});

it('a segment that cannot be read leaves the others as they are', async () => {
  for (const key of ['1', '2', '3', '4']) put(key, 1, LONG_AGO);
  const store = storeOf();
  const broken = new Error('throttled');
  const report = await run(
    {},
    {
      ...store,
      segment: (index, segments) => {
        if (index === 0) throw broken;
        return store.segment(index, segments);
      },
    },
  );
  expect(report).toMatchObject({ complete: false, failures: [broken], signalsSent: 3 });
});

describe('a table that is too large for one run', () => {
  /** Enough segments for each key to have its own, and time for a few. */
  const timeFor = (segments: number): Partial<SweepOptions> => {
    let asked = 0;
    return { remainingMs: () => (asked++ < 4 * segments ? Infinity : 0) };
  };
  const runUntil = async (ends: (report: SweepReport) => boolean): Promise<SweepReport[]> => {
    const reports: SweepReport[] = [];
    while (reports.length < 20) {
      const report = await run(timeFor(5));
      reports.push(report);
      if (ends(report)) return reports;
    }
    throw new Error('The sweep makes no progress.');
  };

  it('is seen to its end by the runs that follow, and counted once', async () => {
    for (let key = 0; key < 40; key++) {
      put(`k${key}`, 1, key === 39 ? LONG_AGO : JUST_NOW);
      put(`k${key}`, 2, JUST_NOW);
    }
    const reports = await runUntil(({ complete }) => complete);

    expect(reports.length).toBeGreaterThan(2);
    expect(reports.map(({ complete }) => complete)).toEqual([...reports.slice(1).map(() => false), true]);
    expect(reports.at(-1)).toMatchObject({ items: 80, pending: 80, oldestPendingAt: LONG_AGO });
    expect(sent()).toEqual([['order#k39', 'drain', at(1)]]);
  });

  it('is begun again after that', async () => {
    put('1', 1, JUST_NOW);
    await runUntil(({ complete }) => complete);
    expect(await run()).toMatchObject({ complete: true, items: 1 });
  });

  it('ends the gap suspicion when a scan that began after it has read everything', async () => {
    put('1', 1, JUST_NOW);
    expect(await run(timeFor(2))).toMatchObject({ complete: false });
    table.state = { streamArn: 'stream', gapSuspectedSince: NOW - 20 * MINUTE };
    expect(await run({ now: () => NOW + HOUR })).toMatchObject({ complete: true, gapSuspicion: 'ended' });
  });

  it('keeps a gap suspicion that began after the scan', async () => {
    put('1', 1, NOW + 50 * MINUTE);
    expect(await run(timeFor(2))).toMatchObject({ complete: false });
    table.state = { streamArn: 'stream', gapSuspectedSince: NOW + 30 * MINUTE };
    expect(await run({ now: () => NOW + HOUR })).toMatchObject({ complete: true, gapSuspicion: 'continues' });
  });

  it('keeps the gap suspicion for an item that an earlier run of the scan has read', async () => {
    put('1', 1, NOW - 25 * MINUTE);
    table.state = { streamArn: 'stream', gapSuspectedSince: NOW - 20 * MINUTE };
    expect(await run(timeFor(2))).toMatchObject({ complete: false, items: 1, gapSuspicion: 'continues' });
    note('1', 1, 'processedAt');
    expect(await run()).toMatchObject({ complete: true, gapSuspicion: 'continues' });
    expect(await run()).toMatchObject({ complete: true, gapSuspicion: 'ended' });
  });

  it('does not take a hold that an earlier run has met for one without items', async () => {
    parked('1', 1);
    hold('1', 1);
    await runUntil(({ complete }) => complete);
    expect(sent()).toEqual([]);
  });

  it('is left to the scheduled runs by one that an operator asks for', async () => {
    put('1', 1, JUST_NOW);
    await run(timeFor(2));
    const left = table.progress;
    expect(left).toBeDefined();
    expect(await run({ resumes: false })).toMatchObject({ complete: true, items: 1 });
    expect(table.progress).toBe(left);
  });
});

test.each([
  ['a small table', 0, 1_000, 16],
  ['100 GB', 100e9, 1_000, 373],
  ['1 GB, slowly', 1e9, 25, 98],
])('%s has so many parts', (_, bytes, readUnitsPerSecond, segments) => {
  expect(newProgress(NOW, bytes, readUnitsPerSecond)).toMatchObject({ segments, next: 0 });
});

it('a table of many pages is judged key by key, whatever the pages', async () => {
  for (let version = 1; version <= 7; version++) put('1', version, version < 5 ? LONG_AGO : JUST_NOW);
  for (let version = 1; version <= 4; version++) note('1', version, 'processedAt');
  put('2', 1, LONG_AGO);
  const images = [...table.scan('order#1'), ...table.scan('order#2')];
  const report = await run(
    {},
    {
      ...storeOf(),
      async *segment(index) {
        if (index === 0) for (const image of images) yield await Promise.resolve({ images: [image], readUnits: 0.5 });
      },
    },
  );
  expect(sent()).toEqual([['order#2', 'drain', at(1)]]);
  expect(report).toMatchObject({ items: 8, processed: 4, pending: 4, lastProcessedAt: LONG_AGO });
});
