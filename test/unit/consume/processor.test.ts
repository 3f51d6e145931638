import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import {
  atLeastOnce,
  createConsumer,
  defineEvents,
  type InboxKey,
  type OutboxError,
  type TransactionAction,
} from '../../../lib/consumer';
import { REPLAY_HEADER } from '../../../lib/event/message';
import { itemBytes } from '../../../lib/dynamodb/item-size';
import { aRecord, aRig, effectOf, feed, MemoryClient, NOW, unreachable, type Rig } from '../../builders/consume';

const DAY_MS = 24 * 3600_000;
const versions = (...given: number[]) => given.map((version) => aRecord({ version }));
async function parkedKeys({ consumer }: Rig): Promise<InboxKey[]> {
  const keys: InboxKey[] = [];
  for await (const key of consumer.parkedKeys()) keys.push(key);
  return keys;
}
const id = (version: number, key = '42'): string => `${key}:${String(version).padStart(16, '0')}.0000`;

describe('an ordinary event', () => {
  it('has its effect and its inbox record in one transaction', async () => {
    const rig = aRig();

    const { outcomes } = await feed(rig, versions(1));

    expect(outcomes).toEqual(['applied']);
    expect(rig.client.transactions).toBe(1);
    expect(rig.client.effects()).toEqual([id(1)]);
  });

  it('is applied once, however often it comes', async () => {
    const rig = aRig();

    await feed(rig, [...versions(1, 2), ...versions(1, 2), ...versions(1, 2)]);
    await feed(rig, versions(1, 2));

    expect(rig.handled).toEqual([id(1), id(2)]);
    expect(rig.told.of('duplicateIgnored')).toHaveLength(6);
  });

  it('shows the handler where it comes from', async () => {
    const seen: unknown[] = [];
    const rig = aRig({
      handlers: { 'order.placed': (event, { signal, ...context }) => void seen.push(event, context, signal.aborted) },
    });

    await feed(rig, [
      aRecord({ version: 7, index: 1, txEvents: 2, offset: 1024, headers: { tenant: 'a', traceparent: '00-1-2-01' } }),
    ]);

    expect(seen[0]).toMatchObject({ type: 'order.placed', data: { total: 5 }, source: '/shop/order' });
    expect(seen[1]).toMatchObject({
      receipt: 'orders-0@1024',
      key: '42',
      headers: { tenant: 'a' },
      version: 7,
      sequence: '0000000000000007.0001',
      traceparent: '00-1-2-01',
      attempt: 1,
      late: false,
    });
    expect(seen[2]).toBe(false);
  });

  it('without a handler for its type is applied without an effect', async () => {
    const rig = aRig();

    await feed(rig, [aRecord({ version: 1, type: 'order.shipped' }), ...versions(2)]);

    expect(rig.told.of('gap')).toEqual([]);
    expect(rig.told.of('applied')).toHaveLength(2);
  });

  it('may have an id of any length: the row of its key stays small', async () => {
    const rig = aRig({
      onFailure: 'dead-letter',
      attempts: 1,
      handlers: {
        'order.placed': (_, { version = 0 }) => {
          if (version % 2 === 1) throw new Error('odd');
          return [effectOf(String(version))];
        },
      },
    });
    const records = Array.from({ length: 40 }, (_, at) =>
      aRecord({ version: at + 1, id: `${at}${'ü'.repeat(100_000)}` }),
    );
    await feed(rig, records);
    await feed(
      rig,
      records.filter((_, at) => at % 2 === 1),
    );

    expect(rig.client.effects()).toHaveLength(20);
    expect(rig.deadLetters.sent).toHaveLength(20);
    expect(rig.told.of('duplicateIgnored')).toHaveLength(20);
    const row = [...rig.client.items].find(([name]) => name.endsWith('|inbox'))?.[1];
    expect(itemBytes(row ?? {})).toBeLessThan(8_192);
  });

  it('of another source or topic has an inbox of its own', async () => {
    const rig = aRig();
    const records = [
      aRecord({ version: 9, id: 'a9' }),
      aRecord({ version: 1, id: 'b1', source: '/billing/order' }),
      aRecord({ version: 1, id: 'c1', topic: 'audit' }),
    ];

    await feed(rig, records);

    expect(rig.handled.toSorted()).toEqual(['a9', 'b1', 'c1']);
    expect(rig.told.of('late')).toEqual([]);
  });
});

