import { setTimeout as sleep } from 'node:timers/promises';
import { inboxPartitionKey, parkedSortKey } from '../../../lib/consume/inbox-keys';
import {
  decodeRequestResult,
  encodeRequest,
  type ConsumerRequestResult,
  type ConsumerRequest,
} from '../../../lib/consume/request';
import { aRecord, aRig, effectOf, feed, MemoryClient, NOW, unreachable, type Rig } from '../../builders/consume';

const KEY = { source: '/shop/order', topic: 'orders', key: '42' };
const request = { by: 'me', at: NOW, why: 'fixed' };
const never = new AbortController().signal;
const id = (version: number): string => `42:${String(version).padStart(16, '0')}.0000`;
const version = (at: number) => aRecord({ version: at, offset: at });
const withoutVersion = (at: number) => aRecord({ id: id(at), offset: at });
const at = (offset: number): string => parkedSortKey({ partition: 0, offset: BigInt(offset) });

let asked = 0;
function ask(client: MemoryClient, what: { asks: 'redrive' } | { asks: 'skip'; position: string }): string {
  const one: ConsumerRequest = { id: `request-${++asked}`, key: KEY, request, ...what };
  client.items.set(`inbox|shipping#$requests|${one.id}`, encodeRequest('shipping#$requests', one));
  return one.id;
}
const requests = (client: MemoryClient): string[] =>
  [...client.items.keys()].filter((name) => name.startsWith('inbox|shipping#$requests|'));
const answers = (client: MemoryClient): (ConsumerRequestResult | undefined)[] =>
  [...client.items]
    .filter(([name]) => name.startsWith('inbox|shipping#$answers|'))
    .map(([, item]) => decodeRequestResult(item));
const parkedKey = (client: MemoryClient): Record<string, unknown> | undefined =>
  [...client.items.values()].find(({ pk }) => pk === 'shipping#$parked');
const parked = (client: MemoryClient): number =>
  [...client.items.values()].filter(({ sk }) => String(sk).startsWith('parked#')).length;

/** Instances of one consumer. Its handler refuses one event until it is fixed. */
class Instances {
  readonly client = new MemoryClient();
  isFixed = false;
  refused = id(2);
  readonly options: Parameters<typeof aRig>[0];

  constructor(options: Parameters<typeof aRig>[0] = {}) {
    this.options = options;
  }

  get one(): Rig {
    return aRig(
      {
        handlers: {
          'order.placed': ({ id: each }) => {
            if (each === this.refused && !this.isFixed) throw new Error('no stock');
            return [effectOf(each)];
          },
        },
        ...this.options,
      },
      this.client,
    );
  }
}

/** Feeds five events. The second is parked, and so are those behind it. */
async function parking(options: Parameters<typeof aRig>[0] = {}, record = version): Promise<Instances> {
  const instances = new Instances(options);
  await feed(instances.one, [1, 2, 3, 4, 5].map(record));
  expect(instances.client.effects()).toEqual([id(1)]);
  return instances;
}

const everyRecord: [string, typeof version][] = [
  ['with versions', version],
  ['without versions', withoutVersion],
];

