import { anEvent, anItem, insertOf } from '../../builders/items';
import { aRelay, aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';
import { identityOf } from '../../../lib/event/item';
import { BREAKER } from '../../../lib/relay/park-limits';
import type { Failure, PartitionBatch } from '../../../lib/relay/ports';
import { partitionOf } from '../../../lib/relay/plan-round';

const outage: Failure = { kind: 'outage', message: 'no broker' };
const tooLarge: Failure = { kind: 'poison', reason: 'message-too-large', message: 'too large' };
const carries = (id: string) => (batch: PartitionBatch) =>
  batch.messages.some(({ headers }) => headers['ce_id'] === id);
const versions = (key: string, count: number) =>
  Array.from({ length: count }, (_, at) => anItem({ key, version: at + 1 }));
const sent = (log: readonly { id: string }[]) => log.map(({ id }) => id);

/** Keys on different partitions of a topic with four partitions. */
const [keyA = '', keyB = ''] = ['0', '1', '2', '3', '4', '5', '6', '7'].filter(
  (key, at, keys) => keys.findIndex((k) => partitionOf(Buffer.from(k), 4) === partitionOf(Buffer.from(key), 4)) === at,
);

describe('a batch without failures', () => {
  it('is published in order and marked with the offsets of its messages', async () => {
    const { handle, kafka, table } = aRelay();

    expect(
      await handle(
        versions('42', 3).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(sent(kafka.log)).toEqual(['id-order-42-1', 'id-order-42-2', 'id-order-42-3']);
    expect([...table.marks.values()].map(({ receipts }) => receipts.map(({ offset }) => offset))).toEqual([
      [0n],
      [1n],
      [2n],
    ]);
  });

  it('publishes all events of an item in order', async () => {
    const { handle, kafka } = aRelay();
    const item = anItem({ events: [anEvent({ id: 'a' }), anEvent({ id: 'b' }), anEvent({ id: 'c' })] });

    expect(await handle([insertOf(item)], plentyOfTime)).toBeUndefined();

    expect(sent(kafka.log)).toEqual(['a', 'b', 'c']);
    expect(kafka.publishes).toHaveLength(1);
  });

  it('sends nothing of a key to a second partition before the first has acknowledged', async () => {
    const { handle, kafka } = aRelay();
    kafka.topics.set('audit', 4);
    const item = anItem({ events: [anEvent({ id: 'a' }), anEvent({ id: 'b', topic: 'audit' }), anEvent({ id: 'c' })] });

    expect(await handle([insertOf(item)], plentyOfTime)).toBeUndefined();

    expect(kafka.publishes.map((round) => round.map(({ topic }) => topic))).toEqual([
      ['orders'],
      ['audit'],
      ['orders'],
    ]);
  });

  it('reports bytes and the latency of each event since the commit', async () => {
    const { handle, telemetry } = aRelay();
    const events = [anEvent({ id: 'a' }), anEvent({ id: 'b' })];

    await handle(
      [insertOf(anItem({ committedAt: 999_000, events })), insertOf(anItem({ key: '43', committedAt: 998_000 }))],
      plentyOfTime,
    );

    expect(telemetry.published).toHaveBeenCalledWith({ bytes: 33, latencyMs: [1_000, 1_000, 2_000] });
  });

  it('ignores marks, deletes and the control partition', async () => {
    const { handle, kafka } = aRelay();
    const insert = insertOf(anItem());
    const control = insertOf({ pk: { S: '$outbox#control' }, sk: { S: 'hold#order#42' } });

    expect(
      await handle([{ ...insert, eventName: 'MODIFY' }, { ...insert, eventName: 'REMOVE' }, control], plentyOfTime),
    ).toBeUndefined();

    expect(kafka.log).toEqual([]);
  });

  it('marks a signal that it cannot decode as unprocessable and reports it', async () => {
    const { handle, table, telemetry } = aRelayOverTable();
    const signal = insertOf({ pk: { S: 'order#42' }, sk: { S: '~signal#1' } });

    expect(await handle([signal], plentyOfTime)).toBeUndefined();

    const why = expect.stringContaining('"request" must be a map') as string;
    expect(telemetry.signalUnprocessable).toHaveBeenCalledWith(expect.objectContaining({ pk: 'order#42' }), why);
    expect(table.setAsides).toEqual([{ pk: 'order#42', sk: '~signal#1', why }]);
  });
});

describe('an item that may be skipped', () => {
  const hold = {
    pk: 'order#42',
    revision: 'r',
    state: 'holding',
    reason: 'unknown-topic',
    message: '',
    attempts: 1,
    since: 0,
  } as const;

  it('is at or after the position of a hold; earlier items are published', async () => {
    const { handle, kafka, table, telemetry } = aRelay();
    table.holds.set('order#42', { ...hold, position: '0000000000000002' });

    expect(
      await handle(
        versions('42', 3).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(sent(kafka.log)).toEqual(['id-order-42-1']);
    expect(table.marks.size).toBe(1);
    expect(telemetry.heldBack).toHaveBeenCalledTimes(2);
  });

  it('is discarded', async () => {
    const { handle, kafka, table } = aRelay();
    table.tombstones.add(identityOf({ pk: 'order#42', sk: '0000000000000001', id: 'id-order-42-1' }));

    expect(
      await handle(
        versions('42', 2).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(sent(kafka.log)).toEqual(['id-order-42-2']);
    expect([...table.marks.keys()]).toEqual(['id-order-42-2']);
  });

  it('is only marked if this process has published it', async () => {
    const { handle, kafka, table, telemetry } = aRelay();
    const records = versions('42', 2).map((item) => insertOf(item));
    table.failMark = ({ id }) => id === 'id-order-42-1';
    expect(await handle(records, plentyOfTime)).toBe(0);
    table.failMark = () => false;

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(sent(kafka.log)).toEqual(['id-order-42-1', 'id-order-42-2']);
    expect(table.marks.get('id-order-42-1')?.receipts).toEqual([
      expect.objectContaining({ topic: 'orders', offset: 0n }),
    ]);
    expect(telemetry.markFailed).toHaveBeenCalledTimes(1);
    expect(telemetry.duplicateSkipped).toHaveBeenCalledTimes(2);
  });

  it('is published again in a new process: a duplicate, never a loss', async () => {
    const { kafka, newProcess } = aRelay();
    const records = [insertOf(anItem())];

    await newProcess().handle(records, plentyOfTime);
    await newProcess().handle(records, plentyOfTime);

    expect(sent(kafka.log)).toEqual(['id-order-42-1', 'id-order-42-1']);
  });

  it('is not marked again if it is marked', async () => {
    const { handle, table } = aRelay();
    const records = versions('42', 3).map((item) => insertOf(item));
    await handle(records, plentyOfTime);
    const mark = jest.spyOn(table, 'mark');

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(mark).not.toHaveBeenCalled();
  });

  it('is not another item with the same id: a duplicate id must not lose an event', async () => {
    const { handle, kafka, table } = aRelay();
    const order = anItem({ aggregate: 'order', events: [anEvent({ id: 'shared' })] });
    const invoice = anItem({ aggregate: 'invoice', events: [anEvent({ id: 'shared' })] });

    expect(
      await handle(
        [order, invoice].map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();
    expect(sent(kafka.log)).toEqual(['shared', 'shared']);
    const marked = jest.spyOn(table, 'mark');
    const again = anItem({ aggregate: 'invoice', version: 2, events: [anEvent({ id: 'shared' })] });
    expect(await handle([insertOf(again)], plentyOfTime)).toBeUndefined();

    expect(sent(kafka.log)).toEqual(['shared', 'shared', 'shared']);
    expect(marked.mock.calls[0]?.[0][0]).toMatchObject({ pk: 'invoice#42', sk: '0000000000000002' });
  });

  it('is sent once if its record is in the batch twice', async () => {
    const { handle, kafka } = aRelay();
    const record = insertOf(anItem());

    expect(await handle([record, record], plentyOfTime)).toBeUndefined();

    expect(kafka.log).toHaveLength(1);
  });
});

describe('an outage', () => {
  it('parks nothing: the shard waits at the first record that was not acknowledged', async () => {
    const { handle, kafka, table } = aRelay();
    kafka.refuse = (batch) => (batch.messages.some(({ key }) => key.toString() === keyB) ? outage : undefined);
    const records = [anItem({ key: keyA }), anItem({ key: keyB }), anItem({ key: keyA, version: 2 })].map((item) =>
      insertOf(item),
    );

    expect(await handle(records, plentyOfTime)).toBe(1);

    expect(sent(kafka.log)).toEqual([`id-order-${keyA}-1`, `id-order-${keyA}-2`]);
    expect(table.parkings).toEqual([]);
  });

  it('starts no further round', async () => {
    const { handle, kafka } = aRelay({ maxMessages: 1 });
    kafka.refuse = () => outage;

    expect(
      await handle(
        versions('42', 3).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBe(0);

    expect(kafka.publishes).toHaveLength(1);
  });

  it('of the metadata stops the batch before anything is sent', async () => {
    const { handle, kafka, telemetry } = aRelay();
    kafka.topics.set('orders', outage);

    expect(await handle([insertOf(anItem())], plentyOfTime)).toBe(0);

    expect(kafka.publishes).toEqual([]);
    expect(telemetry.outage).toHaveBeenCalled();
  });

  it('of one topic stops only the keys of that topic', async () => {
    const { handle, kafka } = aRelay();
    kafka.topics.set('unavailable', outage);
    const records = [
      insertOf(anItem({ key: 'a' })),
      insertOf(anItem({ key: 'b' })),
      insertOf(anItem({ key: 'c', events: [anEvent({ id: 'c', topic: 'unavailable' })] })),
      insertOf(anItem({ key: 'd' })),
    ];

    expect(await handle(records, plentyOfTime)).toBe(2);

    expect(sent(kafka.log).toSorted()).toEqual(['id-order-a-1', 'id-order-b-1', 'id-order-d-1']);
  });

  it('of two topics ends the lookups of topics', async () => {
    const { handle, kafka } = aRelay();
    const asked = jest.spyOn(kafka, 'partitionCount').mockResolvedValue(outage);
    const topics = ['one', 'two', 'three'].map((topic, at) =>
      anItem({ key: topic, events: [anEvent({ id: topic, topic })], version: at }),
    );

    await handle(
      topics.map((item) => insertOf(item)),
      plentyOfTime,
    );

    // One failed lookup may concern its topic only; two show an outage.
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('of the control partition stops the batch before anything is sent', async () => {
    const { handle, kafka, table } = aRelay();
    table.failRead = true;

    expect(await handle([insertOf(anItem())], plentyOfTime)).toBe(0);

    expect(kafka.publishes).toEqual([]);
  });
});

describe('a poison event', () => {
  it('is parked and holds its key, while other keys and earlier events are published', async () => {
    const { handle, kafka, table } = aRelay();
    kafka.refuse = (batch) => (carries('id-order-42-2')(batch) ? tooLarge : undefined);
    const others = ['1', '2', '3', '4', '5', '6'].map((key) => anItem({ key }));
    const records = [...versions('42', 4), ...others].map((item) => insertOf(item));

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(sent(kafka.log).toSorted()).toEqual(['id-order-42-1', ...others.map(({ id }) => id)].toSorted());
    expect(table.parkings).toEqual([
      expect.objectContaining({
        pk: 'order#42',
        sk: '0000000000000002',
        id: 'id-order-42-2',
        reason: 'message-too-large',
      }),
    ]);
  });

  it('of an item that was processed or discarded meanwhile holds nothing', async () => {
    const { handle, kafka, table } = aRelay();
    kafka.refuse = (batch) => (carries('id-order-42-1')(batch) ? tooLarge : undefined);
    table.gone.add('id-order-42-1');

    expect(
      await handle(
        versions('42', 2).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(table.holds.size).toBe(0);
    expect(sent(kafka.log)).toEqual(['id-order-42-2']);
  });

  it('that cannot be parked is delivered again, and no event of its key overtakes it', async () => {
    const { handle, kafka, table } = aRelay();
    kafka.refuse = (batch) => (carries('id-order-42-1')(batch) ? tooLarge : undefined);
    table.failPark = () => true;

    expect(
      await handle(
        versions('42', 3).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBe(0);

    expect(kafka.log).toEqual([]);
  });

  it('is parked when its topic does not exist', async () => {
    const { handle, kafka, table } = aRelay();
    const records = [
      insertOf(anItem({ key: 'x', events: [anEvent({ id: 'lost', topic: 'nowhere' })] })),
      insertOf(anItem({ key: 'x', version: 2 })),
      insertOf(anItem({ key: 'y' })),
    ];

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(table.parkings).toEqual([expect.objectContaining({ pk: 'order#x', reason: 'unknown-topic' })]);
    expect(sent(kafka.log)).toEqual(['id-order-y-1']);
  });

  it('parks every key of a batch at once if its topic was deleted meanwhile', async () => {
    const { handle, kafka, table } = aRelay();
    kafka.topics.set('orders', 1);
    kafka.refuse = () => ({ kind: 'poison', reason: 'unknown-topic', message: 'deleted' });
    const records = ['x', 'y', 'z', 'x'].map((key, at) => insertOf(anItem({ key, version: at + 1 })));

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(table.parkings.map(({ pk }) => pk)).toEqual(['order#x', 'order#y', 'order#z']);
    expect(kafka.publishes).toHaveLength(1);
  });

  it('that follows an unfinished event of its key waits for the acknowledgement', async () => {
    const { handle, kafka, table } = aRelay();
    const records = [
      insertOf(anItem({ key: 'x' })),
      insertOf(anItem({ key: 'x', version: 2, events: [anEvent({ id: 'lost', topic: 'nowhere' })] })),
    ];
    kafka.refuse = () => outage;

    expect(await handle(records, plentyOfTime)).toBe(0);
    expect(table.parkings).toEqual([]);

    kafka.refuse = () => undefined;
    expect(await handle(records, plentyOfTime)).toBeUndefined();
    expect(table.parkings).toEqual([expect.objectContaining({ id: 'lost' })]);
  });

  it('may be an item that cannot be decoded: the relay parks it without trusting its id', async () => {
    const { handle, kafka, table } = aRelay();
    const records = [
      insertOf({ pk: { S: 'order#x' }, sk: { S: '0000000000000001' }, id: { S: 'i' } }),
      insertOf(anItem({ key: 'x', version: 2 })),
    ];

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(table.parkings).toEqual([
      {
        pk: 'order#x',
        sk: '0000000000000001',
        reason: 'undecodable-item',
        message: expect.stringContaining('committedAt') as unknown,
        attempts: 0,
        isHead: false,
      },
    ]);
    expect(kafka.log).toEqual([]);
  });

  it('opens the breaker when many keys were held within minutes: then it is an outage', async () => {
    const { handle, kafka, table, telemetry } = aRelay();
    kafka.refuse = () => ({ kind: 'poison', reason: 'topic-not-authorized', message: 'the ACL was removed' });
    const keys = Array.from({ length: BREAKER.maxHolds + 5 }, (_, at) => anItem({ key: String(at) }));

    expect(
      await handle(
        keys.map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeDefined();

    expect(table.parkings).toHaveLength(BREAKER.maxHolds);
    expect(telemetry.breakerOpen).toHaveBeenCalled();
  });

  it('is parked once at most if parking fails, and reported once if the breaker is open', async () => {
    const unknown = Array.from({ length: 100 }, (_, at) =>
      insertOf(anItem({ key: String(at), events: [anEvent({ id: `u${at}`, topic: 'nowhere' })] })),
    );
    const failing = aRelay();
    const attempts = jest.fn(() => true);
    failing.table.failPark = attempts;
    expect(await failing.handle(unknown, plentyOfTime)).toBe(0);
    expect(attempts).toHaveBeenCalledTimes(1);

    const breaking = aRelay();
    expect(await breaking.handle(unknown, plentyOfTime)).toBe(BREAKER.maxHolds);
    expect(breaking.telemetry.breakerOpen).toHaveBeenCalledTimes(1);
  });
});

describe('bounds', () => {
  it('splits a partition over rounds so that no batch exceeds its bytes', async () => {
    const { handle, kafka } = aRelay({ maxBatchBytes: 1_000 });
    const records = versions('42', 10).map((item) => insertOf(item));

    expect(await handle(records, plentyOfTime)).toBeUndefined();

    expect(sent(kafka.log)).toEqual(versions('42', 10).map(({ id }) => id));
    expect(kafka.publishes.length).toBeGreaterThan(1);
  });

  it('sends a message that is larger than the limit alone', async () => {
    const { handle, kafka } = aRelay({ maxBatchBytes: 10 });

    expect(
      await handle(
        versions('42', 3).map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(kafka.publishes.map((round) => round.map(({ messages }) => messages.length))).toEqual([[1], [1], [1]]);
  });

  it('reports if there is no time for a single round', async () => {
    const { handle, kafka, telemetry } = aRelay();

    expect(await handle([insertOf(anItem())], () => 999)).toBe(0);

    expect(kafka.publishes).toEqual([]);
    expect(telemetry.outage).toHaveBeenCalledWith({ message: expect.stringContaining('999 ms were left') });
  });

  it('parks nothing if the time is short', async () => {
    const { handle, table } = aRelay({ minRoundMs: 0 });

    expect(await handle([insertOf({ pk: { S: 'order#x' }, sk: { S: '0000000000000001' } })], () => 499)).toBe(0);

    expect(table.parkings).toEqual([]);
  });

  it('starts no round if the time is short, and requests the rest again', async () => {
    const { handle, kafka } = aRelay({ maxMessages: 1 });
    let left = 2_500;

    expect(
      await handle(
        versions('42', 5).map((item) => insertOf(item)),
        () => (left -= 500),
      ),
    ).toBe(3);

    expect(kafka.log).toHaveLength(3);
  });
});

describe('marks', () => {
  it('of a key whose events go to two topics in turn are collected over rounds', async () => {
    const { handle, kafka, table } = aRelay();
    kafka.topics.set('audit', 1);
    const mark = jest.spyOn(table, 'mark');
    const items = Array.from({ length: 60 }, (_, at) =>
      anItem({ version: at + 1, events: [anEvent({ id: `a${at}` }), anEvent({ id: `b${at}`, topic: 'audit' })] }),
    );

    expect(
      await handle(
        items.map((item) => insertOf(item)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(kafka.publishes).toHaveLength(120);
    expect(mark.mock.calls.map(([marks]) => marks.length)).toEqual([25, 25, 10]);
    expect(table.marks.size).toBe(60);
  });

  it('have the remaining time, less the time to return the result', async () => {
    const { handle, table } = aRelay();
    const mark = jest.spyOn(table, 'mark');
    let left = 20_000;

    await handle([insertOf(anItem())], () => (left -= 1_000));

    expect((mark.mock.calls as unknown[][]).map(([, timeLimitMs]) => timeLimitMs)).toEqual([left - 1_000]);
  });

  it('end the rounds if all of them fail: events published now would be published again', async () => {
    const { handle, kafka, table, telemetry } = aRelay({ maxMessages: 25 });
    table.failMark = () => true;
    const records = versions('42', 200).map((item) => insertOf(item));

    expect(await handle(records, plentyOfTime)).toBe(0);

    expect(kafka.log.length).toBeLessThanOrEqual(50);
    expect(telemetry.outage).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringContaining('marked') as string }),
    );
    table.failMark = () => false;
    expect(await handle(records, plentyOfTime)).toBeUndefined();
    expect(sent(kafka.log)).toEqual(versions('42', 200).map(({ id }) => id));
  });

  it('delay the next round while many are in flight', async () => {
    const { handle, kafka, table } = aRelay({ maxMessages: 25 });
    const unanswered: (() => void)[] = [];
    jest
      .spyOn(table, 'mark')
      .mockImplementation(() => new Promise((resolve) => unanswered.push(() => resolve(new Map()))));
    const records = versions('42', 500).map((item) => insertOf(item));

    const handled = handle(records, plentyOfTime);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(kafka.publishes.length).toBeLessThan(10);

    for (let turn = 0; turn < 60; turn++) {
      unanswered.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await handled).toBeUndefined();
    expect(kafka.log).toHaveLength(500);
  });
});