describe('two consumers at work on one message', () => {
  const both = async (record: ReturnType<typeof aRecord>): Promise<MemoryClient> => {
    const client = new MemoryClient();
    let waiting = 0;
    const together = Promise.withResolvers<undefined>();
    // Both instances decide before either of them writes.
    client.beforeWrite = async () => {
      if (++waiting === 2) together.resolve(undefined);
      await together.promise;
    };
    const rigs = [aRig({}, client), aRig({}, client)];
    const fed = await Promise.all(rigs.map((rig) => feed(rig, [record])));

    expect(fed.flatMap(({ outcomes }) => outcomes).toSorted()).toEqual(['applied', 'duplicate']);
    expect(rigs.map(({ handled }) => handled.length)).toEqual([1, 1]);
    return client;
  };

  it('apply its effect once, by sequence', async () => {
    expect((await both(aRecord({ version: 1 }))).transactions).toBe(1);
  });

  it('apply its effect once, by id', async () => {
    expect((await both(aRecord({ id: 'unversioned' }))).transactions).toBe(1);
  });

  it("a frozen one cannot apply an event that the other has applied meanwhile, nor undo the other's state", async () => {
    const client = new MemoryClient();
    const frozen = aRig({}, client);
    await feed(frozen, versions(1));
    const other = aRig({}, client);
    await feed(other, versions(1, 2, 3));

    // The frozen instance still takes version 1 for the newest.
    const { outcomes } = await feed(frozen, versions(2, 3, 4));

    expect(outcomes).toEqual(['duplicate', 'duplicate', 'applied']);
    expect(frozen.told.of('attemptFailed')).toEqual([]);
    expect(client.effects()).toEqual([1, 2, 3, 4].map((version) => id(version)));
  });
});

describe('without versions', () => {
  it('is applied once by its id, and ends with its marker', async () => {
    const rig = aRig({ markerRetentionMs: 7 * DAY_MS });
    const record = aRecord({ id: 'a' });

    await feed(rig, [record, record]);

    expect(rig.handled).toEqual(['a']);
    const marker = [...rig.client.items.values()].find(({ sk }) => sk === 'event#a');
    expect(Number(marker?.['expiresAt'])).toBeGreaterThan((NOW + 7 * DAY_MS) / 1000);
  });

  it('is dead-lettered if it is older than the markers, whatever its timestamp', async () => {
    const rig = aRig({ markerRetentionMs: DAY_MS });
    const old = new Date(NOW - 2 * DAY_MS).toISOString();

    await feed(rig, [
      aRecord({ id: 'redelivered', timestamp: NOW - 2 * DAY_MS }),
      aRecord({ id: 'published-again', headers: { ce_time: old } }),
      aRecord({ id: 'young' }),
    ]);

    expect(rig.handled).toEqual(['young']);
    expect(rig.deadLetters.reasons).toEqual(['older-than-markers', 'older-than-markers']);
  });

  it('goes by the time in a UUIDv7 and not by the time of the event', async () => {
    const rig = aRig({ markerRetentionMs: DAY_MS, clock: { now: () => Date.UTC(2026, 0, 2, 4) } });
    const longAgo = new Date(0).toISOString();

    await feed(rig, [aRecord({ id: '019b7ce1-0000-7000-8000-000000000001', headers: { ce_time: longAgo } })]);

    expect(rig.told.of('applied')).toHaveLength(1);
  });
});

describe('a late first delivery', () => {
  it('is applied and reported', async () => {
    const rig = aRig();

    await feed(rig, versions(1, 3, 2, 2));

    expect(rig.handled).toEqual([id(1), id(3), id(2)]);
    expect(rig.told.of('late')).toHaveLength(1);
  });

  it('is dead-lettered if configured, and only after a read of the table', async () => {
    const client = new MemoryClient();
    const rig = aRig({ onLate: 'dead-letter' }, client);
    await feed(rig, versions(1, 3));
    await feed(aRig({}, client), versions(2));

    // Another consumer has applied version 2 meanwhile; no consumer has applied version 0.
    await feed(rig, versions(2, 0));

    expect(rig.deadLetters.sent.map(({ aside, record }) => [aside.reason, String(record.headers['ce_id'])])).toEqual([
      ['late', id(0)],
    ]);
  });
});

