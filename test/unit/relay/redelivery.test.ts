import { positionOfVersion } from '../../../lib/event/position';
import { PositionsUnread } from '../../../lib/relay/key-failure';
import type { Failure, PartitionBatch } from '../../../lib/relay/ports';
import type { Relay } from '../../../lib/relay/relay';
import type { StreamRecord } from '../../../lib/relay/record';
import { LOOK_UP_AFTER_MS } from '../../../lib/relay/triage';
import { anEvent, anItem } from '../../builders/items';
import { MemoryTable } from '../../builders/memory-table';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';
import { partitionOf } from '../../../lib/relay/plan-round';

/**
 * Lambda may redeliver a batch to any instance of the function. An instance does not know the acknowledgements of other
 * instances, so it must read them from the table.
 */

const outage: Failure = { kind: 'outage', message: 'NOT_ENOUGH_REPLICAS' };
const uuidAt = (n: number): string => `019b7ce1-0000-7000-8000-${String(n).padStart(12, '0')}`;

function aWorld(settings = {}, options: Parameters<typeof aRelayOverTable>[0] = {}) {
  const world = aRelayOverTable(options, settings);
  const lookUp = jest.spyOn(world.table, 'lookUp');
  const earliestOpen = jest.spyOn(world.table, 'earliestOpen');
  return {
    ...world,
    put: (version: number, key = 'a', id = `${key}${version}`): StreamRecord =>
      world.table.put(anItem({ key, version, committedAt: world.clock.at, events: [anEvent({ id })] })),
    ids: () => world.kafka.log.map(({ id }) => id),
    /** Reads of keys in the table so far: looked-up positions, and Queries. */
    reads: () => ({
      positions: lookUp.mock.calls.reduce((sum, [positions]) => sum + positions.length, 0),
      queries: earliestOpen.mock.calls.length,
    }),
  };
}

describe('one partition of a topic accepts no writes, and any instance may receive any shard', () => {
  it.each([
    { shards: 4, everyMs: 5_000, deliveries: 24 },
    { shards: 20, everyMs: 5_000, deliveries: 60 },
    { shards: 20, everyMs: 400, deliveries: 100 },
    { shards: 20, everyMs: 45_000, deliveries: 30 },
    { shards: 4, everyMs: 400, deliveries: 60, instances: 50 },
    { shards: 4, everyMs: 1_000, deliveries: 60, instances: 50 },
    { shards: 4, everyMs: 50, deliveries: 100, instances: 50 },
  ])(
    '$shards shards, delivered every $everyMs ms to $instances: no event is published more than three times',
    async (each) => {
      // With no hold for partitions, every shard waits as long as the partition is unavailable.
      const w = aWorld({}, { maxPartitionHolds: 0 });
      w.kafka.topics.set('orders', 12);
      w.kafka.refuse = ({ partition }: PartitionBatch) => (partition === 0 ? outage : undefined);
      const isStuck = (key: string): boolean => partitionOf(Buffer.from(key), 12) === 0;
      const keys = Array.from({ length: 2_000 }, (_, n) => `k${n}`);
      const stuck = keys.filter(isStuck);
      const others = keys.filter((key) => !isStuck(key)).slice(0, 20 * each.shards);
      const shards = Array.from({ length: each.shards }, (_, shard) => [
        w.put(1, stuck[shard]),
        ...others.slice(20 * shard, 20 * (shard + 1)).map((key) => w.put(1, key)),
      ]);
      const processes = Array.from({ length: each.instances ?? each.shards }, () => w.newProcess());
      let seed = 1;
      const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);
      for (let delivery = 0; delivery < each.deliveries; delivery++) {
        const assigned = processes.map((process) => ({ process, at: random() })).toSorted((a, b) => a.at - b.at);
        for (const [shard, records] of shards.entries()) {
          expect(await assigned[shard]?.process.handle(records, plentyOfTime)).toBe(0);
        }
        w.clock.at += each.everyMs;
      }

      const copies = [...Map.groupBy(w.ids(), (id) => id).values()].map(({ length }) => length);
      expect(copies).toHaveLength(others.length);
      expect(Math.max(...copies)).toBeLessThanOrEqual(3);
    },
  );
});

