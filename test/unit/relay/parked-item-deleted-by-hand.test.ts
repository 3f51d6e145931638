import assert from 'node:assert/strict';
import { positionOfVersion as at } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import type { Failure } from '../../../lib/relay/ports';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const KEY = 'order#a';
const request = { by: 'someone', at: 1, why: 'a test' };
const poison: Failure = { kind: 'poison', reason: 'message-refused', message: 'no' };
const outage: Failure = { kind: 'outage', message: 'unavailable' };

function aWorld(options: Parameters<typeof aRelayOverTable>[1] = {}) {
  const world = aRelayOverTable({ maxMessages: 1 }, options);
  const { table, kafka, clock, handle } = world;
  const poisonous = new Set<string>();
  let unavailable: string | undefined;
  kafka.refuse = ({ messages }) => {
    const ids = messages.map(({ headers }) => headers['ce_id'] ?? '');
    if (unavailable !== undefined && ids.includes(unavailable)) return outage;
    return ids.some((id) => poisonous.has(id)) ? poison : undefined;
  };
  const put = (version: number) =>
    table.put(anItem({ key: 'a', version, committedAt: clock.at, events: [anEvent({ id: `a${version}` })] }));
  return {
    ...world,
    poisonous,
    put,
    setUnavailable: (id: string | undefined) => (unavailable = id),
    putAll: (...versions: readonly number[]) => handle(versions.map(put), plentyOfTime),
    remove: (version: number) => table.items.get(KEY)?.delete(at(version)),
    drain: () =>
      handle([table.putSignal(newSignal(KEY, clock.at, { kind: 'drain', from: at(1), request }))], plentyOfTime),
    ids: () => kafka.log.map(({ id }) => id),
    hold: () => table.holds.get(KEY),
    signals: () => table.signals.get(KEY)?.size ?? 0,
  };
}

it('items before a gone item are published, later items wait, and the signal is done', async () => {
  const w = aWorld();
  w.poisonous.add('a3');
  await w.putAll(1, 3, 4);
  w.remove(3);
  w.put(2);

  expect(await w.drain()).toBeUndefined();

  expect(w.ids()).toEqual(['a1', 'a2']);
  expect(w.hold()).toMatchObject({ position: at(3), id: 'a3', state: 'holding', reason: 'item-gone', attempts: 1 });
  expect(w.signals()).toBe(0);
});

it('is not taken for published because this process found its record without an item', async () => {
  const w = aWorld();
  w.poisonous.add('a1');
  const record = w.put(1);
  await w.handle([record, w.put(2)], plentyOfTime);
  const hold = w.hold();
  assert(hold !== undefined);
  w.remove(1);
  // Another process has held the key, and this one does not see it yet.
  w.table.holds.delete(KEY);
  w.clock.at += 10_000;
  expect(await w.handle([record], plentyOfTime)).toBeUndefined();
  w.table.holds.set(KEY, hold);

  await w.drain();

  expect(w.ids()).toEqual([]);
  expect(w.hold()).toMatchObject({ position: at(1), id: 'a1', reason: 'item-gone' });
});

it('a later record of the key waits behind a gone item', async () => {
  const w = aWorld();
  w.poisonous.add('a1');
  await w.putAll(1);
  w.remove(1);
  await w.drain();

  await w.putAll(2);

  expect(w.ids()).toEqual([]);
});

it('a hold that moves to an earlier item remembers the later one', async () => {
  const w = aWorld();
  w.poisonous.add('a2').add('a1');
  await w.putAll(2, 3);
  await w.putAll(1);
  expect(w.hold()).toMatchObject({ position: at(1), others: [{ position: at(2), id: 'a2' }] });
  w.remove(2);
  w.poisonous.clear();

  await w.drain();

  expect(w.ids()).toEqual(['a1']);
  expect(w.hold()).toMatchObject({ position: at(2), id: 'a2', reason: 'item-gone' });
});

it.each([
  ['without the name of an item is released', undefined, 0],
  ['whose item was refused before stays', undefined, 1],
  ['that names its item stays', 'a1', 0],
])('a hold that an unfinished drain has left %s', async (_, id, attempts) => {
  const w = aWorld();
  const since = w.clock.at;
  w.table.holds.set(KEY, {
    ...{ pk: KEY, position: at(1), revision: '019b0a0a-3600-7a1b-8c2d-3e4f5a6b7c8d', state: 'draining' },
    ...{ reason: 'drain-unfinished', message: '', attempts, since, ...(id === undefined ? {} : { id }) },
  });
  await w.drain();

  expect(w.hold()?.reason).toBe(id === undefined && attempts === 0 ? undefined : 'item-gone');
});

