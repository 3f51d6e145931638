import { z } from 'zod';
import { createConsumer, defineEvents, type ConsumerOptions, type InboxKey } from '../../../lib/consumer';
import { UNREADABLE_WINDOW_MS } from '../../../lib/consume/unreadable-limit';
import {
  aRecord,
  aRig,
  effectOf,
  feed,
  MemoryClient,
  NOW,
  TelemetryRecorder,
  MemoryDeadLetters,
} from '../../builders/consume';

const newer = defineEvents({
  'order.placed': {
    topic: 'orders',
    version: 2,
    schema: z.object({ amount: z.number() }),
    upcasters: { 1: ({ total }: { total: number }) => ({ amount: total }) },
  },
});
const versionTwo = (version: number, key = '42') =>
  aRecord({ key, version, type: 'order.placed.v2', value: Buffer.from('{"amount":5}') });
const versionOne = (version: number, key = '42') => aRecord({ key, version });
const keyOf = (key: string): InboxKey => ({ source: '/shop/order', topic: 'orders', key });
const id = (version: number, key = '42') => `${key}:${String(version).padStart(16, '0')}.0000`;

/** The consumer after a deployment that reads the newer version. */
const deployed = (client: MemoryClient) => {
  const told = new TelemetryRecorder();
  const consumer = createConsumer({
    name: 'shipping',
    tableName: 'inbox',
    client,
    events: newer,
    handlers: { 'order.placed': (event) => [effectOf(event.id)] },
    telemetry: told.telemetry,
    clock: { now: () => NOW },
  });
  return { consumer, told, client, deadLetters: new MemoryDeadLetters() };
};

describe('an event that a newer version of the consumer can read', () => {
  it.each(['park-key', 'block', 'dead-letter'] as const)(
    'keeps its place in the order of its key, whatever onFailure says: %s',
    async (onFailure) => {
      const rig = aRig({ onFailure });
      await feed(rig, [versionOne(1), versionTwo(2), versionOne(3), versionOne(1, 'other')]);

      expect(rig.client.effects()).toEqual([id(1), id(1, 'other')]);
      expect(rig.deadLetters.sent).toEqual([]);
      expect(rig.told.of('parked').map(([, why]) => String(why).split(':')[0])).toEqual([
        'newer-version',
        'An earlier event of the key is parked.',
      ]);

      const after = deployed(rig.client);
      expect(await after.consumer.redriveParked(keyOf('42'))).toEqual({ released: 2, isParked: false });
      expect(rig.client.effects()).toEqual([id(1), id(1, 'other'), id(2), id(3)]);
    },
  );

  it.each([
    [
      'no-upcaster',
      { 'order.placed': { topic: 'orders', version: 3, schema: z.object({}), upcasters: { 2: (d: unknown) => d } } },
    ],
    [
      'upcaster-failed',
      {
        'order.placed': {
          topic: 'orders',
          version: 2,
          schema: z.object({}),
          upcasters: {
            1: () => {
              throw new Error('no');
            },
          },
        },
      },
    ],
    ['invalid-data', { 'order.placed': { topic: 'orders', schema: z.object({ currency: z.string() }) } }],
  ])('is parked: %s', async (reason, definitions) => {
    const rig = aRig({ events: defineEvents(definitions as never), onFailure: 'dead-letter' });
    await feed(rig, [versionOne(1)]);

    expect(rig.told.of('parked').map(([, why]) => String(why).split(':')[0])).toEqual([reason]);
  });

  it('without a version in its key is parked too, and so are the later ones', async () => {
    const rig = aRig({ onFailure: 'dead-letter' });
    await feed(rig, [aRecord({ id: 'a', type: 'order.placed.v2' }), aRecord({ id: 'b' })]);
    // Another process, which has not read the row.
    await feed(aRig({ onFailure: 'dead-letter' }, rig.client), [aRecord({ id: 'c' })]);

    expect(rig.client.effects()).toEqual([]);
    await deployed(rig.client).consumer.redriveParked(keyOf('42'));
    expect(rig.client.effects()).toEqual([]);
    expect([...rig.client.items.values()].filter(({ sk }) => String(sk).startsWith('parked#'))).toHaveLength(3);
  });

  it('still unreadable at a redrive reports the reason, and is no failure of a dead letter', async () => {
    const rig = aRig();
    await feed(rig, [versionTwo(1), versionOne(2)]);
    const redriven = await rig.consumer.redriveParked(keyOf('42'));

    expect(redriven).toMatchObject({ released: 0, isParked: true });
    expect(redriven.failure).toMatch(/^OutboxError: newer-version: It is version 2 of "order.placed"/);
    expect(rig.told.of('deadLetterFailed')).toEqual([]);
    expect(rig.told.of('deadLettered')).toEqual([]);
  });

  it('that was applied before is a duplicate, and parks nothing', async () => {
    const rig = deployed(new MemoryClient());
    await feed(rig, [versionTwo(1)]);
    const older = aRig({}, rig.client);
    await feed(older, [versionTwo(1), versionOne(2)]);

    expect(older.told.of('parked')).toEqual([]);
    expect(older.client.effects()).toEqual([id(1), id(2)]);
  });

  it('blocks its key by choice', async () => {
    const end = new AbortController();
    const rig = aRig({ onUnreadable: 'block' });
    const records = [versionTwo(1), versionOne(2), versionOne(1, 'other')];
    const fed = feed(rig, records, { signal: end.signal });
    while (rig.client.effects().length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    end.abort();

    expect((await fed).outcomes.toSorted()).toEqual(['applied', 'unsettled', 'unsettled']);
    expect(rig.client.effects()).toEqual([id(1, 'other')]);
    expect(rig.told.of('attemptFailed').map(([, , error]) => (error as { code?: string }).code)).toEqual([
      'unreadable-event',
    ]);
  });

  it('goes to the dead letters by choice, and may come back by them', async () => {
    const rig = aRig({ onUnreadable: 'dead-letter' });
    await feed(rig, [versionTwo(1), versionOne(2)]);

    expect(rig.deadLetters.reasons).toEqual(['newer-version']);
    expect(rig.client.effects()).toEqual([id(2)]);
  });
});

describe('the breaker for unreadable events', () => {
  const maxKeys = 100;
  const keys = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => versionTwo(1, `k${from + at}`));
  const parked = (client: MemoryClient) =>
    [...client.items.values()].filter(({ sk }) => String(sk).startsWith('parked#')).length;
  const consumer = (client: MemoryClient, now: () => number, options: Partial<ConsumerOptions> = {}) =>
    aRig({ clock: { now }, ...(options as object) }, client);

  it('parks no more keys than allowed, over all instances, and reports that once; readable keys continue', async () => {
    const client = new MemoryClient();
    const first = consumer(client, () => NOW);
    const second = consumer(client, () => NOW);
    await feed(first, keys(0, maxKeys - 10), { whenBlocked: 'leave' });
    const { outcomes } = await feed(second, [...keys(1_000, 30), versionOne(1, 'readable')], {
      whenBlocked: 'leave',
    });

    expect(parked(client)).toBe(maxKeys);
    expect(outcomes.filter((outcome) => outcome === 'unsettled')).toHaveLength(20);
    expect(client.effects()).toEqual([id(1, 'readable')]);
    expect(second.told.of('outage').map(([error]) => (error as Error).name)).toEqual(['TooManyUnreadableKeys']);
  });

  it('counts keys and not events: events behind a parked event are parked', async () => {
    const client = new MemoryClient();
    const rig = consumer(client, () => NOW);
    await feed(rig, keys(0, maxKeys), { whenBlocked: 'leave' });
    await feed(rig, [versionTwo(2, 'k0'), versionOne(3, 'k0')], { whenBlocked: 'leave' });

    expect(parked(client)).toBe(maxKeys + 2);
  });

  it('is not held open by an instance whose clock was ahead', async () => {
    const client = new MemoryClient();
    await feed(
      consumer(client, () => NOW + 24 * 3600_000),
      keys(0, 1),
      { whenBlocked: 'leave' },
    );
    await feed(
      consumer(client, () => NOW),
      keys(1_000, maxKeys),
      { whenBlocked: 'leave' },
    );

    expect(parked(client)).toBe(maxKeys + 1);
  });

  it('parks again when its window has passed', async () => {
    const client = new MemoryClient();
    let now = NOW;
    const rig = consumer(client, () => now);
    await feed(rig, keys(0, maxKeys + 1), { whenBlocked: 'leave' });
    now += UNREADABLE_WINDOW_MS;
    await feed(rig, keys(1_000, 1), { whenBlocked: 'leave' });

    expect(parked(client)).toBe(maxKeys + 1);
    expect(rig.told.of('outageOver')).toHaveLength(1);
  });
});