describe('a gap', () => {
  it('is reported once, and the event is applied', async () => {
    const rig = aRig();

    await feed(rig, versions(1, 4));

    expect(rig.told.of('gap').map(([, gap]) => gap)).toEqual([
      { after: '0000000000000001.0000', missing: '0000000000000002.0000', got: '0000000000000004.0000' },
    ]);
    expect(rig.handled).toEqual([id(1), id(4)]);
  });

  it('is none if another consumer of the group has applied the events that this one has not seen', async () => {
    const client = new MemoryClient();
    const [one, other] = [aRig({}, client), aRig({}, client)];
    await feed(one, versions(1));
    await feed(other, versions(2, 3));
    await feed(one, versions(4));

    expect(one.told.of('gap')).toEqual([]);
    expect(client.effects()).toEqual([1, 2, 3, 4].map((version) => id(version)));
  });

  it('blocks the key if configured until the missing event arrives behind it', async () => {
    const rig = aRig({ onGap: 'block', clock: { now: () => Date.now() } });

    const { committable } = await feed(rig, versions(1, 3, 2, 4));

    expect(rig.handled).toEqual([1, 2, 3, 4].map((version) => id(version)));
    expect(committable).toBeDefined();
    expect(rig.told.of('late')).toEqual([]);
  });

  it('finds the missing event among those of the same batch', async () => {
    const clock = { now: () => Date.now() };
    const rig = aRig({ onGap: 'block', gapTimeoutMs: 60_000, eventsOfKeyPerTransaction: 3, clock });

    await feed(rig, versions(1, 3, 2));

    expect(rig.handled.slice(-3)).toEqual([1, 2, 3].map((version) => id(version)));
    expect(rig.told.of('late')).toEqual([]);
  });

  it('blocks until another consumer has applied the missing event', async () => {
    const client = new MemoryClient();
    const rig = aRig({ onGap: 'block', clock: { now: () => Date.now() } }, client);
    await feed(rig, versions(1));
    const blocked = feed(rig, versions(3));
    await feed(aRig({}, client), versions(2));
    await blocked;

    expect(client.effects()).toEqual([1, 2, 3].map((version) => id(version)));
  });

  it('blocks no longer than it may', async () => {
    const rig = aRig({ onGap: 'block', gapTimeoutMs: 30, clock: { now: () => Date.now() } });

    await feed(rig, versions(1, 3));

    expect(rig.handled).toEqual([id(1), id(3)]);
  });

  it('delays no other key', async () => {
    const rig = aRig({ onGap: 'block', gapTimeoutMs: 200, concurrency: 1, clock: { now: () => Date.now() } });

    await feed(rig, [...versions(1, 3), aRecord({ key: 'other', version: 1 })]);

    expect(rig.handled).toEqual([id(1), id(1, 'other'), id(3)]);
  });
});

describe('a replay', () => {
  const replayed = (version: number, signal: string) => aRecord({ version, headers: { 'outbox-replay': signal } });

  it('is ignored', async () => {
    const rig = aRig();

    const { outcomes } = await feed(rig, [...versions(1), replayed(1, 'r1'), replayed(2, 'r1')]);

    expect(rig.handled).toEqual([id(1)]);
    expect(outcomes.at(-1)).toBe('ignored');
  });

  it('has its effect once more by choice, once for each replay', async () => {
    const handled: string[] = [];
    const rig = aRig({
      onReplay: 'apply',
      handlers: { 'order.placed': ({ id }, { replayId }) => void handled.push(`${id} ${replayId ?? ''}`) },
    });

    await feed(rig, [...versions(1), replayed(1, 'r1'), replayed(1, 'r1'), replayed(1, 'r2')]);

    expect(handled).toEqual([`${id(1)} `, `${id(1)} r1`, `${id(1)} r2`]);
  });
});

describe('a replay with onReplay "apply"', () => {
  const rigOf = () => {
    const handled: string[] = [];
    const handlers = {
      'order.placed': ({ id: each }: { id: string }, { replayId }: { replayId?: string }): undefined => {
        handled.push(`${each} ${replayId ?? ''}`);
      },
    };
    return { handled, rig: aRig({ onReplay: 'apply', markerRetentionMs: DAY_MS, handlers }) };
  };

  it('has its effect for a key without versions too, however old the event is', async () => {
    const { handled, rig } = rigOf();
    const replay = aRecord({
      id: 'a',
      headers: { 'outbox-replay': 'r1', ce_time: new Date(NOW - 9 * DAY_MS).toISOString() },
    });

    await feed(rig, [aRecord({ id: 'a' }), replay, replay]);

    expect(handled).toEqual(['a ', 'a r1']);
  });

  it('has it once when it is the first that is seen of the event, and comes again', async () => {
    const { handled, rig } = rigOf();
    const replay = aRecord({ version: 1, headers: { 'outbox-replay': 'r1' } });

    await feed(rig, [replay, replay, ...versions(1)]);

    expect(handled).toEqual([`${id(1)} r1`]);
  });
});

