import type { Hold } from '../../../lib/event/control';
import { positionKey, positionOfVersion } from '../../../lib/event/position';
import { newSignal, type Signal } from '../../../lib/event/signal';
import type { Failure, PartitionBatch } from '../../../lib/relay/ports';
import type { StreamRecord } from '../../../lib/relay/record';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const HOUR = 3_600_000;
const request = { by: 'someone', at: 1, why: 'a test' };
const poison: Failure = { kind: 'poison', reason: 'message-refused', message: 'no' };
const tooLarge: Failure = { kind: 'poison', reason: 'message-too-large', message: 'too large' };
const outage: Failure = { kind: 'outage', message: 'unavailable' };
const at = positionOfVersion;

/** A world with one key `order#a`. The poisonous versions are refused until they are fixed. */
function aWorld(options: Parameters<typeof aRelayOverTable>[0] = {}, settings = {}) {
  const world = aRelayOverTable(options, settings);
  const { table, kafka, clock } = world;
  const poisonous = new Set<string>();
  kafka.refuse = ({ messages }: PartitionBatch) =>
    messages.some(({ headers }) => poisonous.has(headers['ce_id'] ?? '')) ? poison : undefined;
  return {
    ...world,
    poisonous,
    put: (version: number, key = 'a', topic = 'orders'): StreamRecord =>
      table.put(anItem({ key, version, committedAt: clock.at, events: [anEvent({ id: `${key}${version}`, topic })] })),
    putAt: (version: number, committedAt: number): StreamRecord =>
      table.put(anItem({ key: 'a', version, committedAt, events: [anEvent({ id: `a${version}` })] })),
    putSignal: (signal: Omit<Extract<Signal, { kind: 'drain' }>, 'pk' | 'sk' | 'request'>, key = 'a'): StreamRecord =>
      table.putSignal(newSignal(`order#${key}`, clock.at, { ...signal, request })),
    skip: (version: number): StreamRecord =>
      table.putSignal(
        newSignal('order#a', clock.at, { kind: 'skip', position: at(version), id: `a${version}`, request }),
      ),
    replay: (range: { from?: string; to?: string; topic?: string; since?: number } = {}): StreamRecord =>
      table.putSignal(newSignal('order#a', clock.at, { kind: 'replay', replayId: 'r', ...range, request })),
    ids: () => kafka.log.map(({ id }) => id),
    hold: (): Hold | undefined => table.holds.get('order#a'),
    states: () => [...(table.items.get('order#a') ?? [])].map(([sk]) => table.stateAt('order#a', sk)),
    signalsLeft: () => [...table.signals.values()].reduce((sum, { size }) => sum + size, 0),
  };
}