describe('a redrive', () => {
  it.each(everyRecord)('applies the parked events in order, and stores its result: keys %s', async (_, record) => {
    const instances = await parking({}, record);
    instances.isFixed = true;
    const requestId = ask(instances.client, { asks: 'redrive' });
    const rig = instances.one;

    expect(await rig.consumer.requests.poll(never)).toBe(false);

    expect(instances.client.effects()).toEqual([1, 2, 3, 4, 5].map(id));
    expect(requests(instances.client)).toEqual([]);
    const answer = { id: requestId, asks: 'redrive', key: KEY, request, outcome: 'released', at: NOW, released: 4 };
    expect(answers(instances.client)).toEqual([answer]);
    expect(rig.told.of('requestCompleted')).toEqual([[answer]]);
    expect(parkedKey(instances.client)).toBeUndefined();
  });

  it('of a key that fails again stores the reason, also with the key', async () => {
    const instances = await parking();
    expect(parkedKey(instances.client)).toMatchObject({ why: 'Error: no stock', since: NOW });
    instances.isFixed = true;
    instances.refused = '';
    const failing = aRig(
      {
        handlers: {
          'order.placed': ({ id: each }) => {
            if (each === id(4)) throw new Error('no address');
            return [effectOf(each)];
          },
        },
      },
      instances.client,
    );
    ask(instances.client, { asks: 'redrive' });

    expect(await failing.consumer.requests.poll(never)).toBe(false);

    expect(instances.client.effects()).toEqual([1, 2, 3].map(id));
    expect(answers(instances.client)).toMatchObject([
      { outcome: 'refused', released: 2, message: 'Error: no address' },
    ]);
    expect(parkedKey(instances.client)).toMatchObject({ why: 'Error: no address', since: NOW });
  });

  it('waits for the end of an outage', async () => {
    const instances = await parking();
    instances.isFixed = true;
    ask(instances.client, { asks: 'redrive' });
    instances.client.beforeWrite = () => {
      throw unreachable();
    };

    expect(await instances.one.consumer.requests.poll(never)).toBe(true);

    expect(requests(instances.client)).toHaveLength(1);
    instances.client.beforeWrite = () => undefined;
    expect(await instances.one.consumer.requests.poll(never)).toBe(false);
    expect(instances.client.effects()).toHaveLength(5);
  });

  it('that cannot be read is reported, and the next poll reads it', async () => {
    const instances = await parking();
    const rig = instances.one;
    instances.client.beforeRead = () => {
      throw unreachable();
    };

    expect(await rig.consumer.requests.poll(never)).toBe(true);
    expect(rig.told.of('requestFailed')).toHaveLength(1);
  });

  it('is left to the next poll if no time is left', async () => {
    const instances = await parking();
    instances.isFixed = true;
    ask(instances.client, { asks: 'redrive' });
    const end = new AbortController();
    instances.client.afterWrite = () => end.abort();

    expect(await instances.one.consumer.requests.poll(end.signal)).toBe(true);

    expect(instances.client.effects()).toEqual([1, 2].map(id));
    expect(requests(instances.client)).toHaveLength(1);
  });

  it('of an unknown kind is reported and does not stop other requests', async () => {
    const instances = await parking();
    instances.isFixed = true;
    instances.client.items.set('inbox|shipping#$requests|a', { pk: 'shipping#$requests', sk: 'a', asks: 'dance' });
    ask(instances.client, { asks: 'redrive' });
    const rig = instances.one;

    await rig.consumer.requests.poll(never);

    expect(rig.told.of('requestFailed')).toHaveLength(1);
    expect(instances.client.effects()).toHaveLength(5);
  });
});

describe('a process that dies', () => {
  it.each([1, 2, 3, 4, 5, 6])('before write %i of a redrive leaves the rest to another one', async (last) => {
    const instances = await parking();
    instances.isFixed = true;
    ask(instances.client, { asks: 'redrive' });
    let writes = 0;
    instances.client.beforeWrite = () => {
      if (++writes >= last) throw unreachable();
    };
    await instances.one.consumer.requests.poll(never);
    instances.client.beforeWrite = () => undefined;
    expect(requests(instances.client)).toHaveLength(1);

    await instances.one.consumer.requests.poll(never);

    expect(instances.client.effects()).toEqual([1, 2, 3, 4, 5].map(id));
    expect(answers(instances.client)).toMatchObject([{ outcome: 'released' }]);
    expect(requests(instances.client)).toEqual([]);
    await feed(instances.one, [version(6)]);
    expect(instances.client.effects().at(-1)).toBe(id(6));
  });

  it.each([1, 2, 3, 4, 5, 6])('after write %i of a skip, without its answer, discards one message', async (last) => {
    const instances = await parking();
    ask(instances.client, { asks: 'skip', position: at(2) });
    let writes = 0;
    instances.client.afterWrite = () => {
      if (++writes >= last) throw unreachable();
    };
    await instances.one.consumer.requests.poll(never);
    instances.client.afterWrite = () => undefined;

    await instances.one.consumer.requests.poll(never);

    expect(instances.client.effects()).toEqual([1, 3, 4, 5].map(id));
    expect(answers(instances.client)).toMatchObject([{ asks: 'skip', outcome: 'released' }]);
    expect(requests(instances.client)).toEqual([]);
    expect(parkedKey(instances.client)).toBeUndefined();
  });
});