describe('a part of a batch that is requested again', () => {
  const keysOfOthers = (count: number): string[] =>
    Array.from({ length: 2 * count }, (_, n) => `new${n}`)
      .filter((key) => partitionOf(Buffer.from(key), 4) !== 0)
      .slice(0, count);

  const half = (options: Parameters<typeof aRelayOverTable>[0] = {}) => {
    const w = aWorld({}, options);
    const noteRetry = jest.spyOn(w.table, 'noteRetry');
    w.kafka.refuse = ({ partition }: PartitionBatch) => (partition === 0 ? outage : undefined);
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    const records = keys.map((key) => w.put(1, key));
    const first = keys.findIndex((key) => partitionOf(Buffer.from(key), 4) === 0);
    return { ...w, records, first, noteRetry };
  };

  it('is noted, so that an instance that has never failed looks its records up at once', async () => {
    const w = half();
    expect(await w.handle(w.records, plentyOfTime)).toBe(w.first);
    const published = w.ids().length;
    const rest = w.records.slice(w.first);

    expect(await w.newProcess().handle(rest, plentyOfTime)).toBe(0);

    expect(w.ids()).toHaveLength(published);
    expect(w.reads()).toEqual({ positions: rest.length, queries: 0 });
  });

  it('is also looked up by an instance whose clock is behind, and notes of the future have no effect', async () => {
    const w = half();
    w.clock.at += 700;
    const records = [...w.records, w.put(1, 'young')];
    await w.handle(records, plentyOfTime);
    const published = w.ids().length;
    w.clock.at -= 3_000;

    await w.newProcess().handle(records, plentyOfTime);
    expect(w.ids()).toHaveLength(published);

    w.kafka.refuse = () => undefined;
    w.table.state = { retriedAt: w.clock.at + 3_600_000 };
    const reads = w.reads().positions;
    await w.newProcess().handle([w.put(1, 'new')], plentyOfTime);
    expect(w.reads().positions).toBe(reads);
  });

  it('is noted a few times per minute, however often it is delivered', async () => {
    const w = half();
    const healthy = keysOfOthers(60);
    for (const key of healthy) {
      await w.newProcess().handle([...w.records, w.put(1, key)], plentyOfTime);
      w.clock.at += 1_000;
    }

    expect(w.noteRetry).toHaveBeenCalledTimes(3);
  });

  it('is not noted if nothing of the batch was published', async () => {
    const w = half();
    w.kafka.refuse = () => outage;
    expect(await w.handle(w.records, plentyOfTime)).toBe(0);

    expect(w.noteRetry).not.toHaveBeenCalled();
  });

  it('is delivered again even if it cannot be noted', async () => {
    const w = half();
    w.noteRetry.mockRejectedValue(new Error('throttled'));

    expect(await w.handle(w.records, plentyOfTime)).toBe(w.first);

    expect(w.telemetry.outage).toHaveBeenCalledWith({
      message: 'The request to deliver records again could not be noted.',
      cause: new Error('throttled'),
    });
  });
});

describe('a first delivery', () => {
  it('of young records reads no item', async () => {
    const w = aWorld();
    const records = Array.from({ length: 1_000 }, (_, n) => w.put(1, `k${n}`));
    w.clock.at += LOOK_UP_AFTER_MS - 1_000;

    expect(await w.handle(records, plentyOfTime)).toBeUndefined();

    expect(w.reads()).toEqual({ positions: 0, queries: 0 });
  });

  it('of a backlog looks each record up once, and not again when it is delivered again', async () => {
    const w = aWorld();
    const records = Array.from({ length: 100 }, (_, n) => w.put(1, `k${n}`));
    w.clock.at += 60_000;

    expect(await w.handle(records, plentyOfTime)).toBeUndefined();
    expect(w.ids()).toHaveLength(100);
    expect(await w.handle(records, plentyOfTime)).toBeUndefined();

    expect(w.ids()).toHaveLength(100);
    expect(w.reads()).toEqual({ positions: 100, queries: 0 });
  });
});