describe('a message that cannot be read', () => {
  it.each([
    ['not-a-cloudevent', { headers: { ce_id: undefined } }],
    ['not-a-cloudevent', { headers: { ce_specversion: undefined } }],
    ['invalid-sequence', { headers: { ce_sequence: '7' } }],
    // As a number it would lose digits, so that a duplicate would not be recognized.
    ['invalid-sequence', { headers: { ce_sequence: '9999999999999999.0000' } }],
    ['unknown-type', { type: 'order.lost' }],
    ['undecodable-data', { value: Buffer.from('{') }],
  ])('is dead-lettered whole: %s', async (reason, change) => {
    const rig = aRig();
    const record = aRecord({ version: 1, ...change });

    const { outcomes, committable } = await feed(rig, [record]);

    expect(outcomes).toEqual(['dead-lettered']);
    expect(committable).toBe(record.offset + 1n);
    expect(rig.deadLetters.reasons).toEqual([reason]);
    expect(rig.deadLetters.sent[0]?.record).toBe(record);
  });

  it('is lifted when it was written in an older version, and waits when in a newer one', async () => {
    const seen: unknown[] = [];
    const consumer = createConsumer({
      name: 'shipping',
      tableName: 'inbox',
      client: new MemoryClient(),
      events: defineEvents({
        'order.placed': {
          topic: 'orders',
          version: 2,
          schema: z.object({ amount: z.number() }),
          upcasters: { 1: ({ total }: { total: number }) => ({ amount: total }) },
        },
      }),
      handlers: { 'order.placed': ({ type, data }) => void seen.push([type, data]) },
      clock: { now: () => NOW },
    });
    const rig = { ...aRig(), consumer } as unknown as Rig;

    await feed(rig, [
      aRecord({ version: 1, value: Buffer.from('{"total":5}') }),
      aRecord({ version: 2, type: 'order.placed.v2', value: Buffer.from('{"amount":6}') }),
      aRecord({ version: 3, type: 'order.placed.v3', value: Buffer.from('{"cents":700}') }),
    ]);

    expect(seen).toEqual([
      ['order.placed', { amount: 5 }],
      ['order.placed', { amount: 6 }],
    ]);
    expect(rig.deadLetters.reasons).toEqual([]);
    expect(await parkedKeys(rig)).toHaveLength(1);
  });

  it('with a key that is no text', async () => {
    const rig = aRig();

    await feed(rig, [{ ...aRecord({ version: 1 }), key: Buffer.from([0xff]) }]);

    expect(rig.deadLetters.reasons).toEqual(['invalid-key']);
  });

  it('is not finished before its dead-letter is acknowledged', async () => {
    const rig = aRig();
    let failures = 3;
    rig.deadLetters.fail = () => failures-- > 0;
    const record = aRecord({ type: 'order.lost' });

    const { committable } = await feed(rig, [record]);

    expect(rig.told.of('deadLetterFailed')).toHaveLength(3);
    expect(rig.deadLetters.sent).toHaveLength(1);
    expect(committable).toBe(record.offset + 1n);
  });

  it('is skipped by choice when only its type is unknown', async () => {
    const rig = aRig({ onUnknownType: 'skip' });

    await feed(rig, [aRecord({ type: 'order.lost' }), aRecord({ value: Buffer.from('{') })]);

    expect(rig.deadLetters.reasons).toEqual(['undecodable-data']);
  });

  it('with a reason that fits next to it, however much its schema reports, and that contains no secret', async () => {
    const many = Array.from({ length: 2_000 }, (_, at) => ({ message: `token=hunter${at} is wrong`, path: [at] }));
    const rig = aRig({
      onUnreadable: 'dead-letter',
      events: defineEvents({
        'order.placed': {
          topic: 'orders',
          schema: { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: many }) } },
        },
      }) as never,
    });

    await feed(rig, versions(1));

    const [{ aside }] = rig.deadLetters.sent as [(typeof rig.deadLetters.sent)[0]];
    expect(aside.message.length).toBeLessThanOrEqual(500);
    expect(aside.message).toMatch(/^The data of "order.placed" is not valid\. data\.\[0\]: token=\*\*\*/);
  });

  it('can be applied once it is fixed, however far the key is by then', async () => {
    const rig = aRig();
    await feed(rig, [...versions(1), aRecord({ version: 2, value: Buffer.from('{') })]);
    await feed(rig, versions(...Array.from({ length: 30 }, (_, at) => at + 3)));

    await feed(rig, versions(2));

    expect(rig.handled).toContain(id(2));
    expect(rig.told.of('gap')).toEqual([]);
  });
});