describe('a skip', () => {
  it.each(everyRecord)(
    "discards the first event with the operator's note, and applies the rest: keys %s",
    async (_, record) => {
      const instances = await parking({}, record);
      ask(instances.client, { asks: 'skip', position: at(2) });
      const rig = instances.one;

      expect(await rig.consumer.requests.poll(never)).toBe(false);

      expect(instances.client.effects()).toEqual([1, 3, 4, 5].map(id));
      expect(answers(instances.client)).toMatchObject([{ asks: 'skip', outcome: 'released', released: 3 }]);
      const marker = instances.client.items.get(`inbox|${inboxPartitionKey('shipping', KEY)}|event#${id(2)}`);
      expect(marker).toMatchObject({ topic: 'orders', partition: 0, offset: '2', why: 'Error: no stock' });
      expect(marker).toMatchObject({ discarded: request });
      // The marker that keeps the event out must never expire.
      expect(marker).not.toHaveProperty('expiresAt');
    },
  );

  it.each(everyRecord)('holds when the event comes again, wherever it lies then: keys %s', async (_, record) => {
    const instances = await parking({}, record);
    ask(instances.client, { asks: 'skip', position: at(2) });
    await instances.one.consumer.requests.poll(never);
    instances.isFixed = true;
    const rig = instances.one;

    await feed(rig, [record(2), { ...record(2), offset: 99n }]);

    expect(instances.client.effects()).toEqual([1, 3, 4, 5].map(id));
    expect(rig.told.of('duplicateIgnored')).toHaveLength(2);
    expect(rig.told.of('late')).toEqual([]);
  });

  it.each([1, 16])(
    'holds when nothing came after it, with %i events of a key at once',
    async (eventsOfKeyPerTransaction) => {
      const instances = new Instances({ eventsOfKeyPerTransaction, onGap: 'block', gapTimeoutMs: 5_000 });
      await feed(instances.one, [1, 2].map(version));
      ask(instances.client, { asks: 'skip', position: at(2) });
      await instances.one.consumer.requests.poll(never);
      instances.isFixed = true;
      const rig = instances.one;

      await feed(rig, [2, 3, 4].map(version));

      expect(instances.client.effects()).toEqual([1, 3, 4].map(id));
      expect(rig.told.of('gap')).toEqual([]);
    },
  );

  it('lets an event come back by a replay', async () => {
    const instances = await parking({ onReplay: 'apply' });
    ask(instances.client, { asks: 'skip', position: at(2) });
    await instances.one.consumer.requests.poll(never);
    instances.isFixed = true;

    await feed(instances.one, [aRecord({ version: 2, headers: { 'outbox-replay': Buffer.from('r') } })]);

    expect(instances.client.effects()).toContain(id(2));
  });

  it.each(everyRecord)(
    'of a replay discards that replay alone, neither the event nor another replay: %s',
    async (_, record) => {
      const instances = new Instances({ onReplay: 'apply' });
      const replay = (name: string, offset: number) => ({
        ...record(2),
        offset: BigInt(offset),
        headers: { ...record(2).headers, 'outbox-replay': Buffer.from(name) },
      });
      await feed(instances.one, [replay('r1', 2)]);
      ask(instances.client, { asks: 'skip', position: at(2) });
      await instances.one.consumer.requests.poll(never);
      instances.isFixed = true;

      expect((await feed(instances.one, [replay('r1', 9)])).outcomes).toEqual(['duplicate']);
      expect(instances.client.effects()).toEqual([]);
      expect((await feed(instances.one, [record(2)])).outcomes).toEqual(['applied']);
    },
  );

  it('of a message that is not the first does nothing, and its result is not-there', async () => {
    const instances = await parking();
    ask(instances.client, { asks: 'skip', position: at(3) });

    await instances.one.consumer.requests.poll(never);

    expect(answers(instances.client)).toMatchObject([{ outcome: 'not-there', released: 0 }]);
    expect({ parked: parked(instances.client), effects: instances.client.effects() }).toEqual({
      parked: 4,
      effects: [id(1)],
    });
  });

  it('that is asked for twice discards one message', async () => {
    const instances = await parking();
    ask(instances.client, { asks: 'skip', position: at(2) });
    ask(instances.client, { asks: 'skip', position: at(2) });

    await instances.one.consumer.requests.poll(never);

    expect(answers(instances.client)).toMatchObject([{ outcome: 'released' }, { outcome: 'not-there' }]);
    expect(instances.client.effects()).toEqual([1, 3, 4, 5].map(id));
  });

  it('of an event that was applied meanwhile is no discard', async () => {
    const instances = await parking();
    instances.isFixed = true;
    const head = { ...instances.client.items.get(`inbox|${inboxPartitionKey('shipping', KEY)}|${at(2)}`) };
    const client = instances.client;
    await instances.one.consumer.redriveParked(KEY);
    instances.isFixed = false;
    instances.refused = id(6);
    await feed(instances.one, [version(6)]);
    // A duplicate that was parked before its first delivery was applied.
    client.items.set(`inbox|${String(head['pk'])}|${at(2)}`, head);
    ask(client, { asks: 'skip', position: at(2) });

    await instances.one.consumer.requests.poll(never);

    expect([...client.items.values()].filter((item) => 'discarded' in item)).toEqual([]);
    expect(answers(client)).toMatchObject([{ outcome: 'refused' }]);
  });

  it.each(everyRecord)('while a redrive is applying the message is not undone by it: keys %s', async (_, record) => {
    const instances = await parking({}, record);
    const begun = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    const slow = aRig(
      {
        handlers: {
          'order.placed': async ({ id: each }) => {
            if (each === id(2)) {
              begun.resolve(undefined);
              await goOn.promise;
            }
            return [effectOf(each)];
          },
        },
      },
      instances.client,
    );
    const redriving = slow.consumer.redriveParked(KEY);
    await begun.promise;
    ask(instances.client, { asks: 'skip', position: at(2) });
    await instances.one.consumer.requests.poll(never);
    goOn.resolve(undefined);

    expect(await redriving).toEqual({ released: 0, isParked: false });
    expect(instances.client.effects()).toEqual([1, 3, 4, 5].map(id));
  });
});

