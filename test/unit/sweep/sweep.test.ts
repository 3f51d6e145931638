import type { Hold } from '../../../lib/event/control';
import { positionOfVersion } from '../../../lib/event/position';
import { newSignal, type Signal } from '../../../lib/event/signal';
import { uuidV7 } from '../../../lib/event/uuid';
import type { SweepStore } from '../../../lib/sweep/ports';
import { sweep, type SweepOptions } from '../../../lib/sweep/sweep';
import { anItem } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { sweepStoreOver } from '../../builders/sweep-store';

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
const signals = (): Signal[] => [...table.signals.values()].flatMap((ofKey) => [...ofKey.values()]);
const sent = () =>
  signals().map((signal) => [signal.pk, signal.kind, signal.kind === 'drain' ? signal.from : undefined]);
const run = (change: Partial<SweepOptions> = {}, store: SweepStore = sweepStoreOver(table, 'stream')) =>
  sweep(store, {
    sweepAfterMs: HOUR,
    segments: 3,
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

  it('is asked for at most a thousand times in one run, the oldest first', async () => {
    for (let key = 0; key < 2_100; key++) put(`k${key}`, 1, LONG_AGO - key);

    const report = await run();

    expect(report).toMatchObject({ signalsSent: 1_000, pending: 2_100 });
    const keys = new Set(signals().map(({ pk }) => pk));
    expect(keys.has('order#k2099') && keys.has('order#k1100')).toBe(true);
    expect(keys.has('order#k1099')).toBe(false);
  });

  it('is left when a put is refused: the others are sent, and the failure is reported', async () => {
    put('1', 1, LONG_AGO);
    put('2', 1, LONG_AGO);
    const store = sweepStoreOver(table, 'stream');
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
      doubt: 'none',
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
    expect(await run()).toMatchObject({ doubt: 'began' });
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
    expect(await run()).toMatchObject({ signalsSent: 1, doubt: 'none' });
    expect(sent()).toEqual([['order#1', 'drain', at(2)]]);
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
    const store = sweepStoreOver(table, 'stream');
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

  it('that is old and cannot be read is set aside, and the key gets another', async () => {
    put('1', 1, LONG_AGO);
    table.putSignal({ ...given(LONG_AGO), kind: 'dance' } as unknown as Signal);
    await run();
    expect(table.setAsides).toEqual([expect.objectContaining({ pk: 'order#1' })]);
    expect(sent().at(-1)).toEqual(['order#1', 'drain', at(1)]);
  });

  it('that is set aside keeps nothing from being done', async () => {
    put('1', 1, LONG_AGO);
    await table.setAside(given(JUST_NOW), 'nobody can act on it');
    expect(await run()).toMatchObject({ signalsSent: 1, signalsSetAside: 1, signals: 0 });
  });
});

describe('the doubt', () => {
  it('begins when something was lost, as of the beginning of the sweep', async () => {
    put('1', 1, LONG_AGO);
    expect(await run()).toMatchObject({ doubt: 'began' });
    expect(table.state).toEqual({ streamArn: 'stream', doubtSince: NOW });
  });

  it('moves on when something was lost again', async () => {
    table.state = { streamArn: 'stream', doubtSince: LONG_AGO };
    put('1', 1, LONG_AGO);
    expect(await run()).toMatchObject({ doubt: 'stands' });
    expect(table.state.doubtSince).toBe(NOW);
  });

  it('begins with another stream, which the relay has not seen yet', async () => {
    expect(await run({}, sweepStoreOver(table, 'another'))).toMatchObject({ doubt: 'began' });
    expect(table.state).toEqual({ streamArn: 'another', doubtSince: NOW });
  });

  it('does not begin with the first stream', async () => {
    table.state = {};
    expect(await run()).toMatchObject({ doubt: 'none' });
    expect(table.state).toEqual({});
  });

  it('ends when nothing is left of the time before it', async () => {
    table.state = { streamArn: 'stream', doubtSince: NOW - 30 * MINUTE };
    put('1', 1, JUST_NOW);
    parked('2', 1);
    hold('2', 1);
    expect(await run()).toMatchObject({ doubt: 'ended' });
    expect(table.state).toEqual({ streamArn: 'stream', doubtSince: undefined });
  });

  it.each<[string, number, Partial<SweepOptions>]>([
    ['something is left of the time before it', JUST_NOW - 5 * MINUTE, {}],
    ['it is too young for the clocks of all writers', NOW - MINUTE, {}],
    ['not everything was seen', LONG_AGO, { remainingMs: () => 0 }],
  ])('stands while %s', async (_, doubtSince, options) => {
    table.state = { streamArn: 'stream', doubtSince };
    put('1', 1, NOW - 11 * MINUTE);
    expect(await run(options)).toMatchObject({ doubt: 'stands' });
    expect(table.state.doubtSince).toBe(doubtSince);
  });

  it('stands when it was renewed meanwhile', async () => {
    table.state = { streamArn: 'stream', doubtSince: LONG_AGO };
    const store = sweepStoreOver(table, 'stream');
    const report = await run(
      {},
      {
        ...store,
        endDoubt: (known) => {
          table.state = { streamArn: 'another', doubtSince: NOW };
          return store.endDoubt(known);
        },
      },
    );
    expect(report).toMatchObject({ doubt: 'stands' });
    expect(table.state.doubtSince).toBe(NOW);
  });
});

it('a segment that cannot be read leaves the others as they are', async () => {
  for (const key of ['1', '2', '3', '4']) put(key, 1, LONG_AGO);
  const store = sweepStoreOver(table, 'stream');
  const broken = new Error('throttled');
  const report = await run(
    {},
    {
      ...store,
      segment: (index, segments) => {
        if (index === 1) throw broken;
        return store.segment(index, segments);
      },
    },
  );
  expect(report).toMatchObject({ complete: false, failures: [broken], signalsSent: 3 });
});

it('runs that get through a part of the table begin with another part each time', async () => {
  const first: number[] = [];
  for (let hour = 0; hour < 3; hour++) {
    const store = sweepStoreOver(table, 'stream');
    const begun: number[] = [];
    await run(
      { now: () => NOW + hour * HOUR },
      {
        ...store,
        segment: (index, segments) => {
          begun.push(index);
          return store.segment(index, segments);
        },
      },
    );
    first.push(begun[0]!);
  }
  expect(new Set(first).size).toBe(3);
});

it('a table of many pages is judged key by key, whatever the pages', async () => {
  for (let version = 1; version <= 7; version++) put('1', version, version < 5 ? LONG_AGO : JUST_NOW);
  for (let version = 1; version <= 4; version++) note('1', version, 'processedAt');
  put('2', 1, LONG_AGO);
  const images = [...table.scan('order#1'), ...table.scan('order#2')];
  const report = await run(
    { segments: 1 },
    {
      ...sweepStoreOver(table, 'stream'),
      async *segment() {
        for (const image of images) yield await Promise.resolve({ images: [image], readUnits: 0.5 });
      },
    },
  );
  expect(sent()).toEqual([['order#2', 'drain', at(1)]]);
  expect(report).toMatchObject({ items: 8, processed: 4, pending: 4, lastProcessedAt: LONG_AGO });
});