describe('a handler that fails', () => {
  const failing = (fails: (id: string, attempt: number) => boolean) => ({
    'order.placed': ({ id }: { id: string }, { attempt }: { attempt: number }): TransactionAction[] => {
      if (fails(id, attempt)) throw new Error('no stock, password=hunter2');
      return [effectOf(id)];
    },
  });

  it('runs again and may succeed', async () => {
    const rig = aRig({ handlers: failing((_, attempt) => attempt < 3) });

    await feed(rig, versions(1));

    expect(rig.client.effects()).toEqual([id(1)]);
    expect(rig.told.of('attemptFailed')).toHaveLength(2);
  });

  it('dead-letters its event after so many attempts, with a reason that tells no secret', async () => {
    const rig = aRig({ onFailure: 'dead-letter', handlers: failing((each) => each === id(2)) });

    const { outcomes } = await feed(rig, versions(1, 2, 3));

    expect(outcomes).toEqual(['applied', 'dead-lettered', 'applied']);
    expect(rig.deadLetters.sent[0]?.aside).toMatchObject({
      reason: 'handler-failed',
      message: 'Error: no stock, password=***',
    });
    expect(rig.deadLetters.sent[0]?.aside.stack).toMatch(/^at .*processor\.test\.ts/);
    expect(rig.deadLetters.sent[0]?.aside.stack).not.toMatch(/hunter2|\/work|\/home/);
  });

  it('blocks its key by choice, and no other', async () => {
    const rig = aRig({ onFailure: 'block', handlers: failing((each) => each === id(2)) });
    const end = new AbortController();
    const records = [...versions(1, 2, 3), aRecord({ key: 'other', version: 1 })];
    const fed = feed(rig, records, { signal: end.signal });
    // The consumer keeps retrying, and the other key passes.
    while (rig.told.of('attemptFailed').length <= 3 || rig.client.effects().length < 2) await sleep(5);
    end.abort();

    const { committable } = await fed;

    expect(committable).toBe(records[1]?.offset);
    expect(rig.client.effects()).toEqual([id(1), id(1, 'other')]);
  });

  it('parks its key: later events wait in order, other keys pass, and a redrive releases them', async () => {
    let isFixed = false;
    const rig = aRig({ onFailure: 'park-key', handlers: failing((each) => !isFixed && each === id(2)) });
    const records = [...versions(1, 2, 3), aRecord({ key: 'other', version: 1 })];

    const { committable } = await feed(rig, records);
    await feed(rig, versions(4));

    expect(committable).toBe((records.at(-1)?.offset ?? 0n) + 1n);
    expect(rig.client.effects()).toEqual([id(1), id(1, 'other')]);
    const keys = await parkedKeys(rig);
    expect(keys).toEqual([{ source: '/shop/order', topic: 'orders', key: '42' }]);

    const [key] = keys;
    expect(await rig.consumer.redriveParked(key!)).toEqual({
      released: 0,
      isParked: true,
      failure: 'Error: no stock, password=***',
    });
    isFixed = true;
    expect(await rig.consumer.redriveParked(key!)).toEqual({ released: 3, isParked: false });
    await feed(rig, versions(5));

    expect(rig.client.effects()).toEqual([id(1), id(1, 'other'), id(2), id(3), id(4), id(5)]);
    expect(await parkedKeys(rig)).toEqual([]);
    expect(await rig.consumer.redriveParked(key!)).toEqual({ released: 0, isParked: false });
  });

  it('parks keys without versions too, and another consumer sees it before it writes', async () => {
    const client = new MemoryClient();
    let isFixed = false;
    const rig = aRig({ handlers: failing((each) => !isFixed && each === 'b') }, client);
    const other = aRig({}, client);
    await feed(other, [aRecord({ id: 'a' })]);
    await feed(rig, [aRecord({ id: 'b' })]);

    // The other consumer has read the key's row before the key was parked.
    const { outcomes } = await feed(other, [aRecord({ id: 'c' })]);

    expect(outcomes).toEqual(['parked']);
    isFixed = true;
    await rig.consumer.redriveParked({ source: '/shop/order', topic: 'orders', key: '42' });
    expect(client.effects()).toEqual(['a', 'b', 'c']);
  });

  it('does not park an applied event, so that a redrive after its marker has expired has no second effect', async () => {
    const client = new MemoryClient();
    let isFixed = false;
    const handlers = failing((each) => !isFixed && each === 'b');
    const rig = aRig({ handlers }, client);
    const [a, b] = [aRecord({ id: 'a' }), aRecord({ id: 'b' })];
    await feed(rig, [a, b]);

    // As after a rebalance: both events are delivered again, and their key is now parked.
    const { outcomes } = await feed(rig, [a, b]);
    client.items.delete('inbox|shipping#orders#/shop/order#42|event#a');
    client.items.delete('effects|a');
    isFixed = true;
    await rig.consumer.redriveParked({ source: '/shop/order', topic: 'orders', key: '42' });

    expect(outcomes).toEqual(['duplicate', 'parked']);
    expect(client.effects()).toEqual(['b']);
  });

  it.each(['park-key', 'dead-letter'] as const)(
    'does not %s what another consumer has applied meanwhile',
    async (onFailure) => {
      const client = new MemoryClient();
      const other = aRig({}, client);
      for (const record of [aRecord({ version: 1 }), aRecord({ key: 'plain', id: 'x' })]) {
        const rig = aRig(
          {
            attempts: 1,
            onFailure,
            handlers: {
              'order.placed': async () => {
                await feed(other, [record]);
                throw new Error('no');
              },
            },
          },
          client,
        );

        expect((await feed(rig, [record])).outcomes).toEqual(['duplicate']);
        expect(await parkedKeys(rig)).toEqual([]);
        expect(rig.deadLetters.sent).toEqual([]);
      }
      expect(client.effects()).toEqual([id(1), 'x']);
    },
  );

  it('is redriven although an earlier redrive of this process met an outage', async () => {
    let isFixed = false;
    const rig = aRig({ handlers: failing(() => !isFixed), clock: { now: () => Date.now() } });
    await feed(rig, versions(1));
    isFixed = true;
    const key = { source: '/shop/order', topic: 'orders', key: '42' };
    rig.client.beforeWrite = () => {
      throw unreachable();
    };
    expect(await rig.consumer.redriveParked(key)).toEqual({ released: 0, isParked: true });
    rig.client.beforeWrite = () => undefined;
    await sleep(250);

    expect(await rig.consumer.redriveParked(key)).toEqual({ released: 1, isParked: false });
  });

  it('tells after it when the key had its last effect', async () => {
    const rig = aRig({ handlers: failing((each) => each === id(2)) });
    await feed(rig, versions(1, 2, 3));

    const row = [...rig.client.items.values()].find(({ sk }) => sk === 'inbox');
    expect(row).toMatchObject({ parked: true, appliedAt: NOW });
  });

  it('parks the whole message: the redriven message equals the message that was read', async () => {
    const contexts: unknown[] = [];
    let isFixed = false;
    const rig = aRig({
      handlers: {
        'order.placed': ({ data }, { headers, receipt }) => {
          if (!isFixed) throw new Error('not yet');
          contexts.push({ data, headers, receipt });
          return [];
        },
      },
    });
    await feed(rig, [aRecord({ version: 1, offset: 77, headers: { note: [Buffer.from('a'), Buffer.from('ü')] } })]);
    isFixed = true;

    await rig.consumer.redriveParked({ source: '/shop/order', topic: 'orders', key: '42' });

    expect(contexts).toEqual([{ data: { total: 5 }, headers: { note: 'ü' }, receipt: 'orders-0@77' }]);
  });

  it('is refused if it returns no list of actions, or too many', async () => {
    const rig = aRig({
      onFailure: 'dead-letter',
      attempts: 1,
      handlers: {
        'order.placed': (({ id: each }: { id: string }) =>
          each === id(1) ? 'done' : Array.from({ length: 101 }, (_, at) => effectOf(`${at}`))) as never,
      },
    });

    await feed(rig, versions(1, 2));

    expect(rig.told.of('attemptFailed').map(([, , error]) => (error as OutboxError).code)).toEqual([
      'invalid-effects',
      'too-many-actions',
    ]);
  });

  it('has failed if it does not end: its signal is aborted, its key is parked, and other keys pass', async () => {
    const ended: boolean[] = [];
    const rig = aRig({
      handlerTimeoutMs: 5,
      attempts: 2,
      concurrency: 1,
      handlers: {
        'order.placed': async ({ id: each }, { key, signal }) => {
          if (key === '42') await new Promise(() => signal.addEventListener('abort', () => ended.push(true)));
          return [effectOf(each)];
        },
      },
    });
    const { committable } = await feed(rig, [
      ...versions(1, 2),
      aRecord({ key: 'other', version: 1, offset: 999_999 }),
    ]);

    expect(committable).toBe(1_000_000n);
    expect(rig.client.effects()).toEqual([id(1, 'other')]);
    expect(rig.told.of('attemptFailed').map(([, , error]) => (error as OutboxError).code)).toEqual([
      'handler-too-late',
      'handler-too-late',
    ]);
    expect(ended).toHaveLength(2);
    expect(rig.told.of('parked')).toHaveLength(2);
  });

  it('that ends too late has no effect, and its later failure is ignored', async () => {
    let runs = 0;
    const late: Promise<unknown>[] = [];
    const rig = aRig({
      handlerTimeoutMs: 20,
      handlers: {
        'order.placed': (_, { attempt }) => {
          if (++runs > 1) return [effectOf(`attempt ${attempt}`)];
          const slow = sleep(40).then(() => Promise.reject(new Error('too late')));
          late.push(slow.catch(() => undefined));
          return slow;
        },
      },
    });
    await feed(rig, versions(1));
    await Promise.all(late);

    expect(rig.client.effects()).toEqual(['attempt 2']);
  });

  it('learns which of its conditions failed, and nothing is written', async () => {
    const rig = aRig({
      onFailure: 'dead-letter',
      handlers: { 'order.placed': ({ id: each }) => [effectOf(each), effectOf('taken')] },
    });
    rig.client.items.set('effects|taken', { id: 'taken' });

    await feed(rig, versions(1));

    expect(rig.told.of('attemptFailed').map(([, , error]) => (error as OutboxError).details)).toEqual(
      Array.from({ length: 3 }, () => ({ index: 1 })),
    );
    expect(rig.client.effects()).toEqual(['taken']);
  });
});

