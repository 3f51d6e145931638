import type { ConsistencyToken } from '../../../lib/consumer';
import { inboxPartitionKey } from '../../../lib/consume/inbox-keys';
import { formatSequence } from '../../../lib/event/position';
import { uuidV7 } from '../../../lib/event/uuid';
import { aRecord, aRig, effectOf, feed, MemoryClient, NOW, type RecordChange } from '../../builders/consume';

const HOUR_MS = 3600_000;
const SHARED = '/bank/core';
const ofAggregate = (aggregate: string, change: RecordChange = {}) =>
  aRecord({
    source: SHARED,
    ...change,
    id: `${aggregate}:${String(change.key ?? 42)}:${change.version}`,
    headers: { ce_aggregate: Buffer.from(aggregate), ...change.headers },
  });
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => at + from);
const tokenOf = (aggregate: string, version: number, source = SHARED): ConsistencyToken => ({
  aggregate,
  key: '42',
  source,
  position: String(version).padStart(16, '0'),
  topics: { orders: { id: `${aggregate}:42:${version}`, sequence: formatSequence({ version, index: 0 }) } },
});

describe('two aggregates with one source, topic and key', () => {
  it('have an inbox each: nothing of one is a duplicate of the other, or late', async () => {
    const rig = aRig();
    await feed(
      rig,
      upTo(25).map((version) => ofAggregate('order', { version })),
    );
    await feed(
      rig,
      upTo(25).map((version) => ofAggregate('customer', { version })),
    );

    expect(rig.client.effects()).toHaveLength(50);
    expect(rig.told.of('duplicateIgnored')).toEqual([]);
    expect(rig.told.of('late')).toEqual([]);
    expect(rig.told.of('gap')).toEqual([]);
  });

  it('are asked about by their tokens', async () => {
    const rig = aRig();
    await feed(rig, [ofAggregate('order', { version: 1 })]);

    expect(await rig.consumer.isApplied(tokenOf('order', 1))).toBe(true);
    expect(await rig.consumer.isApplied(tokenOf('customer', 1))).toBe(false);
  });

  it('are parked and redriven each for itself', async () => {
    let isBroken = true;
    const rig = aRig({
      attempts: 1,
      handlers: {
        'order.placed': ({ id }) => {
          if (isBroken && id.startsWith('order')) throw new Error('no stock');
          return [{ Put: { TableName: 'effects', Item: { id } } }];
        },
      },
    });
    await feed(rig, [ofAggregate('order', { version: 1 }), ofAggregate('customer', { version: 1 })]);
    const keys = [];
    for await (const each of rig.consumer.parkedKeys()) keys.push(each);
    const [key] = keys;
    expect(key).toEqual({ source: SHARED, topic: 'orders', key: '42', aggregate: 'order' });
    expect(rig.client.effects()).toEqual(['customer:42:1']);

    isBroken = false;
    expect(await rig.consumer.redriveParked(key!)).toEqual({ released: 1, isParked: false });
    expect(rig.client.effects()).toEqual(['customer:42:1', 'order:42:1']);
  });
});

