import { positionOfVersion as at } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import type { PartitionBatch } from '../../../lib/relay/ports';
import type { Relay } from '../../../lib/relay/relay';
import type { StreamRecord } from '../../../lib/relay/record';
import { probePartitions } from '../../../lib/sweep/probe-partitions';
import { anEvent, anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';
import { sweepStoreOver } from '../../builders/sweep-store';
import { partitionOf } from '../../../lib/relay/plan-round';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const PARTITIONS = 4;
const request = { by: 'operator', at: 1, why: 'a test' };

/** The first keys `<prefix>0`, `<prefix>1`, … of a partition. */
function keysOf(partition: number, count: number, prefix = 'k'): string[] {
  const keys: string[] = [];
  for (let n = 0; keys.length < count; n++) {
    if (partitionOf(Buffer.from(`${prefix}${n}`), PARTITIONS) === partition) keys.push(`${prefix}${n}`);
  }
  return keys;
}

const [SICK = '', SICK_TOO = '', SICK_ALSO = ''] = keysOf(0, 3);
const [WELL = '', WELL_TOO = ''] = keysOf(1, 2);

/** One shard whose records Lambda delivers from the checkpoint on; publishes to `down` partitions return an outage. */
function aShard(options: Parameters<typeof aRelayOverTable>[0] = {}, settings = {}) {
  const world = aRelayOverTable(options, settings);
  const { table, kafka, clock } = world;
  const down = new Set<string>();
  const poisonous = new Set<string>();
  kafka.topics.set('audit', PARTITIONS);
  const names = ['orders', 'audit'].flatMap((topic) => Array.from({ length: PARTITIONS }, (_, n) => `${topic}-${n}`));
  const metadata = jest
    .spyOn(kafka, 'otherPartitionsInSync')
    .mockImplementation((topic, partition) =>
      Promise.resolve(names.some((name) => name !== `${topic}-${partition}` && !down.has(name))),
    );
  kafka.refuse = ({ topic, partition, messages }: PartitionBatch) => {
    if (down.has(`${topic}-${partition}`)) return { kind: 'outage', message: 'NOT_ENOUGH_REPLICAS' };
    const refused = messages.some(({ headers }) => poisonous.has(headers['ce_id'] ?? ''));
    return refused ? { kind: 'poison', reason: 'message-refused', message: 'no' } : undefined;
  };
  const records: StreamRecord[] = [];
  table.onInsert = (record) => records.push(record);
  let checkpoint = 0;
  const shard = {
    ...world,
    down,
    poisonous,
    metadata,
    failAll: () => names.forEach((name) => down.add(name)),
    put: (key: string, version: number, topic = 'orders') =>
      table.put(anItem({ key, version, committedAt: clock.at, events: [anEvent({ id: `${key}.${version}`, topic })] })),
    redrive: (key: string, from = 1) =>
      table.putSignal(newSignal(`order#${key}`, clock.at, { kind: 'drain', from: at(from), request })),
    /** One invocation for the due records. Returns the number of remaining records. */
    deliver: async (relay: Relay = world.relay, remainingMs = plentyOfTime): Promise<number> => {
      const batch = records.slice(checkpoint, checkpoint + 1_000);
      const failed = await relay.handle(batch, remainingMs);
      checkpoint += failed ?? batch.length;
      return records.length - checkpoint;
    },
    /** Invokes the relay once a second until no record is due. */
    settle: async (): Promise<void> => {
      for (let n = 0; n < 200 && (await shard.deliver()) > 0; n++) clock.at += SECOND;
    },
    /** Advances the time while Lambda retries. */
    wait: async (ms: number): Promise<number> => {
      let left = 0;
      for (let passed = 0; passed < ms; passed += 5 * SECOND) {
        clock.at += 5 * SECOND;
        left = await shard.deliver();
      }
      return left;
    },
    probe: () => probePartitions(sweepStoreOver(table), { by: 'schedule', now: clock.now }),
    inserted: () => records.length,
    ids: () => kafka.log.map(({ id }) => id),
    held: () => [...table.holds.values()].map(({ pk, reason, state }) => `${pk} ${state} ${reason}`),
    sentTo: (name: string) =>
      kafka.publishes.flat().filter(({ topic, partition }) => `${topic}-${partition}` === name).length,
    signals: () => [...table.signals.values()].reduce((sum, { size }) => sum + size, 0),
  };
  return shard;
}

/** A shard with a partition that has been unavailable for longer than the patience, so that its first key is held. */
async function aShardWithAHold(settings = {}) {
  const shard = aShard({}, settings);
  shard.down.add('orders-0');
  shard.put(SICK, 1);
  shard.put(WELL, 1);
  await shard.deliver();
  await shard.wait(70 * SECOND);
  expect(shard.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
  return shard;
}

describe('a partition that fails alone', () => {
  it('stops only its own keys for the invocation', async () => {
    const s = aShard();
    s.down.add('orders-0');
    s.put(WELL, 1);
    s.put(SICK, 1);
    s.put(SICK, 2);
    s.put(SICK, 3, 'audit');
    s.put(WELL, 2);
    s.put(WELL_TOO, 1, 'audit');

    expect(await s.deliver()).toBe(5);

    expect(s.ids().toSorted()).toEqual([`${WELL}.1`, `${WELL}.2`, `${WELL_TOO}.1`].toSorted());
    expect(s.held()).toEqual([]);
    expect(s.telemetry.outage).toHaveBeenCalledTimes(1);
    expect(s.telemetry.outage).toHaveBeenCalledWith(
      expect.objectContaining({
        message: 'NOT_ENOUGH_REPLICAS',
        partitions: [{ topic: 'orders', partition: 0 }],
        since: s.clock.at,
      }),
    );
  });

  it('keeps the later half of a refused batch from overtaking the earlier one', async () => {
    const s = aShard();
    const [a = '', b = ''] = keysOf(2, 2);
    s.put(a, 1);
    s.put(b, 1);
    s.put(a, 2);
    s.put(b, 2);
    const refuse = s.kafka.refuse;
    let sends = 0;
    // The whole batch is refused, its first half meets an outage, and the second half would succeed.
    s.kafka.refuse = (batch) => {
      sends++;
      if (sends === 1) return { kind: 'poison', reason: 'message-refused', message: 'no' };
      return sends === 2 ? { kind: 'outage', message: 'unavailable' } : refuse(batch);
    };

    expect(await s.deliver()).toBe(4);
    expect(s.ids()).toEqual([]);
    await s.settle();
    expect(s.ids()).toEqual([`${a}.1`, `${b}.1`, `${a}.2`, `${b}.2`]);
  });

  it('waits for its patience before it holds a key, and then lets the shard move on', async () => {
    const s = aShard();
    s.down.add('orders-0');
    s.put(SICK, 1);
    s.put(WELL, 1);
    await s.deliver();

    expect(await s.wait(25 * SECOND)).toBe(2);
    expect(s.held()).toEqual([]);
    expect(await s.wait(10 * SECOND)).toBe(0);

    expect(s.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
    expect(s.table.holds.get(`order#${SICK}`)).toMatchObject({
      message: 'NOT_ENOUGH_REPLICAS',
      attempts: 0,
      awaits: { topic: 'orders', partition: 0 },
    });
    expect(s.table.stateAt(`order#${SICK}`, at(1))).toBe('pending');
    expect(s.telemetry.parked).not.toHaveBeenCalled();
  });

  it('holds no key in a backlog until this process has seen it fail for some seconds', async () => {
    const s = aShard();
    s.put(SICK, 1);
    s.put(WELL, 1);
    s.clock.at += 20 * MINUTE;
    s.down.add('orders-0');

    await s.deliver();
    expect(await s.wait(10 * SECOND)).toBe(2);
    expect(s.held()).toEqual([]);
  });

  it('holds no key while the whole cluster is unavailable, however long', async () => {
    const s = aShard();
    s.failAll();
    s.put(SICK, 1);
    s.put(WELL, 1);

    expect(await s.wait(20 * MINUTE)).toBe(2);
    expect(s.held()).toEqual([]);

    s.down.clear();
    await s.settle();
    expect(s.ids().toSorted()).toEqual([`${SICK}.1`, `${WELL}.1`].toSorted());
  });

  it('is distinguished from a general outage by metadata if the batch has no other partition', async () => {
    const s = aShard();
    s.down.add('orders-0');
    s.put(SICK, 1);
    s.metadata.mockResolvedValue(false);
    expect(await s.wait(10 * SECOND)).toBe(1);
    // A key that is too young to be held costs no request.
    expect(s.metadata).not.toHaveBeenCalled();
    expect(await s.wait(30 * SECOND)).toBe(1);
    s.metadata.mockResolvedValue(true);
    expect(await s.wait(15 * SECOND)).toBe(1);
    expect(s.held()).toEqual([]);

    expect(await s.wait(5 * SECOND)).toBe(0);
    expect(s.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
  });

  it('holds no key when it accepts writes a few seconds later than the others after a general outage', async () => {
    const s = aShard();
    s.failAll();
    s.put(SICK, 1);
    s.put(WELL, 1);
    expect(await s.wait(10 * MINUTE)).toBe(2);

    s.down.clear();
    s.down.add('orders-0');
    expect(await s.wait(14 * SECOND)).toBe(2);
    s.down.clear();
    await s.settle();

    expect(s.telemetry.heldForPartition).not.toHaveBeenCalled();
    expect(s.ids().toSorted()).toEqual([`${SICK}.1`, `${WELL}.1`].toSorted());
  });

  it('holds no key between outages of everything, each of which begins its time alone again', async () => {
    const s = aShard();
    s.down.add('orders-0');
    s.put(SICK, 1);
    s.put(WELL, 1);
    for (let n = 0; n < 10; n++) {
      await s.wait(10 * SECOND);
      s.failAll();
      await s.wait(5 * SECOND);
      s.down.clear();
      s.down.add('orders-0');
    }
    expect(s.held()).toEqual([]);
    await s.wait(20 * SECOND);
    expect(s.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
  });

  it('delays no other key while new keys keep arriving for it', async () => {
    const s = aShard();
    s.down.add('orders-0');
    const sick = keysOf(0, 30);
    s.put(sick.pop() ?? '', 1);
    await s.deliver();
    s.clock.at += SECOND;
    s.put(WELL, 1);
    for (const key of sick.slice(0, 14)) {
      s.clock.at += 5 * SECOND;
      // Written just before the invocation: the other records are old enough to be looked up.
      s.put(key, 1);
      await s.deliver();
      expect(s.ids()).toEqual([`${WELL}.1`]);
    }
    expect(s.held().length).toBeGreaterThan(10);
    expect(await s.deliver()).toBe(0);
  });

  it("holds a key that a drain publishes, by the time of the stream if the writer's clock is ahead", async () => {
    const s = aShard();
    s.poisonous.add(`${SICK}.1`);
    const committedAt = s.clock.at + HOUR;
    s.table.put(
      anItem({ key: SICK, version: 1, committedAt, events: [anEvent({ id: `${SICK}.1`, topic: 'orders' })] }),
    );
    await s.deliver();
    s.poisonous.clear();
    s.down.add('orders-0');
    s.redrive(SICK);
    s.put(WELL, 1);

    expect(await s.wait(90 * SECOND)).toBe(0);

    expect(s.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
    expect(s.ids()).toEqual([`${WELL}.1`]);
  });

  it('does not stop its shard for a replay, and gets the replay once it accepts writes again', async () => {
    const s = aShard();
    s.put(SICK, 1);
    await s.settle();
    s.down.add('orders-0');
    s.clock.at += MINUTE;
    s.table.putSignal(newSignal(`order#${SICK}`, s.clock.at, { kind: 'replay', replayId: 'again', request }));
    for (let version = 1; version <= 1_100; version++) s.put(WELL, version);

    // The replay itself, or the signal that has replaced it.
    expect(await s.wait(5 * MINUTE)).toBeLessThanOrEqual(1);
    expect(s.ids()).toHaveLength(1 + 1_100);
    // One signal for each half minute, not for each invocation.
    expect(s.inserted()).toBeLessThan(1 + 1 + 1_100 + 14);

    s.down.clear();
    await s.settle();
    expect(s.kafka.log.filter(({ replayId }) => replayId === 'again').map(({ id }) => id)).toEqual([`${SICK}.1`]);
    expect(s.signals()).toBe(0);
  });

  it('does not repeat the first event of an item whose second one goes to it', async () => {
    const s = aShard();
    const divided = keysOf(0, 1)[0] ?? '';
    s.down.add('orders-0');
    const events = [anEvent({ id: 'first', topic: 'audit' }), anEvent({ id: 'second', topic: 'orders' })];
    s.table.put(anItem({ key: divided, version: 1, id: 'first', committedAt: s.clock.at, events }));
    s.put(WELL, 1);
    await s.wait(10 * MINUTE);
    expect(s.held()).toEqual([`order#${divided} holding partition-unavailable`]);

    s.down.clear();
    s.clock.at += 15 * SECOND;
    await s.probe();
    await s.settle();

    expect(s.held()).toEqual([]);
    expect(s.ids().toSorted()).toEqual([`${WELL}.1`, 'first', 'second'].toSorted());
  });

  it('counts its failures from the first one of this outage, not of one long ago that another instance saw end', async () => {
    const s = aShard();
    s.down.add('orders-0');
    s.put(SICK, 1);
    await s.deliver();
    s.down.clear();
    await s.deliver(s.newProcess());
    s.clock.at += 2 * HOUR;
    s.put(SICK_TOO, 1);
    s.put(WELL, 1);
    s.clock.at += 61 * SECOND;
    s.down.add('orders-0');

    await s.deliver();

    expect(s.held()).toEqual([]);
  });

  it('holds a key that was held before again, even at the limit of holds', async () => {
    const s = aShard({ maxPartitionHolds: 1 });
    s.down.add('orders-0');
    s.put(SICK, 1);
    s.put(WELL, 1);
    await s.wait(70 * SECOND);
    expect(s.held()).toHaveLength(1);
    // Several shards reach the patience at the same time, or the limit was lowered.
    await s.table.holdForPartition({
      ...{ pk: `order#${SICK_TOO}`, sk: s.table.put(anItem({ key: SICK_TOO })).dynamodb?.Keys?.['sk']?.S ?? '' },
      ...{ id: anItem({ key: SICK_TOO }).id, isHead: false, message: 'unavailable', hold: undefined },
      awaits: { topic: 'orders', partition: 0, failedAt: s.clock.at },
    });
    await s.wait(10 * MINUTE);

    s.put(WELL, 2);
    expect(await s.wait(30 * SECOND)).toBe(0);
    expect(s.held()).toHaveLength(2);
    expect(s.ids()).toEqual([`${WELL}.1`, `${WELL}.2`]);
  });

  it('holds no more keys than allowed: beyond that the shard waits', async () => {
    const s = aShard({ maxPartitionHolds: 2 });
    s.down.add('orders-0');
    for (const key of [SICK, SICK_TOO, SICK_ALSO, WELL]) s.put(key, 1);
    await s.deliver();

    expect(await s.wait(70 * SECOND)).toBe(2);
    expect(s.held()).toHaveLength(2);

    s.down.clear();
    await s.settle();
    await s.wait(30 * SECOND);
    expect(s.held()).toEqual([]);
    expect(s.ids()).toHaveLength(4);
  });

  it('parks nothing, does not count for the breaker, and uses no attempt', async () => {
    const s = aShard();
    s.down.add('orders-0');
    for (const key of keysOf(0, 40)) s.put(key, 1);
    s.put(WELL, 1);
    await s.deliver();
    await s.wait(70 * SECOND);
    expect(s.held()).toHaveLength(40);

    s.poisonous.add(`${WELL}.2`);
    s.put(WELL, 2);
    s.put(WELL_TOO, 1);
    expect(await s.deliver()).toBe(0);

    expect(s.telemetry.breakerOpen).not.toHaveBeenCalled();
    expect(s.telemetry.parked).toHaveBeenCalledTimes(1);
  });
});

describe('while its keys are held', () => {
  it('skips their later events, also to a healthy partition, and another batch does not overtake', async () => {
    const s = await aShardWithAHold();
    s.put(SICK, 2, 'audit');
    s.put(SICK, 3);
    expect(await s.deliver()).toBe(0);
    expect(s.ids()).toEqual([`${WELL}.1`]);

    s.down.clear();
    await s.wait(30 * SECOND);
    await s.settle();

    expect(s.ids()).toEqual([`${WELL}.1`, `${SICK}.1`, `${SICK}.2`, `${SICK}.3`]);
    expect(s.held()).toEqual([]);
    expect(s.signals()).toBe(0);
  });

  it('holds the next key of the partition at once, and sends to the partition every ten seconds at most', async () => {
    const s = await aShardWithAHold();
    s.clock.at += 11 * SECOND;
    s.put(SICK_TOO, 1);
    expect(await s.deliver()).toBe(0);
    expect(s.held()).toHaveLength(2);

    const sent = s.sentTo('orders-0');
    s.metadata.mockClear();
    for (const [n, key] of keysOf(0, 9, 'later').entries()) {
      s.clock.at += SECOND;
      s.put(key, 1);
      s.put(WELL, n + 2);
      expect(await s.deliver()).toBe(0);
    }
    expect(s.sentTo('orders-0')).toBe(sent);
    expect(s.metadata).not.toHaveBeenCalled();
    expect(s.held()).toHaveLength(11);
  });

  it('publishes no event twice of an item with another event for a healthy partition', async () => {
    const s = await aShardWithAHold();
    s.clock.at = (s.table.holds.get(`order#${SICK}`)?.awaits?.failedAt ?? 0) + SECOND;
    const events = ['audit', 'orders'].map((topic) => anEvent({ id: `two.${topic}`, topic }));
    s.table.put(anItem({ key: SICK_TOO, version: 1, committedAt: s.clock.at, events }));
    expect(await s.deliver()).toBe(0);
    expect(s.held()).toHaveLength(2);

    s.down.clear();
    await s.wait(30 * SECOND);
    expect(s.ids().filter((id) => id.startsWith('two'))).toEqual(['two.audit', 'two.orders']);
  });

  it('an earlier event that appears late still goes first', async () => {
    const s = aShard();
    s.down.add('orders-0');
    s.put(SICK, 2);
    s.put(WELL, 1);
    await s.deliver();
    await s.wait(70 * SECOND);
    s.down.clear();

    s.put(SICK, 1);
    await s.deliver();
    await s.wait(30 * SECOND);

    expect(s.ids()).toEqual([`${WELL}.1`, `${SICK}.1`, `${SICK}.2`]);
  });

  it('a redrive that fails at the partition holds the key again and is done', async () => {
    const s = await aShardWithAHold();
    s.clock.at += 11 * SECOND;
    s.redrive(SICK);

    expect(await s.deliver()).toBe(0);

    expect(s.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
    expect(s.telemetry.drained).toHaveBeenLastCalledWith(expect.objectContaining({ outcome: 'held' }));
    s.down.clear();
    await s.wait(30 * SECOND);
    expect(s.ids()).toEqual([`${WELL}.1`, `${SICK}.1`]);
  });

  it('a redrive of a parked key that fails at the partition continues once it accepts writes', async () => {
    const s = aShard();
    s.poisonous.add(`${SICK}.1`);
    s.put(SICK, 1);
    s.put(SICK, 2);
    s.put(WELL, 1);
    await s.deliver();
    s.poisonous.clear();
    s.down.add('orders-0');
    s.put(SICK_TOO, 1);
    await s.deliver();
    await s.wait(70 * SECOND);
    expect(s.held()).toHaveLength(2);

    s.redrive(SICK);
    await s.wait(15 * SECOND);
    expect(s.held().toSorted()).toEqual(
      [SICK, SICK_TOO].map((key) => `order#${key} holding partition-unavailable`).toSorted(),
    );
    s.down.clear();
    await s.wait(30 * SECOND);
    expect(s.ids().filter((id) => id.startsWith(`${SICK}.`))).toEqual([`${SICK}.1`, `${SICK}.2`]);
    expect(s.held()).toEqual([]);
  });

  it('a skip does nothing to an item that was never refused', async () => {
    const s = await aShardWithAHold();
    const skip = { kind: 'skip', position: at(1), id: `${SICK}.1`, request } as const;
    s.table.putSignal(newSignal(`order#${SICK}`, s.clock.at, skip));
    await s.deliver();
    s.down.clear();
    await s.wait(30 * SECOND);

    expect(s.ids()).toEqual([`${WELL}.1`, `${SICK}.1`]);
  });

  it('a general outage at the same time holds no more keys', async () => {
    const s = await aShardWithAHold();
    s.failAll();
    s.clock.at += 20 * SECOND;
    s.put(SICK_TOO, 1);
    s.put(WELL_TOO, 1);

    expect(await s.wait(10 * MINUTE)).toBeGreaterThanOrEqual(2);
    expect([...s.table.holds.keys()]).toEqual([`order#${SICK}`]);

    s.down.clear();
    await s.settle();
    await s.wait(30 * SECOND);
    expect(s.held()).toEqual([]);
    expect(s.ids().toSorted()).toEqual([SICK, SICK_TOO, WELL, WELL_TOO].map((key) => `${key}.1`).toSorted());
  });
});

describe('a partition that accepts writes again', () => {
  it('is found by a probe with one key, and then all keys are drained', async () => {
    const s = aShard();
    s.down.add('orders-0');
    const keys = keysOf(0, 50);
    for (const key of keys) s.put(key, 1);
    s.put(WELL, 1);
    await s.deliver();
    await s.wait(70 * SECOND);
    expect(s.held()).toHaveLength(50);

    s.down.clear();
    s.put(WELL, 2);
    await s.wait(30 * SECOND);

    expect(s.held()).toEqual([]);
    expect(s.ids()).toHaveLength(52);
    expect(s.signals()).toBe(0);
  });

  it('is found by a new key of its own', async () => {
    const s = await aShardWithAHold();
    s.down.clear();
    s.clock.at += 11 * SECOND;
    s.put(SICK_TOO, 1);

    await s.settle();

    expect(s.ids()).toEqual([`${WELL}.1`, `${SICK_TOO}.1`, `${SICK}.1`]);
    expect(s.held()).toEqual([]);
  });

  it('is found by the schedule on a table without writes', async () => {
    const s = await aShardWithAHold();
    s.down.clear();
    s.clock.at += 3 * 60 * MINUTE;

    expect(await s.probe()).toEqual({ partitions: ['orders-0'], keys: 1, probes: 1, failures: [] });
    await s.settle();

    expect(s.ids()).toEqual([`${WELL}.1`, `${SICK}.1`]);
    expect(await s.probe()).toEqual({ partitions: [], keys: 0, probes: 0, failures: [] });
  });

  it('is found although one of its keys accepts no signal', async () => {
    const s = await aShardWithAHold();
    for (const key of [SICK_TOO, SICK_ALSO]) s.put(key, 1);
    await s.wait(30 * SECOND);
    expect(s.held()).toHaveLength(3);
    s.down.clear();
    const send = s.table.sendSignal.bind(s.table);
    jest.spyOn(s.table, 'sendSignal').mockImplementation((signal) => {
      if (signal.pk === `order#${SICK}`) throw new Error('throttled');
      return send(signal);
    });
    for (let minute = 0; minute < 5; minute++) {
      await s.probe();
      await s.settle();
      s.clock.at += MINUTE + 10 * SECOND;
    }
    expect(s.held()).toEqual([]);
  });

  it('is not probed by the schedule right after another probe', async () => {
    const s = await aShardWithAHold();
    s.clock.at += SECOND;
    s.put(WELL, 2);
    await s.deliver();
    const { failedAt = 0 } = s.table.holds.get(`order#${SICK}`)?.awaits ?? {};
    s.clock.at = failedAt + 5 * SECOND;

    expect((await s.probe()).probes).toBe(0);
  });

  it('and fails again while its keys are drained, they wait again, in order', async () => {
    const s = aShard();
    s.down.add('orders-0');
    for (const key of [SICK, SICK_TOO]) {
      s.put(key, 1);
      s.put(key, 2);
    }
    s.put(WELL, 1);
    await s.deliver();
    await s.wait(70 * SECOND);
    s.down.clear();
    let sends = 0;
    const refuse = s.kafka.refuse;
    s.kafka.refuse = (batch) => {
      if (batch.topic === 'orders' && batch.partition === 0 && ++sends > 1) {
        return { kind: 'outage', message: 'unavailable again' };
      }
      return refuse(batch);
    };
    s.put(WELL, 2);
    await s.wait(60 * SECOND);
    expect(s.held()).toHaveLength(1);

    s.kafka.refuse = refuse;
    await s.wait(30 * SECOND);
    expect(s.held()).toEqual([]);
    for (const key of [SICK, SICK_TOO]) {
      expect(s.ids().filter((id) => id.startsWith(`${key}.`))).toEqual([`${key}.1`, `${key}.2`]);
    }
  });

  it('releases a key that has moved to another partition', async () => {
    const s = await aShardWithAHold();
    s.kafka.topics.set('orders', 7);
    expect(partitionOf(Buffer.from(SICK), 7)).not.toBe(0);
    await s.wait(30 * SECOND);
    s.put(WELL, 2);
    await s.wait(30 * SECOND);

    expect(s.held()).toEqual([]);
    expect(s.ids()).toContain(`${SICK}.1`);
  });

  it('releases a key whose item is gone', async () => {
    const s = await aShardWithAHold();
    s.table.items.get(`order#${SICK}`)?.delete(at(1));
    s.put(WELL, 2);
    await s.wait(30 * SECOND);

    expect(s.held()).toEqual([]);
  });

  it('parks an item that its topic now refuses', async () => {
    const s = await aShardWithAHold();
    s.down.clear();
    s.poisonous.add(`${SICK}.1`);
    s.put(WELL, 2);
    await s.wait(30 * SECOND);

    expect(s.held()).toEqual([`order#${SICK} holding message-refused`]);
  });

  it('a relay that was frozen before the hold cannot publish over it out of order, nor end a newer one', async () => {
    const s = await aShardWithAHold();
    const zombieHold = s.table.holds.get(`order#${SICK}`);
    s.clock.at += 11 * SECOND;
    s.redrive(SICK);
    await s.deliver();

    expect(await s.table.finish(`order#${SICK}`, zombieHold)).toBe('superseded');
    expect(s.held()).toEqual([`order#${SICK} holding partition-unavailable`]);
  });
});

describe('several processes', () => {
  it('release a key once each at most, and nothing is lost when the one that found the recovery dies', async () => {
    const s = await aShardWithAHold();
    s.put(SICK_TOO, 1);
    await s.deliver();
    s.down.clear();
    // The probe's drain has ended, and the process dies before it releases the other key.
    const send = jest.spyOn(s.table, 'send').mockRejectedValueOnce(new Error('the process died'));
    s.clock.at += 11 * SECOND;
    s.put(WELL, 2);
    await s.deliver();
    expect(send).toHaveBeenCalledTimes(1);

    const other = s.newProcess();
    s.clock.at += 11 * SECOND;
    s.put(WELL, 3);
    for (let n = 0; n < 10; n++) {
      await s.deliver(other);
      s.clock.at += 2 * SECOND;
    }
    expect(s.held()).toEqual([]);
    expect(s.ids().toSorted()).toEqual(
      [`${SICK}.1`, `${SICK_TOO}.1`, `${WELL}.1`, `${WELL}.2`, `${WELL}.3`].toSorted(),
    );
  });
});

it('costs nothing while every partition accepts writes', async () => {
  const s = aShard();
  const calls = [
    jest.spyOn(s.kafka, 'otherPartitionsInSync'),
    jest.spyOn(s.table, 'send'),
    jest.spyOn(s.table, 'holdForPartition'),
  ];
  for (const key of [...keysOf(0, 20), ...keysOf(1, 20)]) s.put(key, 1);
  expect(await s.deliver()).toBe(0);
  for (const call of calls) expect(call).not.toHaveBeenCalled();
  expect(s.telemetry.waitingForPartitions).not.toHaveBeenCalled();
});