describe('a message that no item can hold', () => {
  const large = (version: number, key = '42') =>
    aRecord({ key, version, value: Buffer.from(JSON.stringify({ total: 1, x: 'y'.repeat(420_000) })) });

  it('goes to the dead letters with its reason, and nothing is blocked', async () => {
    const rig = aRig({
      attempts: 1,
      handlers: {
        'order.placed': ({ id: each }, { key }) => {
          if (key === '42') throw new Error('no stock');
          return [effectOf(each)];
        },
      },
    });
    const { outcomes } = await feed(rig, [large(1), versionOne(1, 'other')]);

    expect(outcomes.toSorted()).toEqual(['applied', 'dead-lettered']);
    expect(rig.deadLetters.sent[0]?.aside).toMatchObject({
      reason: 'too-large-to-park',
      message: expect.stringMatching(
        /takes 42\d{4} bytes as an item, DynamoDB allows 409600.*Error: no stock/,
      ) as string,
    });
  });

  it('behind a parked event goes there as well, and its key stays in order', async () => {
    let isBroken = true;
    const rig = aRig({
      attempts: 1,
      handlers: {
        'order.placed': ({ id: each }) => {
          if (isBroken) throw new Error('no stock');
          return [effectOf(each)];
        },
      },
    });
    await feed(rig, [versionOne(1), large(2), versionOne(3)]);
    isBroken = false;
    await rig.consumer.redriveParked(keyOf('42'));

    expect(rig.deadLetters.reasons).toEqual(['too-large-to-park']);
    expect(rig.client.effects()).toEqual([id(1), id(3)]);
    expect(rig.told.of('gap')).toEqual([]);
  });
});

it('a replay that goes to the dead letters does not bring its applied original back', async () => {
  let isBroken = false;
  const rig = aRig({
    attempts: 1,
    onReplay: 'apply',
    onFailure: 'dead-letter',
    handlers: {
      'order.placed': ({ id: each }) => {
        if (isBroken) throw new Error('no stock');
        return [effectOf(each)];
      },
    },
  });
  await feed(rig, [versionOne(1)]);
  isBroken = true;
  await feed(rig, [aRecord({ version: 1, headers: { 'outbox-replay': Buffer.from('r1') } })]);
  isBroken = false;
  for (let version = 2; version < 20; version++) await feed(rig, [versionOne(version)]);

  expect((await feed(rig, [versionOne(1)])).outcomes).toEqual(['duplicate']);
});