describe('a record that another process has published', () => {
  const delivered = async (
    w: ReturnType<typeof aWorld>,
    records: readonly StreamRecord[],
    by: Relay = w.newProcess(),
  ) => {
    w.clock.at += LOOK_UP_AFTER_MS + 1_000;
    return by.handle(records, plentyOfTime);
  };

  it('is settled if the process died after its mark, before it returned', async () => {
    const w = aWorld();
    const records = [w.put(1), w.put(2)];
    await w.handle(records, plentyOfTime);

    expect(await delivered(w, records)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
  });

  it('is published again if the process died before its mark: a duplicate, never a loss', async () => {
    const w = aWorld();
    const record = w.put(1);
    w.table.failMark = () => true;
    await w.handle([record], plentyOfTime);
    w.table.failMark = () => false;

    expect(await delivered(w, [record])).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a1']);
    expect(w.table.stateAt('order#a', positionOfVersion(1))).toBe('processed');
  });

  it('is settled if it was deleted after its publishing, with a retention of zero', async () => {
    const w = aWorld({ retention: 0 });
    const record = w.put(1);
    await w.handle([record], plentyOfTime);

    expect(await delivered(w, [record])).toBeUndefined();

    expect(w.ids()).toEqual(['a1']);
  });

  it('proves nothing about another item at its position', async () => {
    const w = aWorld();
    const first = w.put(1, 'a', 'first');
    await w.handle([first], plentyOfTime);
    w.table.items.clear();
    const second = w.put(1, 'a', 'second');

    expect(await delivered(w, [second])).toBeUndefined();

    expect(w.ids()).toEqual(['first', 'second']);
  });

  it('does not treat an item as published because another item at its position is', async () => {
    const w = aWorld();
    const first = w.put(1, 'a', 'first');
    w.table.items.clear();
    await w.handle([w.put(1, 'a', 'second')], plentyOfTime);

    expect(await delivered(w, [first])).toBeUndefined();

    expect(w.ids()).toEqual(['second', 'first']);
  });

  it('is settled if it was discarded, also after its tombstone is gone', async () => {
    const w = aWorld();
    const record = w.put(1);
    Object.assign(w.table.items.get('order#a')?.get(positionOfVersion(1)) ?? {}, { discarded: { M: {} } });

    expect(await delivered(w, [record])).toBeUndefined();

    expect(w.ids()).toEqual([]);
  });

  it('is looked up from an age of one second, once this process has requested delivery again', async () => {
    const w = aWorld();
    const other = w.newProcess();
    w.kafka.refuse = () => outage;
    await other.handle([w.put(1, 'elsewhere')], plentyOfTime);
    w.kafka.refuse = () => undefined;
    const record = w.put(1);
    await w.handle([record], plentyOfTime);
    w.clock.at += 1_000;

    expect(await other.handle([record], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1']);
  });

  it('waits alone if its key cannot be read', async () => {
    const w = aWorld();
    const records = [w.put(1, 'throttled'), w.put(1, 'b'), w.put(2, 'throttled'), w.put(1, 'c')];
    const lookUp = w.table.lookUp.bind(w.table);
    jest.spyOn(w.table, 'lookUp').mockImplementationOnce(async (positions) => {
      const unread = positions.filter(({ pk }) => pk === 'order#throttled');
      throw new PositionsUnread(await lookUp(positions.filter((position) => !unread.includes(position))), unread);
    });

    expect(await delivered(w, records)).toBe(0);
    expect(w.ids()).toEqual(['b1', 'c1']);
    expect(w.telemetry.keyFailed).toHaveBeenCalledTimes(1);
    expect(w.telemetry.outage).not.toHaveBeenCalled();
    expect(await delivered(w, records)).toBeUndefined();
    expect(w.ids()).toEqual(['b1', 'c1', 'throttled1', 'throttled2']);
  });

  it('stops the batch if the table cannot be read', async () => {
    const w = aWorld();
    const record = w.put(1);
    jest.spyOn(w.table, 'lookUp').mockRejectedValueOnce(new Error('throttled'));

    expect(await delivered(w, [record])).toBe(0);
    expect(w.ids()).toEqual([]);
    expect(await delivered(w, [record])).toBeUndefined();
    expect(w.ids()).toEqual(['a1']);
  });
});

describe('records that do not prove that the stream has shown all earlier items', () => {
  const HOUR = 3_600_000;
  const numbered = Array.from({ length: 100 }, (_, n) => `k${n}`);

  it('read two positions each and no Query if the version before is processed', async () => {
    const w = aWorld();
    await w.handle(
      numbered.map((key) => w.put(1, key)),
      plentyOfTime,
    );
    const records = numbered.map((key) => w.put(2, key));
    w.clock.at += HOUR;

    expect(await w.newProcess().handle(records, plentyOfTime)).toBeUndefined();

    expect(w.ids().slice(100).toSorted()).toEqual(numbered.map((key) => `${key}2`).toSorted());
    expect(w.reads()).toEqual({ positions: 200, queries: 0 });
  });

  it('read no Query if they are the first of their key', async () => {
    const w = aWorld();
    const records = numbered.map((key) => w.put(1, key));
    w.clock.at += HOUR;

    expect(await w.handle(records, plentyOfTime)).toBeUndefined();

    expect(w.ids()).toHaveLength(100);
    expect(w.reads()).toEqual({ positions: 200, queries: 0 });
  });

  it('read their own version and the one before while a gap is suspected, however young they are', async () => {
    const w = aWorld();
    await w.handle(
      numbered.map((key) => w.put(1, key)),
      plentyOfTime,
    );
    w.table.state = { gapSuspectedSince: w.clock.at };

    expect(
      await w.handle(
        numbered.map((key) => w.put(2, key)),
        plentyOfTime,
      ),
    ).toBeUndefined();

    expect(w.reads()).toEqual({ positions: 200, queries: 0 });
  });

  it('are drained if the version before is open', async () => {
    const w = aWorld();
    w.put(1);
    w.table.state = { gapSuspectedSince: w.clock.at };

    expect(await w.handle([w.put(2)], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['a1', 'a2']);
    // The drain queries from the position of its signal.
    expect(w.reads()).toEqual({ positions: 2, queries: 1 });
  });

  it.each([
    { what: 'is discarded, which proves nothing', before: 'discarded' },
    { what: 'is another region’s, which says nothing of this one', before: 'region' },
    { what: 'is not there', before: 'absent' },
  ])('are queried if the version before $what', async ({ before }) => {
    const w = aWorld();
    w.put(1);
    w.put(2);
    const previous = w.table.items.get('order#a')?.get(positionOfVersion(2));
    if (before === 'discarded') Object.assign(previous ?? {}, { discarded: { M: {} } });
    else if (before === 'region')
      Object.assign(previous ?? {}, { region: { S: 'us-east-1' }, processedAt: { N: '1' } });
    else w.table.items.get('order#a')?.delete(positionOfVersion(2));
    w.table.state = { gapSuspectedSince: w.clock.at };
    jest.spyOn(w.table, 'earliestOpen').mockResolvedValue(positionOfVersion(1));

    expect(await w.handle([w.put(3)], plentyOfTime)).toBeUndefined();

    expect(w.ids()[0]).toBe('a1');
    expect(w.ids().at(-1)).toBe('a3');
  });

  it('are queried if their positions are no versions', async () => {
    const w = aWorld();
    const put = (n: number): StreamRecord =>
      w.table.put({ ...anItem({ key: 'u', events: [anEvent({ id: `u${n}` })] }), sk: uuidAt(n) });
    put(1);
    w.table.state = { gapSuspectedSince: w.clock.at };

    expect(await w.handle([put(2)], plentyOfTime)).toBeUndefined();

    expect(w.ids()).toEqual(['u1', 'u2']);
  });
});

describe('while the brokers are unavailable', () => {
  const HOUR = 3_600_000;

  it('an invocation looks up a key of each partition and makes one attempt', async () => {
    const w = aWorld();
    w.kafka.refuse = () => outage;
    const records = Array.from({ length: 1_000 }, (_, n) => w.put(1, `k${n}`));
    w.clock.at += HOUR;

    for (let invocation = 0; invocation < 10; invocation++) {
      expect(await w.handle(records, plentyOfTime)).toBe(0);
    }

    // For each of 4 partitions, the own and the previous position.
    expect(w.reads()).toEqual({ positions: 10 * 2 * 4, queries: 0 });
    expect(w.kafka.publishes).toHaveLength(10);
    w.kafka.refuse = () => undefined;
    expect(await w.handle(records, plentyOfTime)).toBeUndefined();
    expect(new Set(w.ids()).size).toBe(1_000);
  });

  it('nothing is looked up if the lookup of a topic fails', async () => {
    const w = aWorld();
    w.kafka.topics.set('orders', outage);
    const records = Array.from({ length: 100 }, (_, n) => w.put(1, `k${n}`));
    w.clock.at += HOUR;

    expect(await w.handle(records, plentyOfTime)).toBe(0);

    expect(w.reads()).toEqual({ positions: 0, queries: 0 });
  });

  it('old records of one other partition are looked up after young ones failed for one, and no more', async () => {
    const w = aWorld();
    const old = w.put(1, 'old');
    w.clock.at += HOUR;
    w.kafka.refuse = () => outage;

    expect(await w.handle([old, w.put(1, 'young')], plentyOfTime)).toBe(0);

    // One unavailable partition proves nothing about the others.
    expect(w.reads()).toEqual({ positions: 2, queries: 0 });
    const more = Array.from({ length: 100 }, (_, n) => w.put(1, `more${n}`));
    w.clock.at += HOUR;
    await w.handle(more, plentyOfTime);
    expect(w.reads().positions).toBeLessThanOrEqual(2 + 2 * 4);
  });

  it('an invocation after a success learns of the outage by looking everything up once', async () => {
    const w = aWorld();
    await w.handle([w.put(1, 'before')], plentyOfTime);
    w.kafka.refuse = () => outage;
    const records = Array.from({ length: 100 }, (_, n) => w.put(1, `k${n}`));
    w.clock.at += 60_000;

    await w.handle(records, plentyOfTime);
    await w.handle(records, plentyOfTime);

    expect(w.reads()).toEqual({ positions: 100 + 4, queries: 0 });
  });
});

it('a refused topic is looked up once for all old records, and not for each key', async () => {
  const w = aWorld();
  const lookUps = jest.spyOn(w.kafka, 'partitionCount');
  const records = Array.from({ length: 20 }, (_, n) =>
    w.table.put(
      anItem({ key: `lost${n}`, committedAt: w.clock.at, events: [anEvent({ id: `l${n}`, topic: 'nowhere' })] }),
    ),
  );
  w.clock.at += 2 * LOOK_UP_AFTER_MS;

  await w.handle(records, plentyOfTime);

  expect(lookUps).toHaveBeenCalledTimes(1);
  expect(w.telemetry.parked).toHaveBeenCalledTimes(20);
});

it('with two unavailable partitions, a new instance continues with the healthy ones although their first keys are done', async () => {
  const w = aWorld({}, { maxPartitionHolds: 0 });
  w.kafka.topics.set('orders', 12);
  w.kafka.refuse = ({ partition }: PartitionBatch) => (partition < 2 ? outage : undefined);
  const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
  const isSick = (key: string): boolean => partitionOf(Buffer.from(key), 12) < 2;
  const records = keys.map((key) => w.put(1, key));
  await w.handle(records, plentyOfTime);
  const healthy = keys.filter((key) => !isSick(key));
  expect(w.ids()).toHaveLength(healthy.length);
  const young = healthy.map((key) => w.put(2, key));

  expect(await w.newProcess().handle([...records, ...young], plentyOfTime)).toBe(keys.findIndex(isSick));

  expect(w.ids()).toHaveLength(2 * healthy.length);
});

it('with strict order a key whose version before could not be read waits alone', async () => {
  const w = aWorld({}, { order: 'strict' });
  await w.handle([w.put(1, 'a'), w.put(1, 'b'), w.put(1, 'c')], plentyOfTime);
  const records = [w.put(2, 'a'), w.put(2, 'b'), w.put(2, 'c')];
  const lookUp = MemoryTable.prototype.lookUp.bind(w.table);
  let throttled = true;
  jest.spyOn(w.table, 'lookUp').mockImplementation(async (positions) => {
    const unread = throttled ? positions.filter(({ pk }) => pk === 'order#b') : [];
    const stored = await lookUp(positions.filter((position) => !unread.includes(position)));
    if (unread.length > 0) throw new PositionsUnread(stored, unread);
    return stored;
  });

  expect(await w.handle(records, plentyOfTime)).toBe(1);
  expect(w.ids().slice(3).toSorted()).toEqual(['a2', 'c2']);

  throttled = false;
  expect(await w.handle(records, plentyOfTime)).toBeUndefined();
  expect(w.ids().slice(5)).toEqual(['b2']);
});

it('a key whose marks are throttled waits alone', async () => {
  const w = aWorld();
  const answer = { Code: 'ThrottlingError' };
  const mark = w.table.mark.bind(w.table);
  jest.spyOn(w.table, 'mark').mockImplementation(async (marks) => {
    const [hot, others] = [marks.filter(({ pk }) => pk === 'order#hot'), marks.filter(({ pk }) => pk !== 'order#hot')];
    return new Map([...(await mark(others)), ...hot.map((each) => [each, answer] as const)]);
  });
  const hot = Array.from({ length: 60 }, (_, n) => w.put(n + 1, 'hot'));
  const others = Array.from({ length: 60 }, (_, n) => w.put(1, `k${n}`));

  expect(await w.handle([...hot, ...others], plentyOfTime)).toBe(0);

  expect(new Set(w.ids().filter((id) => id.startsWith('k'))).size).toBe(60);
  expect(w.telemetry.outage).not.toHaveBeenCalled();
});