describe('rows that were written before messages had an aggregate', () => {
  const withAggregate = (version: number) =>
    aRecord({ version, id: `e${version}`, headers: { ce_aggregate: Buffer.from('order') } });

  it('stay valid for the default source, which ends with the aggregate', async () => {
    const rig = aRig();
    await feed(rig, [aRecord({ version: 1, id: 'e1' })]);
    await feed(rig, [withAggregate(1), withAggregate(2)]);

    expect(rig.client.effects()).toEqual(['e1', 'e2']);
    expect(rig.told.of('duplicateIgnored')).toHaveLength(1);
  });

  it('are asked before an event of another source is applied for the first time', async () => {
    const client = new MemoryClient();
    const rig = aRig({}, client);
    await feed(rig, [aRecord({ version: 1, source: SHARED, id: 'order:42:1' })]);
    await feed(rig, [aRecord({ version: 2, source: SHARED, id: 'order:42:2' })]);

    // An upgraded relay publishes the last event again, then the next one.
    const later = aRig({}, client);
    await feed(later, [ofAggregate('order', { version: 2 }), ofAggregate('order', { version: 3 })]);
    await feed(later, [ofAggregate('order', { version: 2 })]);

    expect(client.effects()).toEqual(['order:42:1', 'order:42:2', 'order:42:3']);
    expect(await later.consumer.isApplied(tokenOf('order', 2))).toBe(true);
  });

  it('are read until the window is full, for gaps and for events that left the window', async () => {
    const client = new MemoryClient();
    const old = (version: number) => aRecord({ version, source: SHARED, id: `order:42:${version}` });
    await feed(aRig({}, client), [...upTo(20), 22].map(old));
    const rig = aRig({}, client);
    await feed(
      rig,
      [21, 22, 1, 23].map((version) => ofAggregate('order', { version })),
    );

    expect(rig.handled).toEqual(['order:42:21', 'order:42:23']);
    expect(rig.deadLetters.reasons).toEqual(['lost-identity']);
  });

  it('release the keys that they parked', async () => {
    const client = new MemoryClient();
    const key = { source: '/shop/order', topic: 'orders', key: '' };
    const failing = aRig({ attempts: 1, handlers: { 'order.placed': () => Promise.reject(new Error('no')) } }, client);
    await feed(failing, [aRecord({ key: null, id: 'a' })]);
    // Renames the items as the previous version named them.
    for (const [name, item] of [...client.items]) {
      const pk = String(item['pk']).replace('orders/0#', 'orders#');
      const { partition: _, ...rest } = item;
      const isMessage = String(item['sk']).startsWith('parked#');
      client.items.delete(name);
      client.items.set(name.replaceAll('orders/0#', 'orders#'), {
        ...(isMessage ? item : rest),
        pk,
        sk: String(item['sk']).replace('orders/0#', 'orders#'),
      });
    }
    const rig = aRig({}, client);

    expect(await rig.consumer.redriveParked(key)).toEqual({ released: 1, isParked: false });
    expect(rig.handled).toEqual(['a']);
  });

  it('of keys without versions are found by the event, whatever its aggregate', async () => {
    const client = new MemoryClient();
    const change = { source: SHARED, id: 'plain' };
    await feed(aRig({}, client), [aRecord(change)]);
    const rig = aRig({}, client);
    await feed(rig, [aRecord({ ...change, headers: { ce_aggregate: Buffer.from('order') } })]);

    expect(rig.told.of('duplicateIgnored')).toHaveLength(1);
  });
});

it('messages without a key share no row over partitions, because only a partition orders them', async () => {
  const rig = aRig();
  const of = (partition: number, versions: readonly number[]) =>
    versions.map((version) => aRecord({ key: null, version, partition, id: `p${partition}:${version}` }));
  await feed(rig, of(0, upTo(40, 21)));
  await feed(rig, of(1, upTo(20)));

  expect(rig.client.effects()).toHaveLength(40);
  expect(rig.told.of('duplicateIgnored')).toEqual([]);
});

it('names of keys in the table are never the same for two keys', () => {
  const keys = [
    { source: 's', topic: 't', key: 'k' },
    { source: 's', topic: 't', key: 'k', aggregate: 'a' },
    { source: 's', topic: 't', key: 'k', partition: 0 },
    { source: 's', topic: 't', key: 'k', partition: 0, aggregate: 'a' },
    { source: 's', topic: 't', key: 'a#k' },
    { source: 's', topic: 't', key: 'k', aggregate: 'a#b' },
    { source: 'b#s', topic: 't', key: 'k', aggregate: 'a' },
    { source: 's', topic: 't', key: 'x'.repeat(3_000) },
    { source: 's', topic: 't', key: 'x'.repeat(3_000), aggregate: 'a' },
    { source: 's', topic: 't', key: 'x'.repeat(3_000), partition: 0 },
  ];
  const names = keys.map((key) => inboxPartitionKey('shipping', key));

  expect(new Set(names).size).toBe(keys.length);
  for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(2048);
});

