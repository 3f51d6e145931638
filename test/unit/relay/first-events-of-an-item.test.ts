import { positionOfVersion } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import { itemStateOf } from '../../../lib/event/item-state';
import type { Failure } from '../../../lib/relay/ports';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

/**
 * If an item has several events, the first ones may be acknowledged while a later one cannot be written. The relay
 * notes their receipts on the item, which stays open, and no process publishes them again.
 */

const outage: Failure = { kind: 'outage', message: 'NOT_ENOUGH_REPLICAS' };
const request = { by: 'operator', at: 1, why: 'a test' };
const PK = 'order#42';
const SK = positionOfVersion(1);

/** One item with events to `orders`, `orders` and `audit`; `audit` accepts no writes. */
function aWorld(settings: Parameters<typeof aRelayOverTable>[1] = {}) {
  const world = aRelayOverTable({ maxPartitionHolds: 0 }, settings);
  const { table, kafka, clock } = world;
  kafka.topics.set('audit', 1);
  kafka.refuse = ({ topic }) => (topic === 'audit' ? outage : undefined);
  const noteReceipts = jest.spyOn(table, 'noteReceipts');
  const put = (version = 1, prefix = '') =>
    table.put(
      anItem({
        version,
        committedAt: clock.at,
        events: [
          anEvent({ id: `${prefix}first${version}` }),
          anEvent({ id: `${prefix}second${version}` }),
          anEvent({ id: `${prefix}third${version}`, topic: 'audit' }),
        ],
      }),
    );
  return {
    ...world,
    noteReceipts,
    put,
    recover: () => (kafka.refuse = () => undefined),
    ids: () => kafka.log.map(({ id }) => id),
    state: () => itemStateOf(table.items.get(PK)?.get(SK) ?? {}),
  };
}