describe('an outage', () => {
  it('uses no attempt, and waiting events are applied once when it is over', async () => {
    const rig = aRig({ attempts: 1, clock: { now: () => Date.now() }, markerRetentionMs: 3_650 * DAY_MS });
    let failures = 4;
    rig.client.beforeWrite = () => {
      if (failures-- > 0) throw unreachable();
    };

    await feed(rig, [...versions(1, 2), aRecord({ key: 'other', version: 1 })]);

    expect(rig.client.effects().toSorted()).toEqual([id(1), id(2), id(1, 'other')].toSorted());
    expect(rig.told.of('attemptFailed')).toEqual([]);
    expect(rig.deadLetters.sent).toEqual([]);
    expect(rig.told.of('outage')).toHaveLength(1);
    expect(rig.told.of('outageOver')).toHaveLength(1);
  });

  it('of which the handler learns first burns nothing either', async () => {
    let failures = 2;
    const rig = aRig({
      attempts: 1,
      clock: { now: () => Date.now() },
      markerRetentionMs: 3_650 * DAY_MS,
      isOutage: (error) => (error instanceof RangeError ? true : undefined),
      handlers: {
        'order.placed': ({ id: each }) => {
          if (failures-- > 0) throw failures === 0 ? new RangeError('payments are away') : unreachable();
          return [effectOf(each)];
        },
      },
    });

    await feed(rig, versions(1));

    expect(rig.client.effects()).toEqual([id(1)]);
    expect(rig.told.of('attemptFailed')).toEqual([]);
  });

  it('ends although isOutage throws', async () => {
    let failures = 2;
    const rig = aRig({
      clock: { now: () => Date.now() },
      isOutage: () => {
        throw new TypeError('not a function');
      },
      handlers: {
        'order.placed': ({ id: each }) => {
          if (failures-- > 0) throw failures === 1 ? unreachable() : new Error('no');
          return [effectOf(each)];
        },
      },
    });

    await feed(rig, versions(1));

    expect(rig.client.effects()).toEqual([id(1)]);
    expect(rig.told.of('attemptFailed')).toHaveLength(1);
  });

  it('an answer that is lost after the write is no second effect', async () => {
    const rig = aRig({ clock: { now: () => Date.now() }, markerRetentionMs: 3_650 * DAY_MS });
    let losses = 2;
    rig.client.afterWrite = () => {
      if (losses-- > 0) throw unreachable();
    };

    await feed(rig, [...versions(1), aRecord({ id: 'unversioned' })]);

    expect(rig.client.effects().toSorted()).toEqual([id(1), 'unversioned']);
    expect(rig.client.transactions).toBe(2);
  });
});