it('identifies an event by headers in UTF-8 only: other bytes would be read as one text', async () => {
  const rig = aRig();
  const latin = (text: string) => Buffer.from(text, 'latin1');
  await feed(rig, [
    aRecord({ version: 1, headers: { ce_aggregate: latin('ä') } }),
    aRecord({ version: 1, headers: { ce_aggregate: latin('ö') } }),
    aRecord({ headers: { ce_id: latin('ü') } }),
  ]);

  expect(rig.deadLetters.reasons).toEqual(['not-a-cloudevent', 'not-a-cloudevent', 'not-a-cloudevent']);
});

describe('an event below a full window', () => {
  // The consumer applied the versions 21 to 40, which were committed a minute ago.
  const applied = async (options: Parameters<typeof aRig>[0] = {}) => {
    const rig = aRig({ onGap: 'ignore', ...options });
    const at = NOW - 60_000;
    const ids = (version: number) => uuidV7(at + version);
    await feed(
      rig,
      upTo(40, 21).map((version) => aRecord({ version, id: ids(version) })),
    );
    return { rig, ids };
  };
  const late = (committedAt: number, version = 3) => aRecord({ version, id: uuidV7(committedAt) });

  it('is a duplicate if it was committed before the newer ones', async () => {
    const { rig, ids } = await applied();

    expect((await feed(rig, [aRecord({ version: 3, id: ids(3) })])).outcomes).toEqual(['duplicate']);
    expect(rig.told.of('duplicateIgnored').map(([, details]) => details)).toEqual([{ below: true }]);
    expect(rig.told.of('lostIdentity')).toEqual([]);
  });

  it('that was committed after their effects has lost its identity: it is applied once and reported', async () => {
    let now = NOW;
    const { rig } = await applied({ clock: { now: () => now } });
    now += HOUR_MS;
    const event = late(NOW + 600_000);

    expect((await feed(rig, [event])).outcomes).toEqual(['applied']);
    expect((await feed(rig, [{ ...event, offset: event.offset + 1_000n }])).outcomes).toEqual(['duplicate']);
    expect(rig.told.of('lostIdentity').map(([, details]) => details)).toEqual([{ applied: true }]);
    expect(rig.handled.filter((id) => id === String(event.headers['ce_id']))).toHaveLength(1);
  });

  it('… or goes to the dead letters, by choice', async () => {
    const { rig } = await applied({ onLate: 'dead-letter' });
    await feed(rig, [late(NOW + 600_000)]);

    expect(rig.deadLetters.reasons).toEqual(['lost-identity']);
    expect(rig.told.of('lostIdentity').map(([, details]) => details)).toEqual([{ applied: false }]);
  });

  it.each([
    ['before the last effect', NOW - 30_000],
    ['seconds after it', NOW + 5_000],
  ])('that clocks which disagree could explain goes to the dead letters, however often it comes: %s', async (_, at) => {
    const { rig } = await applied();
    const event = late(at);
    for (let time = 0; time < 3; time++) await feed(rig, [event]);

    expect(rig.deadLetters.reasons).toEqual(['lost-identity', 'lost-identity', 'lost-identity']);
    expect(rig.handled).toHaveLength(20);
  });

  it('with an id of its own is judged by ce_time, which may be any time: it is never applied for it', async () => {
    const rig = aRig({ onGap: 'ignore' });
    const at = (version: number, time: number) =>
      aRecord({ version, headers: { ce_time: Buffer.from(new Date(time).toISOString()) } });
    await feed(
      rig,
      upTo(40, 21).map((version) => at(version, NOW - 60_000 + version)),
    );
    await feed(rig, [at(3, NOW + HOUR_MS), at(4, NOW - 60_000), at(5, NOW - 10_000)]);

    expect(rig.handled).toHaveLength(20);
    expect(rig.deadLetters.reasons).toEqual(['lost-identity', 'lost-identity']);
  });

  it('that is parked behind another event is applied with the redrive, although later ones were applied by then', async () => {
    let now = NOW;
    let isRefusing = true;
    const { rig } = await applied({
      clock: { now: () => now },
      handlers: {
        'order.placed': ({ id }) => {
          if (isRefusing && id === 'refused') throw new Error('no stock');
          return [effectOf(id)];
        },
      },
    });
    now += HOUR_MS;
    const event = late(NOW + 600_000);
    await feed(rig, [aRecord({ version: 41, id: 'refused' }), event]);
    isRefusing = false;

    expect(await rig.consumer.redriveParked({ source: '/shop/order', topic: 'orders', key: '42' })).toEqual({
      released: 2,
      isParked: false,
    });
    expect(rig.client.effects()).toContain(String(event.headers['ce_id']));
    expect((await feed(rig, [{ ...event, offset: event.offset + 1_000n }])).outcomes).toEqual(['duplicate']);
  });

  it('is not applied again once its marker has expired', async () => {
    let now = NOW;
    const { rig } = await applied({ clock: { now: () => now } });
    now += HOUR_MS;
    const event = late(NOW + 600_000);
    await feed(rig, [event]);
    now += 8 * 24 * HOUR_MS;
    for (const [name, { sk }] of rig.client.items) if (String(sk).startsWith('event#')) rig.client.items.delete(name);
    await feed(rig, [event]);

    expect(rig.handled.filter((id) => id === String(event.headers['ce_id']))).toHaveLength(1);
    expect(rig.deadLetters.reasons).toEqual(['older-than-markers']);
  });

  it('is no duplicate for sure where two events have had one sequence', async () => {
    const { rig, ids } = await applied();
    await feed(rig, [aRecord({ version: 40, id: 'another' })]);
    await feed(rig, [aRecord({ version: 3, id: ids(3) })]);

    expect(rig.deadLetters.reasons).toEqual(['lost-identity']);
  });

  it('was not applied as far as a token can tell, and waiting for it ends at once', async () => {
    const { rig } = await applied({ clock: { now: () => Date.now() } });
    const token = tokenOf('order', 3, '/shop/order');

    expect(await rig.consumer.isApplied(token)).toBe(false);
    expect(await rig.consumer.lag(token)).toMatchObject([{ isApplied: false, isBelowWindow: true, versionsBehind: 0 }]);
    await expect(rig.consumer.waitUntilApplied(token, { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'no-longer-known',
      details: { consumer: 'shipping', topics: ['orders'] },
    });
  });
});

it('a client that wraps numbers sees the same gaps and times', async () => {
  class NumberValue {
    readonly value: string;
    constructor(value: string) {
      this.value = value;
    }
    toString(): string {
      return this.value;
    }
  }
  const client = new MemoryClient();
  const read = client.get.bind(client);
  client.get = async (input) => {
    const { Item } = await read(input);
    if (Item === undefined) return {};
    const wrapped = Object.entries(Item).map(([name, value]): [string, unknown] => [
      name,
      typeof value === 'number' ? new NumberValue(String(value)) : value,
    ]);
    return { Item: Object.fromEntries(wrapped) };
  };
  const rig = aRig({}, client);
  await feed(rig, [aRecord({ version: 1, txEvents: 2 })]);
  // Another process reads the row.
  const other = aRig({}, client);
  await feed(other, [aRecord({ version: 2 })]);

  expect(other.told.of('gap')).toHaveLength(1);
  expect((await other.consumer.lag(tokenOf('order', 9, '/shop/order')))[0]?.appliedAt).toBe(NOW);
});