it('are published once, whichever instance receives the record, and the item is marked as a whole', async () => {
  const w = aWorld();
  const records = [w.put(), w.put(2)];
  for (let at = 0; at < 40; at++) {
    expect(await w.newProcess().handle(records, plentyOfTime)).toBe(0);
    w.clock.at += at < 20 ? 300 : 20_000;
  }
  expect(w.ids()).toEqual(['first1', 'second1']);
  expect(w.state()).toMatchObject({ state: 'pending', receipts: [expect.any(String), expect.any(String)] });

  w.recover();
  expect(await w.newProcess().handle(records, plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(['first1', 'second1', 'third1', 'first2', 'second2', 'third2']);
  expect(w.state().state).toBe('processed');
  expect(w.state().receipts).toHaveLength(3);
});

it('are skipped by a drain', async () => {
  const w = aWorld();
  await w.handle([w.put()], plentyOfTime);
  w.recover();
  const signal = w.table.putSignal(newSignal(PK, w.clock.at, { kind: 'drain', from: SK, request }));

  expect(await w.newProcess().handle([signal], plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(['first1', 'second1', 'third1']);
  expect(w.state().state).toBe('processed');
});

it('are published again by a replay, with all others', async () => {
  const w = aWorld();
  const record = w.put();
  await w.handle([record], plentyOfTime);
  w.recover();
  await w.handle([record], plentyOfTime);
  const signal = w.table.putSignal(newSignal(PK, w.clock.at, { kind: 'replay', replayId: 'again', request }));

  expect(await w.handle([signal], plentyOfTime)).toBeUndefined();

  expect(w.ids().slice(3)).toEqual(['first1', 'second1', 'third1']);
});

it('prove nothing about another item at the same position', async () => {
  const w = aWorld();
  await w.handle([w.put()], plentyOfTime);
  const noted = w.table.items.get(PK)?.get(SK)?.['receipts'];
  const record = w.put(1, 'other-');
  w.recover();
  w.clock.at += 10_000;
  const image = w.table.items.get(PK)?.get(SK);
  expect(noted).toBeDefined();
  expect(image?.['receipts']).toBeUndefined();

  expect(await w.newProcess().handle([record], plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(['first1', 'second1', 'other-first1', 'other-second1', 'other-third1']);
});

it.each([
  ['another topic', ['audit-0@5']],
  ['as many as it has events', ['orders-0@5', 'orders-0@6', 'audit-0@1']],
])('count only if the note fits the item: %s', async (_, receipts) => {
  const w = aWorld();
  const record = w.put();
  Object.assign(w.table.items.get(PK)?.get(SK) ?? {}, { receipts: { L: receipts.map((S) => ({ S })) } });
  w.recover();
  w.clock.at += 10_000;

  expect(await w.handle([record], plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(['first1', 'second1', 'third1']);
});

it('are published once per process if they are not noted, however often the record is delivered', async () => {
  const w = aWorld();
  w.table.noteReceipts = undefined as never;
  const record = w.put();
  const processes = [w.newProcess(), w.newProcess()];
  for (let at = 0; at < 40; at++, w.clock.at += 3_000) {
    expect(await processes[at % 2]?.handle([record], plentyOfTime)).toBe(0);
  }
  expect(w.ids()).toEqual(['first1', 'second1', 'first1', 'second1']);

  w.recover();
  expect(await processes[0]?.handle([record], plentyOfTime)).toBeUndefined();
  expect(w.ids().slice(4)).toEqual(['third1']);
});

it('do not count on a table with replicas: another region publishes to other brokers', async () => {
  const w = aWorld();
  const record = w.put();
  await w.handle([record], plentyOfTime);
  w.table.noteReceipts = undefined as never;
  w.recover();
  w.clock.at += 10_000;

  expect(await w.newProcess().handle([record], plentyOfTime)).toBeUndefined();

  expect(w.ids().slice(2)).toEqual(['first1', 'second1', 'third1']);
});

it('cost a duplicate if they cannot be noted, and the cause is reported', async () => {
  const w = aWorld();
  const cause = new Error('throttled');
  w.noteReceipts.mockImplementation((marks) => Promise.resolve(new Map(marks.map((mark) => [mark, cause]))));
  const record = w.put();
  await w.handle([record], plentyOfTime);
  expect(w.telemetry.outage).toHaveBeenCalledWith(expect.objectContaining({ cause }));
  w.recover();

  expect(await w.newProcess().handle([record], plentyOfTime)).toBeUndefined();

  expect(w.ids()).toEqual(['first1', 'second1', 'first1', 'second1', 'third1']);
});

it('are not noted if the item is published as a whole', async () => {
  const w = aWorld();
  w.recover();

  expect(await w.handle([w.put(), w.put(2)], plentyOfTime)).toBeUndefined();

  expect(w.noteReceipts).not.toHaveBeenCalled();
});

it('keep their order if a refused batch is halved and no time seems to be left for a moment', async () => {
  const w = aWorld();
  w.recover();
  w.kafka.topics.set('orders', 1);
  const refusedOnce = new Set(['before,first1,second1', 'before,first1']);
  let remainingMs = 90_000;
  w.kafka.refuse = ({ messages, topic }) => {
    const ids = messages.map(({ headers }) => headers['ce_id']).join();
    if (topic !== 'orders' || !refusedOnce.delete(ids)) return undefined;
    if (ids === 'before,first1') remainingMs = 0;
    return { kind: 'poison', reason: 'message-refused', message: 'no' };
  };
  const before = w.table.put(anItem({ key: 'b', committedAt: w.clock.at, events: [anEvent({ id: 'before' })] }));
  const records = [before, w.put()];
  const timeComesBack = (): number => {
    const now = remainingMs;
    remainingMs = 90_000;
    return now;
  };

  await w.handle(records, timeComesBack);
  const settled = await w.handle(records, plentyOfTime);

  expect(settled).toBeUndefined();
  expect(w.ids().filter((id) => id !== 'before')).toEqual(['first1', 'second1', 'third1']);
  expect(w.state().receipts).toHaveLength(3);
});