describe('several events in one transaction', () => {
  it('those of several keys that are ready together', async () => {
    const rig = aRig({ transactions: 1 });

    await feed(
      rig,
      Array.from({ length: 50 }, (_, at) => aRecord({ key: `k${at}`, version: 1 })),
    );

    expect(rig.client.effects()).toHaveLength(50);
    expect(rig.client.transactions).toBeLessThan(10);
  });

  it('each alone when one of them spoils it', async () => {
    const rig = aRig({ transactions: 1, onFailure: 'dead-letter', attempts: 1 });
    rig.client.items.set(`effects|${id(1, 'k7')}`, {});

    await feed(
      rig,
      Array.from({ length: 16 }, (_, at) => aRecord({ key: `k${at}`, version: 1 })),
    );

    expect(rig.deadLetters.reasons).toEqual(['handler-failed']);
    expect(rig.told.of('applied')).toHaveLength(15);
  });

  it('each alone when the client cannot send one of them: a mistake of one handler costs no other an attempt', async () => {
    const client = new MemoryClient();
    client.beforeWrite = (entries) => {
      // A DynamoDBDocument without removeUndefinedValues throws this before it sends a request.
      if (JSON.stringify(entries).includes('"id":"k7:')) throw new Error('Pass options.removeUndefinedValues=true');
    };
    const rig = aRig({ transactions: 1, onFailure: 'dead-letter', attempts: 1 }, client);

    await feed(
      rig,
      Array.from({ length: 16 }, (_, at) => aRecord({ key: `k${at}`, version: 1 })),
    );

    expect(rig.deadLetters.sent.map(({ record }) => String(record.key))).toEqual(['k7']);
    expect(rig.told.of('attemptFailed')).toHaveLength(1);
    expect(rig.told.of('applied')).toHaveLength(15);
  });

  it('those of one key by choice, with one inbox record', async () => {
    const rig = aRig({ eventsOfKeyPerTransaction: 10 });

    const { committable } = await feed(rig, versions(1, 2, 3, 4, 5));
    await feed(rig, versions(3, 4, 5, 6));

    expect(rig.client.transactions).toBe(2);
    expect(rig.handled).toEqual([1, 2, 3, 4, 5, 6].map((version) => id(version)));
    expect(committable).toBeDefined();
  });

  it('those of one key one by one when one of them fails, in order', async () => {
    const rig = aRig({
      eventsOfKeyPerTransaction: 10,
      onFailure: 'dead-letter',
      handlers: {
        'order.placed': ({ id: each }) => {
          if (each === id(3)) throw new Error('no');
          return [effectOf(each)];
        },
      },
    });

    await feed(rig, versions(1, 2, 3, 4));

    expect(rig.client.effects()).toEqual([id(1), id(2), id(4)]);
    expect(rig.deadLetters.reasons).toEqual(['handler-failed']);
  });
});