describe('a drain that a signal asks for', () => {
  it('publishes an item that was written again under its old id, although this process remembers the id as done', async () => {
    const w = aWorld({}, { retention: 0 });
    await w.handle([w.put(1)], plentyOfTime);
    w.put(1);
    expect(w.states()).toEqual(['pending']);

    expect(await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a1']);
    expect(w.states()).toEqual([]);
  });

  it('publishes the parked item and all later items in order, and releases the key', async () => {
    const w = aWorld();
    w.poisonous.add('a2');
    const records = [1, 2, 3, 4, 5, 6].map((version) => w.put(version));
    expect(await w.handle(records, plentyOfTime)).toBeUndefined();
    expect(w.ids()).toEqual(['a1']);
    w.poisonous.clear();

    expect(await w.handle([w.putSignal({ kind: 'drain', from: at(2) })], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    expect(w.states()).toEqual(Array(6).fill('processed'));
    expect(w.hold()).toBeUndefined();
    expect(w.signalsLeft()).toBe(0);
  });

  it('keeps the key held if the cause is not fixed, and counts the attempt', async () => {
    const w = aWorld();
    w.poisonous.add('a1');
    await w.handle([w.put(1), w.put(2)], plentyOfTime);
    const since = w.hold()?.since;
    w.clock.at += HOUR;

    expect(await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], plentyOfTime)).toBeUndefined();

    expect(w.hold()).toMatchObject({ position: at(1), state: 'holding', attempts: 2, since });
    expect(w.signalsLeft()).toBe(0);
    expect(w.ids()).toEqual([]);
  });

  it('moves the hold to the next item that is refused', async () => {
    const w = aWorld();
    w.poisonous.add('a1').add('a3');
    await w.handle(
      [1, 2, 3, 4].map((version) => w.put(version)),
      plentyOfTime,
    );
    w.poisonous.delete('a1');

    await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], plentyOfTime);

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.hold()).toMatchObject({ position: at(3), state: 'holding', attempts: 1 });
    expect(w.states()).toEqual(['processed', 'processed', 'parked', 'pending']);
  });

  it('does nothing when nothing is pending', async () => {
    const w = aWorld();
    await w.handle([w.put(1)], plentyOfTime);

    expect(await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1']);
    expect(w.signalsLeft()).toBe(0);
  });

  it('begins before its position if an earlier item is open', async () => {
    const w = aWorld();
    [1, 2, 3].forEach((version) => w.put(version));

    await w.handle([w.putSignal({ kind: 'drain', from: at(3) })], plentyOfTime);

    expect(w.ids()).toEqual(['a1', 'a2', 'a3']);
  });

  it('that is older than the items of its key publishes them, and the relay skips their records', async () => {
    const w = aWorld();
    const signal = w.putSignal({ kind: 'drain', from: at(1) });
    const records = [w.put(1), w.put(2)];

    expect(await w.handle([signal, ...records], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
  });

  it('is executed from its record if its item is gone', async () => {
    const w = aWorld();
    w.put(1);
    const signal = w.putSignal({ kind: 'drain', from: at(1) });
    w.table.signals.clear();

    await w.handle([signal], plentyOfTime);

    expect(w.ids()).toEqual(['a1']);
  });

  it('and a second signal for the same key cause one drain', async () => {
    const w = aWorld();
    w.put(1);
    w.put(2);

    await w.handle(
      [w.putSignal({ kind: 'drain', from: at(2) }), w.putSignal({ kind: 'drain', from: at(1) })],
      plentyOfTime,
    );

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.telemetry.drained).toHaveBeenCalledTimes(1);
    expect(w.signalsLeft()).toBe(0);
  });

  it('runs after the other keys of its batch are published', async () => {
    const w = aWorld();
    w.put(1);
    const signal = w.putSignal({ kind: 'drain', from: at(1) });

    await w.handle([signal, w.put(1, 'b')], plentyOfTime);

    expect(w.ids()).toEqual(['b1', 'a1']);
  });

  it('is delivered again after an outage, hold and signal kept', async () => {
    const w = aWorld();
    w.poisonous.add('a1');
    await w.handle([w.put(1)], plentyOfTime);
    w.kafka.refuse = () => outage;
    const signal = w.putSignal({ kind: 'drain', from: at(1) });

    expect(await w.handle([signal], plentyOfTime)).toBe(0);
    expect(w.hold()).toMatchObject({ state: 'draining' });
    expect(w.signalsLeft()).toBe(1);

    w.kafka.refuse = () => undefined;
    expect(await w.handle([signal], plentyOfTime)).toBeUndefined();
    expect(w.ids()).toEqual(['a1']);
    expect(w.hold()).toBeUndefined();
  });

  it('fails when a mark fails, and then only marks', async () => {
    const w = aWorld();
    w.put(1);
    w.put(2);
    w.table.failMark = ({ id }) => id === 'a1';
    const signal = w.putSignal({ kind: 'drain', from: at(1) });
    expect(await w.handle([signal], plentyOfTime)).toBe(0);
    w.table.failMark = () => false;

    expect(await w.handle([signal], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.states()).toEqual(['processed', 'processed']);
  });

  it('that runs out of time leaves a draining hold and a new signal, from which the key continues', async () => {
    const w = aWorld({ maxMessages: 1 });
    [1, 2, 3, 4, 5].forEach((version) => w.put(version));
    let left = 3_500;
    const successors: StreamRecord[] = [];
    const signal = w.putSignal({ kind: 'drain', from: at(1) });
    w.table.onInsert = (record) => successors.push(record);

    expect(await w.handle([signal], () => (left -= 500))).toBeUndefined();

    const published = w.ids().length;
    expect(published).toBeGreaterThan(0);
    expect(published).toBeLessThan(5);
    expect(w.hold()).toMatchObject({ state: 'draining', reason: 'drain-unfinished', position: at(published + 1) });
    expect(successors).toHaveLength(1);

    const fresh = w.put(6);
    expect(await w.handle([fresh], plentyOfTime)).toBeUndefined();
    expect(await w.handle([successors[0]!], plentyOfTime)).toBeUndefined();
    expect(w.ids()).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    expect(w.hold()).toBeUndefined();
    expect(w.signalsLeft()).toBe(0);
  });
});

describe('a relay that was frozen at the end of its drain', () => {
  it('does not remove a newer hold, and requests its record again', async () => {
    const w = aWorld();
    w.poisonous.add('a1');
    await w.handle([w.put(1)], plentyOfTime);
    w.poisonous.clear();
    const signal = w.putSignal({ kind: 'drain', from: at(1) });
    const finish = w.table.finish.bind(w.table);
    let thaw = (): void => undefined;
    const frozen = new Promise<void>((resolve) => (thaw = resolve));
    jest.spyOn(w.table, 'finish').mockImplementationOnce(async (...drain) => {
      await frozen;
      return finish(...drain);
    });
    const zombie = w.newProcess().handle([signal], plentyOfTime);
    await new Promise((resolve) => setImmediate(resolve));
    await w.newProcess().handle([signal], plentyOfTime);
    w.poisonous.add('a2');
    await w.newProcess().handle([w.put(2)], plentyOfTime);

    thaw();

    expect(await zombie).toBe(0);
    expect(w.hold()).toMatchObject({ position: at(2), state: 'holding' });
  });

  it('misses no item that arrives while it reads: the hold is draining before the items are read', async () => {
    const w = aWorld();
    w.poisonous.add('a1');
    await w.handle([w.put(1)], plentyOfTime);
    w.poisonous.clear();
    const stale = await w.table.read();
    const signal = w.putSignal({ kind: 'drain', from: at(1) });
    const late = w.put(2);
    // A relay that read the hold before the drain began leaves this item out.
    jest.spyOn(w.table, 'read').mockResolvedValueOnce(stale);
    expect(await w.newProcess().handle([late], plentyOfTime)).toBeUndefined();
    expect(w.ids()).toEqual([]);

    expect(await w.handle([signal], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
  });
});

describe('a skip', () => {
  it('discards the first item with author, time and reason, and drains the rest', async () => {
    const w = aWorld();
    w.poisonous.add('a2');
    await w.handle(
      [1, 2, 3].map((version) => w.put(version)),
      plentyOfTime,
    );

    expect(await w.handle([w.skip(2)], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a3']);
    expect(w.states()).toEqual(['processed', 'discarded', 'processed']);
    expect(w.telemetry.discarded).toHaveBeenCalledWith(expect.objectContaining({ request }));
    expect(w.hold()).toBeUndefined();
  });

  it('that is delivered twice does not discard the next head', async () => {
    const w = aWorld();
    w.poisonous.add('a1').add('a2');
    await w.handle([w.put(1), w.put(2)], plentyOfTime);
    const signal = w.skip(1);

    await w.handle([signal], plentyOfTime);
    await w.newProcess().handle([signal], plentyOfTime);

    expect(w.states()).toEqual(['discarded', 'parked']);
    expect(w.hold()).toMatchObject({ position: at(2), state: 'holding' });
  });

  it('keeps the record of a discarded item from being published when it is delivered again', async () => {
    const w = aWorld();
    w.poisonous.add('a1');
    const record = w.put(1);
    await w.handle([record, w.put(2)], plentyOfTime);
    await w.handle([w.skip(1)], plentyOfTime);
    w.poisonous.clear();

    expect(await w.newProcess().handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a2']);
  });

  it('of an item at which a drain ran out of time discards nothing: the item was never refused', async () => {
    const w = aWorld({ maxMessages: 1 });
    w.poisonous.add('a1');
    await w.handle(
      [1, 2, 3, 4, 5].map((version) => w.put(version)),
      plentyOfTime,
    );
    w.poisonous.clear();
    let left = 3_500;
    await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], () => (left -= 500));
    const position = Number(w.hold()?.position);
    expect(w.hold()).toMatchObject({ state: 'draining', reason: 'drain-unfinished', attempts: 0 });
    expect(w.states()[position - 1]).toBe('pending');

    expect(await w.handle([w.skip(position)], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
    expect(w.states()).not.toContain('discarded');
    expect(w.hold()).toBeUndefined();
  });

  it('of an item that was processed meanwhile discards nothing', async () => {
    const w = aWorld();
    w.poisonous.add('a1');
    await w.handle([w.put(1)], plentyOfTime);
    w.poisonous.clear();
    await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], plentyOfTime);

    expect(await w.handle([w.skip(1)], plentyOfTime)).toBeUndefined();

    expect(w.states()).toEqual(['processed']);
  });
});

describe('a replay', () => {
  it('whose signal is gone is not executed again: the sweeper has replaced the signal, or the replay is done', async () => {
    const w = aWorld();
    await w.handle([w.put(1)], plentyOfTime);
    const signal = w.replay();
    w.table.signals.clear();

    expect(await w.handle([signal], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1']);
  });

  it('publishes processed items again with its id, and marks nothing', async () => {
    const w = aWorld();
    await w.handle(
      [1, 2, 3, 4].map((version) => w.put(version)),
      plentyOfTime,
    );
    const receipts = structuredClone(w.table.items.get('order#a')?.get(at(2))?.['receipts']);

    expect(await w.handle([w.replay({ from: at(2), to: at(3) })], plentyOfTime)).toBeUndefined();

    expect(w.kafka.log.slice(4)).toMatchObject([
      { id: 'a2', replayId: 'r' },
      { id: 'a3', replayId: 'r' },
    ]);
    expect(w.table.items.get('order#a')?.get(at(2))?.['receipts']).toEqual(receipts);
    expect(w.signalsLeft()).toBe(0);
  });

  it('goes to a side topic if its signal names one', async () => {
    const w = aWorld();
    w.kafka.topics.set('side', 1);
    await w.handle([w.put(1)], plentyOfTime);

    await w.handle([w.replay({ topic: 'side' })], plentyOfTime);

    expect(w.kafka.log[1]).toMatchObject({ topic: 'side', id: 'a1' });
  });

  it('skips items that are not processed or were committed before its range', async () => {
    const w = aWorld();
    await w.handle([w.put(1)], plentyOfTime);
    w.clock.at += HOUR;
    await w.handle([w.put(2)], plentyOfTime);
    w.put(3);

    await w.handle([w.replay({ since: w.clock.at })], plentyOfTime);

    expect(w.ids()).toEqual(['a1', 'a2', 'a2']);
  });

  it('that Kafka refuses is marked as unprocessable and holds no key', async () => {
    const w = aWorld();
    await w.handle([w.put(1)], plentyOfTime);

    expect(await w.handle([w.replay({ topic: 'nowhere' })], plentyOfTime)).toBeUndefined();

    expect(w.table.setAsides).toEqual([expect.objectContaining({ why: expect.stringContaining('unknown-topic') })]);
    expect(w.hold()).toBeUndefined();
  });

  it('is sent in order in smaller batches if its topic accepts less at once', async () => {
    const w = aWorld();
    await w.handle(
      [1, 2, 3, 4, 5].map((version) => w.put(version)),
      plentyOfTime,
    );
    w.kafka.refuse = ({ messages }) => (messages.length > 1 ? tooLarge : undefined);

    expect(await w.handle([w.replay()], plentyOfTime)).toBeUndefined();

    expect(w.ids().slice(5)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
    expect(w.table.setAsides).toEqual([]);
  });

  it('continues under another signal if there is no time for every smaller batch', async () => {
    const w = aWorld();
    await w.handle(
      [1, 2, 3, 4].map((version) => w.put(version)),
      plentyOfTime,
    );
    w.kafka.refuse = ({ messages }) => (messages.length > 1 ? tooLarge : undefined);
    const signal = w.replay();
    const successors: StreamRecord[] = [];
    w.table.onInsert = (record) => successors.push(record);
    const remainingMs = (): number => (w.kafka.log.length > 4 ? 0 : 90_000);

    expect(await w.handle([signal], remainingMs)).toBeUndefined();
    expect(w.ids().slice(4)).toEqual(['a1']);
    expect(await w.handle(successors, plentyOfTime)).toBeUndefined();

    expect(w.ids().slice(4)).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  it('is marked as unprocessable if one message alone is refused, after the earlier messages are sent', async () => {
    const w = aWorld();
    await w.handle(
      [1, 2, 3].map((version) => w.put(version)),
      plentyOfTime,
    );
    w.kafka.refuse = ({ messages }) =>
      messages.some(({ headers }) => headers['ce_id'] === 'a3') ? tooLarge : undefined;

    expect(await w.handle([w.replay()], plentyOfTime)).toBeUndefined();

    expect(w.ids().slice(3)).toEqual(['a1', 'a2']);
    expect(w.table.setAsides).toMatchObject([{ why: 'message-too-large: too large' }]);
  });

  it('that runs out of time continues under the same id', async () => {
    const w = aWorld({ maxMessages: 1 });
    const records = [1, 2, 3, 4].map((version) => w.put(version));
    await w.handle(records, plentyOfTime);
    const successors: StreamRecord[] = [];
    const signal = w.replay();
    w.table.onInsert = (record) => successors.push(record);
    let left = 3_500;

    expect(await w.handle([signal], () => (left -= 500))).toBeUndefined();
    expect(await w.handle(successors, plentyOfTime)).toBeUndefined();

    expect(w.kafka.log.slice(4).map(({ id, replayId }) => `${id}${replayId}`)).toEqual(['a1r', 'a2r', 'a3r', 'a4r']);
    expect(w.signalsLeft()).toBe(0);
  });
});

describe('a record that does not prove that the stream has shown all earlier items', () => {
  it('is drained if it is late', async () => {
    const w = aWorld();
    w.put(1);
    w.put(2);
    const record = w.put(3);
    w.clock.at += HOUR;

    expect(await w.handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2', 'a3']);
    expect(w.states()).toEqual(['processed', 'processed', 'processed']);
  });

  it('is published as shown if no earlier item is open', async () => {
    const w = aWorld();
    const records = [w.put(1), w.put(2)];
    w.clock.at += HOUR;

    expect(await w.handle(records, plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.telemetry.drained).not.toHaveBeenCalled();
  });

  it('is not sent again if the table shows it as processed', async () => {
    const w = aWorld();
    const records = [w.put(1), w.put(2)];
    await w.handle(records, plentyOfTime);
    w.clock.at += HOUR;

    expect(await w.newProcess().handle(records, plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
  });

  it('does not retry the parked item: the relay publishes the items before the hold', async () => {
    const w = aWorld();
    w.poisonous.add('a4');
    w.put(1);
    const second = w.put(2);
    await w.handle([w.put(4)], plentyOfTime);
    const hold = w.hold();
    w.clock.at += HOUR;

    expect(await w.handle([second], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.hold()).toEqual(hold);
  });

  it('is drained while a gap of the stream is suspected', async () => {
    const w = aWorld();
    w.put(1);
    w.table.state = { streamArn: 'old' };
    const fresh = { ...w.put(2), eventSourceARN: 'new' };

    expect(await w.handle([fresh], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
    expect(w.table.state).toEqual({ streamArn: 'new', gapSuspectedSince: w.clock.at });
    expect(w.telemetry.streamChanged).toHaveBeenCalledWith('old', 'new');
  });

  it('does not suspect a gap if it comes from the first stream of the table', async () => {
    const w = aWorld();
    await w.handle([{ ...w.put(1), eventSourceARN: 'first' }], plentyOfTime);

    expect(w.table.state).toEqual({ streamArn: 'first', gapSuspectedSince: undefined });
  });
});

describe('an item that is written again under its old id, with a retention of zero', () => {
  it('is published at once, although this process remembers the id', async () => {
    const w = aWorld({}, { retention: 0 });
    await w.handle([w.put(1)], plentyOfTime);

    expect(await w.handle([w.put(1)], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a1']);
    expect(w.states()).toEqual([]);
  });

  it('is published again if the mark of the first was written and its response lost', async () => {
    const w = aWorld({}, { retention: 0 });
    const first = w.put(1);
    const mark = w.table.mark.bind(w.table);
    jest.spyOn(w.table, 'mark').mockImplementationOnce(async (marks) => {
      await mark(marks);
      return new Map(marks.map((one) => [one, new Error('the answer was lost')]));
    });
    expect(await w.handle([first], plentyOfTime)).toBe(0);
    const again = w.put(1);

    expect(await w.handle([first, again], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a1']);
    expect(w.states()).toEqual([]);
  });

  it('is not published for the record of an item that a drain has published', async () => {
    const w = aWorld({}, { retention: 0 });
    const record = w.put(1);
    await w.handle([w.putSignal({ kind: 'drain', from: at(1) })], plentyOfTime);

    expect(await w.handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1']);
  });
});

describe('strict order', () => {
  const unfinished = (w: ReturnType<typeof aWorld>, version: number): string => {
    const position = positionKey('order#a', at(version));
    w.table.unfinished.add(position);
    return position;
  };

  it('waits for a version that an unfinished transaction is about to write; other keys do not wait', async () => {
    const w = aWorld({ order: 'strict' });
    const position = unfinished(w, 1);
    const second = w.put(2);
    expect(await w.handle([second, w.put(3), w.put(1, 'b')], plentyOfTime)).toBe(0);
    expect(w.ids()).toEqual(['b1']);
    const first = w.put(1);
    w.table.unfinished.delete(position);

    expect(await w.handle([second, first], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['b1', 'a1', 'a2', 'a3']);
  });

  it('looks up once more after the other keys are published: most transactions end within milliseconds', async () => {
    const w = aWorld({ order: 'strict' });
    const position = unfinished(w, 1);
    const publish = w.kafka.publish.bind(w.kafka);
    jest.spyOn(w.kafka, 'publish').mockImplementationOnce((batches) => {
      w.table.unfinished.delete(position);
      w.put(1);
      return publish(batches);
    });

    expect(await w.handle([w.put(2), w.put(1, 'b')], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['b1', 'a1', 'a2']);
  });

  it('publishes the items before the waiting version', async () => {
    const w = aWorld({ order: 'strict' });
    unfinished(w, 4);

    expect(await w.handle([w.put(1), w.put(2), w.put(5)], plentyOfTime)).toBe(2);

    expect(w.ids()).toEqual(['a1', 'a2']);
  });

  it('does not wait if the version before has expired or was never written', async () => {
    const w = aWorld({ order: 'strict' });

    expect(await w.handle([w.put(7), w.put(1, 'b')], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(expect.arrayContaining(['a7', 'b1']));
    expect(w.telemetry.predecessorMissing).not.toHaveBeenCalled();
  });

  it('also applies in a drain', async () => {
    const w = aWorld({ order: 'strict' });
    const position = unfinished(w, 1);
    w.put(2);
    const signal = w.putSignal({ kind: 'drain', from: at(2) });
    expect(await w.handle([signal], plentyOfTime)).toBe(0);
    w.table.unfinished.delete(position);

    expect(await w.handle([signal], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a2']);
  });

  it.each([
    ['ahead', HOUR],
    ['behind', -HOUR],
  ])('waits for items that may be in replication, by the time of the stream, if a writer is %s', async (_, ms) => {
    const w = aWorld({ order: 'strict', replicationWaitMs: 10_000 });
    const record = w.putAt(7, w.clock.at + ms);
    expect(await w.handle([record], plentyOfTime)).toBe(0);
    w.clock.at += 11_000;

    expect(await w.handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a7']);
  });

  it('does not wait in a drain for the version before an item with a future time', async () => {
    const w = aWorld({ order: 'strict', replicationWaitMs: 10_000 });
    w.putAt(7, w.clock.at + HOUR);

    expect(await w.handle([w.putSignal({ kind: 'drain', from: at(7) })], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a7']);
  });

  it('takes the version before it from the table', async () => {
    const w = aWorld({ order: 'strict' });
    await w.handle([w.put(1)], plentyOfTime);

    expect(await w.newProcess().handle([w.put(2)], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
  });
});

describe('an item on which the process dies', () => {
  /** The publisher never responds for this event, so the invocation never returns. */
  const dies = (w: ReturnType<typeof aWorld>, id: string): void => {
    const publish = w.kafka.publish.bind(w.kafka);
    jest
      .spyOn(w.kafka, 'publish')
      .mockImplementation((batches) =>
        batches.some(({ messages }) => messages.some(({ headers }) => headers['ce_id'] === id))
          ? new Promise(() => undefined)
          : publish(batches),
      );
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('is parked after five attempts without an end, in a drain too, and the shard continues', async () => {
    const w = aWorld();
    w.put(1);
    const record = w.put(2);
    dies(w, 'a2');
    w.clock.at += HOUR;
    for (let death = 0; death < 5; death++) {
      void w.newProcess().handle([record], plentyOfTime);
      await settled();
    }

    expect(await w.newProcess().handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toContain('a1');
    expect(w.hold()).toMatchObject({ position: at(2), reason: 'process-died' });
  });

  it('has no attempts left on its crash counter after a normal end, also after a failed send', async () => {
    const w = aWorld();
    const record = w.put(1);
    w.clock.at += 2 * 60_000;
    w.kafka.refuse = () => outage;
    for (let end = 0; end < 8; end++) expect(await w.newProcess().handle([record], plentyOfTime)).toBe(0);
    w.kafka.refuse = () => undefined;

    expect(await w.newProcess().handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1']);
    expect(w.hold()).toBeUndefined();
  });
});