describe('two instances', () => {
  it.each([
    ['redrive', { asks: 'redrive' }, [1, 2, 3, 4, 5]],
    ['skip', { asks: 'skip', position: at(2) }, [1, 3, 4, 5]],
  ] as const)('that read one %s carry it out once', async (_, what, applied) => {
    for (let round = 0; round < 20; round++) {
      const instances = await parking();
      instances.isFixed = what.asks === 'redrive';
      // Each step of one instance may fall between any two steps of another.
      instances.client.beforeWrite = () => sleep(Math.random() * 3);
      ask(instances.client, what);

      await Promise.all([1, 2, 3].map(() => instances.one.consumer.requests.poll(never)));

      expect(instances.client.effects()).toEqual(applied.map(id));
      expect(answers(instances.client)).toMatchObject([{ asks: what.asks, outcome: 'released' }]);
      expect({ requests: requests(instances.client), parked: parked(instances.client) }).toEqual({
        requests: [],
        parked: 0,
      });
    }
  });
});

it('a poll that finds nothing is one eventually consistent Query', async () => {
  const rig = aRig();
  const queries: unknown[] = [];
  const query = rig.client.query.bind(rig.client);
  rig.client.query = (input) => {
    queries.push(input);
    return query(input);
  };
  rig.client.get = () => Promise.reject(new Error('no other read'));

  expect(await rig.consumer.requests.poll(never)).toBe(false);

  expect(queries).toEqual([
    expect.objectContaining({ ConsistentRead: false, ExpressionAttributeValues: { ':pk': 'shipping#$requests' } }),
  ]);
});