it('a handler of something else gets the same idempotency key each time', async () => {
  const keys: string[] = [];
  const charge = atLeastOnce((_, { idempotencyKey }) => {
    keys.push(idempotencyKey);
    return Promise.resolve();
  });
  const client = new MemoryClient();
  let losses = 1;
  client.beforeWrite = () => {
    if (losses-- > 0) throw unreachable();
  };

  await feed(aRig({ handlers: { 'order.placed': charge }, clock: { now: () => Date.now() } }, client), versions(1));
  await feed(aRig({ name: 'billing', handlers: { 'order.placed': charge } }, client), versions(1));

  expect(keys).toHaveLength(3);
  expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

it('a handler that has changed the data it was given gets them as they were with the next attempt', async () => {
  const totals: number[] = [];
  const refuses = { still: true };
  const rig = aRig({
    attempts: 2,
    handlers: {
      'order.placed': ({ id: event, data }) => {
        totals.push(data.total);
        data.total *= 2;
        if (refuses.still) throw new Error('no stock');
        return [effectOf(event)];
      },
    },
  });
  await feed(rig, versions(1));
  refuses.still = false;
  const [key] = await parkedKeys(rig);
  expect(await rig.consumer.redriveParked(key!)).toEqual({ released: 1, isParked: false });

  expect(totals).toEqual([5, 5, 5]);
});

it('telemetry that fails ends nothing: its errors are warnings of the process', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const applied: string[] = [];
  const rig = aRig();
  const telemetry = {
    ...rig.told.telemetry,
    applied: (event: { id: string }) => {
      applied.push(event.id);
      throw new TypeError('no connection');
    },
    flush: () => Promise.reject(new TypeError('no disk')),
  };
  const { consumer } = aRig({ telemetry }, rig.client);
  await feed({ ...rig, consumer }, versions(1, 2));
  consumer.settings.telemetry.flush();
  await sleep(0);
  const warned = warn.mock.calls.map(([message]) => message);
  warn.mockRestore();

  expect(applied).toEqual([id(1), id(2)]);
  expect(warned).toEqual(['no connection', 'no connection', 'no disk']);
});

it('a replay that no version can read is left out like every other one', async () => {
  const rig = aRig();
  const headers = { [REPLAY_HEADER]: Buffer.from('r1') };
  const { outcomes } = await feed(rig, [aRecord({ version: 1, value: Buffer.from('{'), headers })]);

  expect(outcomes).toEqual(['ignored']);
  expect(rig.deadLetters.sent).toEqual([]);
});