it('no later item passes an item that is deleted while it is retried', async () => {
  const w = aWorld();
  w.poisonous.add('a1');
  await w.putAll(1, 2);
  const { lookUp } = w.table;
  const { refuse } = w.kafka;
  w.kafka.refuse = (batch) => {
    w.remove(1);
    return refuse(batch);
  };

  expect(await w.drain()).toBe(0);
  w.table.lookUp = lookUp;
  expect(await w.drain()).toBeUndefined();

  expect(w.ids()).toEqual([]);
  expect(w.hold()).toMatchObject({ position: at(1), reason: 'item-gone' });
});

it('a drain that stops at a hold which another relay has changed since is repeated', async () => {
  const w = aWorld();
  w.poisonous.add('a1');
  await w.putAll(1, 2, 3);
  w.poisonous.clear();
  w.poisonous.add('a2');
  const { refuse } = w.kafka;
  let isFirst = true;
  w.kafka.refuse = (batch) => {
    const refused = refuse(batch);
    if (refused !== undefined && isFirst) {
      isFirst = false;
      const { reason, message } = { reason: 'message-refused' as const, message: 'no' };
      void w.table.park({ pk: KEY, sk: at(3), id: 'a3', attempts: 0, isHead: false, reason, message });
    }
    return refused;
  };

  const from = at(1);
  const signal = w.table.putSignal(newSignal(KEY, w.clock.at, { kind: 'drain', from, request }));
  expect(await w.handle([signal], plentyOfTime)).toBe(0);
  expect(await w.handle([signal], plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(['a1']);
  expect(w.hold()).toMatchObject({ position: at(2), state: 'holding', others: [{ position: at(3), id: 'a3' }] });
  expect(w.signals()).toBe(0);
});

describe('with a retention of zero', () => {
  it('an item that a drain has published before it was interrupted is not gone', async () => {
    const w = aWorld({ retention: 0 });
    w.poisonous.add('a1');
    await w.putAll(1, 2);
    w.poisonous.clear();
    w.setUnavailable('a2');
    expect(await w.drain()).toBe(0);
    expect(w.ids()).toEqual(['a1']);
    w.setUnavailable(undefined);

    expect(await w.drain()).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.hold()).toBeUndefined();
  });

  it('an item that was deleted before any drain is gone, however often a drain begins', async () => {
    const w = aWorld({ retention: 0 });
    w.poisonous.add('a1');
    await w.putAll(1, 2);
    w.remove(1);
    await w.table.begin(KEY);

    await w.drain();

    expect(w.ids()).toEqual([]);
    expect(w.hold()).toMatchObject({ reason: 'item-gone' });
  });
});

describe('on a table that keeps no published items, an item behind the first one', () => {
  /** A drain has begun at a1 and died; a2 was refused before, and is not in the table. */
  const begun = (w: ReturnType<typeof aWorld>): void =>
    void w.table.holds.set(KEY, {
      ...{ pk: KEY, position: at(1), id: 'a1', revision: 'r1', state: 'draining' },
      ...{ reason: 'drain-unfinished', message: '', attempts: 0, since: 1, headSeen: true },
      others: [{ position: at(2), id: 'a2' }],
    });

  it('was deleted by hand if the first one is still there', async () => {
    const w = aWorld({ retention: 0 });
    w.put(1);
    w.put(3);
    begun(w);
    await w.drain();
    expect(w.ids()).toEqual(['a1']);
    expect(w.hold()).toMatchObject({ position: at(2), id: 'a2', reason: 'item-gone' });
  });

  it('is not taken for deleted if only the mark of the first one could not be written', async () => {
    const w = aWorld({ retention: 0 });
    w.poisonous.add('a2').add('a1');
    await w.putAll(2);
    await w.putAll(1, 3);
    expect(w.hold()).toMatchObject({ position: at(1), others: [{ position: at(2), id: 'a2' }] });
    w.poisonous.clear();
    w.table.failMark = ({ sk }) => sk === at(1);
    expect(await w.drain()).toBe(0);
    w.table.failMark = () => false;

    const another = w.newProcess();
    const signal = w.table.putSignal(newSignal(KEY, w.clock.at, { kind: 'drain', from: at(1), request }));
    expect(await another.handle([signal], plentyOfTime)).toBeUndefined();

    expect(w.hold()).toBeUndefined();
  });

  it('was published with the first one if that is gone too', async () => {
    const w = aWorld({ retention: 0 });
    w.put(3);
    begun(w);
    await w.drain();
    expect(w.ids()).toEqual(['a3']);
    expect(w.hold()).toBeUndefined();
  });
});
