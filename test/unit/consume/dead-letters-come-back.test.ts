import { setTimeout as sleep } from 'node:timers/promises';
import fc from '../../builders/fast-check';
import { inboxKeyOf, inboxPartitionKey, parkedSortKey, type InboxKey } from '../../../lib/consume/inbox-keys';
import { envelopeOf } from '../../../lib/consume/decode';
import { encodeRecord } from '../../../lib/consume/dynamodb/inbox';
import {
  decodeRequestResult,
  encodeRequest,
  type ConsumerRequestResult,
  type ResendAs,
} from '../../../lib/consume/request';
import type { ConsumedRecord, EventContext, TransactionAction } from '../../../lib/consumer';
import { aRecord, aRig, effectOf, feed, MemoryClient, NOW, unreachable, type Rig } from '../../builders/consume';

const request = { by: 'me', at: NOW, why: 'fixed' };
const never = new AbortController().signal;
const id = (version: number): string => `42:${String(version).padStart(16, '0')}.0000`;
const version = (at: number) => aRecord({ version: at, offset: at });
const withoutVersion = (at: number) => aRecord({ id: id(at), offset: at });
const withoutKey = (at: number) => aRecord({ id: id(at), offset: at, key: null });
const between = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

const everyRecord: [string, typeof version][] = [
  ['with versions', version],
  ['without versions', withoutVersion],
  ['without keys', withoutKey],
];
const everyOrder: [ResendAs, string, typeof version][] = everyRecord.flatMap(([name, record]) =>
  (['parked', 'late'] as const).map((as): [ResendAs, string, typeof version] => [as, name, record]),
);

function keyOf(record: ConsumedRecord): InboxKey {
  const envelope = envelopeOf(record);
  if ('reason' in envelope) throw new Error(envelope.message);
  return inboxKeyOf(envelope);
}

let asked = 0;
/** Writes a resend request as an operator does. */
function ask(client: MemoryClient, record: ConsumedRecord, as: ResendAs): string {
  const one = {
    ...{ id: `request-${String(++asked).padStart(6, '0')}`, asks: 'resend' as const, as, request },
    ...{ key: keyOf(record), resent: `${record.topic}-${record.partition}@${record.offset}` },
  };
  const pk = `shipping#$resend#${one.id}`;
  client.items.set(`inbox|${pk}|message`, { pk, sk: 'message', ...encodeRecord(record), expiresAt: 1 });
  client.items.set(`inbox|shipping#$requests|${one.id}`, encodeRequest('shipping#$requests', one));
  return one.id;
}
function askRedrive(client: MemoryClient, key: InboxKey): void {
  const one = { id: `request-${String(++asked).padStart(6, '0')}`, asks: 'redrive' as const, key, request };
  client.items.set(`inbox|shipping#$requests|${one.id}`, encodeRequest('shipping#$requests', one));
}

const answers = (client: MemoryClient): (ConsumerRequestResult | undefined)[] =>
  [...client.items]
    .filter(([name]) => name.startsWith('inbox|shipping#$answers|'))
    .map(([, item]) => decodeRequestResult(item));
/** The remaining requests, their messages, and the parked items. */
const left = (client: MemoryClient) => ({
  requests: [...client.items.keys()].filter((name) => /^inbox\|shipping#\$(requests|resend)/.test(name)),
  parked: [...client.items.values()].filter(({ sk }) => String(sk).startsWith('parked#')).length,
  keys: [...client.items.values()].filter(({ pk }) => pk === 'shipping#$parked').length,
});
const NOTHING = { requests: [], parked: 0, keys: 0 };

/** Instances of one consumer that sends failed events to its dead letters. */
class Instances {
  readonly client = new MemoryClient();
  readonly refused = new Set<string>();
  readonly contexts: EventContext[] = [];
  readonly options: Parameters<typeof aRig>[0];

  constructor(options: Parameters<typeof aRig>[0] = {}) {
    this.options = options;
  }

  get one(): Rig {
    return aRig(
      {
        onFailure: 'dead-letter',
        handlers: {
          'order.placed': ({ id: each }, context) => {
            if (this.refused.has(each)) throw new Error('no stock');
            this.contexts.push(context);
            return [effectOf(each)];
          },
        },
        ...this.options,
      },
      this.client,
    );
  }

  /** Feeds the events; those in `refused` go to the dead letters. */
  async feed(records: readonly ConsumedRecord[], refused: readonly number[] = []): Promise<readonly ConsumedRecord[]> {
    for (const at of refused) this.refused.add(id(at));
    const rig = this.one;
    await feed(rig, records);
    this.refused.clear();
    return rig.deadLetters.sent.map(({ record }) => record);
  }

  look(): Promise<boolean> {
    return this.one.consumer.requests.poll(never);
  }
}

/** Feeds five events. The second goes to the dead letters. */
async function oneLetter(record: typeof version, options: Parameters<typeof aRig>[0] = {}) {
  const instances = new Instances(options);
  const [letter] = await instances.feed([1, 2, 3, 4, 5].map(record), [2]);
  if (letter === undefined) throw new Error('no dead letter');
  expect(instances.client.effects()).toEqual([1, 3, 4, 5].map(id));
  return { instances, client: instances.client, letter };
}

describe('a dead letter that is sent again', () => {
  it.each(everyOrder)('as %s has its effect, and is answered: %s', async (as, _, record) => {
    const { instances, client, letter } = await oneLetter(record);
    const requestId = ask(client, letter, as);
    const rig = instances.one;

    expect(await rig.consumer.requests.poll(never)).toBe(false);

    expect(client.effects()).toEqual([1, 3, 4, 5, 2].map(id));
    const key = keyOf(letter);
    const answer = { id: requestId, asks: 'resend', key, request, outcome: 'released', at: NOW, released: 1 };
    expect(answers(client)).toEqual([{ ...answer, resent: 'orders-0@2' }]);
    expect(rig.told.of('requestCompleted')).toEqual([[{ ...answer, resent: 'orders-0@2' }]]);
    expect(left(client)).toEqual(NOTHING);
    expect(instances.contexts.at(-1)).toMatchObject({ late: true, receipt: 'orders-0@2' });
  });

  it.each(everyOrder)(
    'as %s has it once, when it is sent again twice and delivered again: %s',
    async (as, _, record) => {
      const { instances, client, letter } = await oneLetter(record);
      ask(client, letter, as);
      ask(client, letter, as);
      await instances.look();
      await instances.feed([letter, { ...letter, offset: 99n }]);
      await instances.feed(between(6, 40).map(record));
      ask(client, letter, as === 'parked' ? 'late' : 'parked');
      await instances.look();

      expect(client.effects()).toEqual([1, 3, 4, 5, 2, ...between(6, 40)].map(id));
      expect(answers(client).map((answer) => answer?.outcome)).toEqual(['released', 'duplicate', 'duplicate']);
      expect(left(client)).toEqual(NOTHING);
    },
  );

  it.each(everyOrder)('as %s leaves a mark that does not expire: %s', async (as, _, record) => {
    const { instances, client, letter } = await oneLetter(record);
    ask(client, letter, as);
    await instances.look();

    const { source, topic, key } = keyOf(letter);
    const marker = client.items.get(`inbox|${inboxPartitionKey('shipping', { source, topic, key })}|event#${id(2)}`);
    expect(marker).toMatchObject({ resend: request });
    expect(marker).not.toHaveProperty('expiresAt');
  });

  it('as parked is applied before the parked events, and before events that arrive meanwhile', async () => {
    const instances = new Instances({ onFailure: 'park-key' });
    instances.refused.add(id(4));
    await feed(instances.one, [1, 3, 4, 5].map(version));
    instances.refused.clear();
    ask(instances.client, version(2), 'parked');

    await instances.look();

    expect(instances.client.effects()).toEqual([1, 3, 2, 4, 5].map(id));
    expect(answers(instances.client)).toMatchObject([{ outcome: 'released', released: 3 }]);
  });

  it.each(everyRecord)('as parked heads its key if it fails again, and later events wait: %s', async (_, record) => {
    const { instances, client, letter } = await oneLetter(record);
    instances.refused.add(id(2));
    ask(client, letter, 'parked');
    await instances.look();
    expect(answers(client)).toMatchObject([{ asks: 'resend', outcome: 'refused', message: 'Error: no stock' }]);
    expect(left(client)).toMatchObject({ requests: [], parked: 1, keys: 1 });

    await instances.feed([6, 7].map(record));
    expect(client.effects()).toEqual([1, 3, 4, 5].map(id));
    askRedrive(client, keyOf(letter));
    await instances.look();

    expect(client.effects()).toEqual([1, 3, 4, 5, 2, 6, 7].map(id));
    expect(left(client)).toEqual(NOTHING);
  });

  it.each(everyRecord)('as late delays nothing if it fails again: %s', async (_, record) => {
    const { instances, client, letter } = await oneLetter(record);
    instances.refused.add(id(2));
    ask(client, letter, 'late');
    await instances.look();
    instances.refused.clear();
    await instances.feed([6].map(record));

    expect(answers(client)).toMatchObject([{ outcome: 'refused', released: 0, message: 'Error: no stock' }]);
    expect(client.effects()).toEqual([1, 3, 4, 5, 6].map(id));
    expect(left(client)).toEqual(NOTHING);
    ask(client, letter, 'late');
    await instances.look();
    expect(client.effects().at(-1)).toBe(id(2));
  });

  it.each(everyRecord)(
    'as late is applied although its key is parked, and changes nothing of it: %s',
    async (_, record) => {
      const instances = new Instances({ onFailure: 'park-key' });
      instances.refused.add(id(4));
      await feed(instances.one, [1, 3, 4, 5].map(record));
      const why = { why: 'Error: no stock' };
      ask(instances.client, record(2), 'late');
      ask(instances.client, record(0), 'late');
      instances.refused.add(id(0));

      await instances.look();

      expect(instances.client.effects()).toEqual([1, 3, 2].map(id));
      expect(answers(instances.client).map((answer) => answer?.outcome)).toEqual(['released', 'refused']);
      expect([...instances.client.items.values()].find(({ pk }) => pk === 'shipping#$parked')).toMatchObject(why);
      expect(left(instances.client)).toMatchObject({ requests: [], parked: 2 });
    },
  );

  it.each(['parked', 'late'] as const)('as %s comes back when the inbox has forgotten it', async (as) => {
    const instances = new Instances();
    // More than the row remembers, then a whole window of newer events.
    const letters = await instances.feed(between(1, 100).map(version), between(1, 80));
    expect(letters).toHaveLength(80);
    for (const letter of letters) ask(instances.client, letter, as);
    await instances.look();
    for (const letter of letters) ask(instances.client, letter, as);
    await instances.look();

    expect(instances.client.effects()).toEqual([...between(81, 100), ...between(1, 80)].map(id));
    expect(
      new Set(
        answers(instances.client)
          .slice(80)
          .map((answer) => answer?.outcome),
      ),
    ).toEqual(new Set(['duplicate']));
  });

  it('has no second effect when its message was delivered again and applied long before', async () => {
    const instances = new Instances();
    const letters = await instances.feed(between(1, 80).map(version), between(1, 80));
    await instances.feed(between(1, 100).map(version));
    expect(instances.client.effects()).toHaveLength(100);
    for (const letter of letters) ask(instances.client, letter, 'late');

    await instances.look();

    expect(instances.client.effects()).toHaveLength(100);
    expect(new Set(answers(instances.client).map((answer) => answer?.outcome))).toEqual(new Set(['duplicate']));
  });

  it.each(['parked', 'late'] as const)('as %s is applied although its marker would have expired', async (as) => {
    const instances = new Instances();
    const old = aRecord({ id: 'old', offset: 7, timestamp: NOW - 90 * 24 * 3600_000 });
    await instances.feed([old]);
    expect(instances.client.effects()).toEqual([]);
    for (const order of [as, 'late', 'parked'] as const) ask(instances.client, old, order);

    await instances.look();

    expect(instances.client.effects()).toEqual(['old']);
  });

  it.each(['parked', 'late'] as const)('as %s stays out when it was discarded', async (as) => {
    const instances = new Instances({ onFailure: 'park-key' });
    instances.refused.add(id(2));
    await feed(instances.one, [1, 2].map(version));
    const position = parkedSortKey({ partition: 0, offset: 2n });
    const skip = { id: 'request-skip', asks: 'skip' as const, key: keyOf(version(2)), request, position };
    instances.client.items.set(`inbox|shipping#$requests|${skip.id}`, encodeRequest('shipping#$requests', skip));
    await instances.look();
    instances.refused.clear();
    ask(instances.client, version(2), as);

    await instances.look();

    expect(instances.client.effects()).toEqual([id(1)]);
    expect(answers(instances.client).at(-1)).toMatchObject({ asks: 'resend', outcome: 'duplicate' });
    expect(left(instances.client)).toEqual(NOTHING);
  });

  it.each([null, Buffer.alloc(0), Buffer.from([123, 0])])(
    'keeps its bytes while it is parked: value %j',
    async (value) => {
      const instances = new Instances();
      const headers = {
        raw: Buffer.from([0, 255, 10]),
        twice: [Buffer.from('a'), Buffer.from('b')],
        none: Buffer.alloc(0),
      };
      const record = {
        ...aRecord({ version: 1, offset: 9, headers, value, type: 'order.placed.v3' }),
        key: Buffer.from('ä'),
      };
      ask(instances.client, record, 'parked');
      await instances.look();

      const parked = [...instances.client.items.values()].find(({ sk }) => String(sk).startsWith('parked#'));
      const kept = encodeRecord(record);
      expect(Object.fromEntries(Object.keys(kept).map((name) => [name, bytes(parked?.[name])]))).toEqual(
        Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, bytes(value)])),
      );
    },
  );

  it('leaves a handler its 97 actions', async () => {
    const many = (each: string) => between(1, 97).map((at) => effectOf(`${each}~${at}`));
    for (const [as, , record] of everyOrder) {
      const instances = new Instances({ handlers: { 'order.placed': ({ id: each }) => many(each) } });
      let most = 0;
      instances.client.beforeWrite = (entries) => void (most = Math.max(most, entries.length));
      ask(instances.client, record(1), as);
      await instances.look();
      expect(instances.client.effects()).toHaveLength(97);
      expect(most).toBeLessThanOrEqual(100);
    }
  });
});

/** The SDK returns binary values as `Uint8Array`, and so does a structured clone. */
const bytes = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : Array.isArray(value) ? value.map(bytes) : value;

describe('a dead letter that cannot be applied', () => {
  const invalidData = () => aRecord({ version: 2, offset: 2, value: Buffer.from('{"total":"5"}') });
  const refusedOnes: [string, ConsumedRecord, Parameters<typeof aRig>[0], RegExp][] = [
    ['bad JSON', aRecord({ version: 2, value: Buffer.from('{') }), {}, /undecodable-data: /],
    ['an unknown type', aRecord({ version: 2, type: 'order.lost' }), {}, /unknown-type: /],
    ['a type that is skipped', aRecord({ version: 2, type: 'order.lost' }), { onUnknownType: 'skip' }, /onUnknownType/],
    [
      'a replay that is ignored',
      aRecord({ version: 2, headers: { 'outbox-replay': Buffer.from('r') } }),
      {},
      /onReplay/,
    ],
  ];
  it.each(refusedOnes)('such as %s is refused with its reason and not parked', async (_, record, options, message) => {
    for (const as of ['parked', 'late'] as const) {
      const instances = new Instances(options);
      ask(instances.client, record, as);
      await instances.look();
      expect(answers(instances.client)).toMatchObject([{ outcome: 'refused', released: 0 }]);
      expect(answers(instances.client)[0]?.message).toMatch(message);
      expect({ ...left(instances.client), effects: instances.client.effects() }).toEqual({ ...NOTHING, effects: [] });
    }
  });

  it('keeps its place if a newer catalogue could read it', async () => {
    const instances = new Instances();
    ask(instances.client, invalidData(), 'parked');
    await instances.look();
    expect(answers(instances.client)).toMatchObject([
      { outcome: 'refused', message: expect.stringContaining('invalid-data') },
    ]);
    expect(left(instances.client)).toMatchObject({ parked: 1, keys: 1 });
    await instances.feed([version(3)]);
    expect(instances.client.effects()).toEqual([]);

    ask(instances.client, invalidData(), 'late');
    await instances.look();
    expect(answers(instances.client)[1]).toMatchObject({ outcome: 'refused', released: 0 });
  });

  it('is refused as parked if the key has no versions and later events would not wait', async () => {
    const { instances, client, letter } = await oneLetter(withoutVersion, { onUnreadable: 'dead-letter' });
    ask(client, letter, 'parked');
    ask(client, letter, 'late');

    await instances.look();

    expect(answers(client)).toMatchObject([
      { outcome: 'refused', message: expect.stringContaining('as late') },
      { outcome: 'released' },
    ]);
    expect(left(client)).toEqual(NOTHING);
    expect(client.effects().at(-1)).toBe(id(2));
  });

  it('takes the place of no other event, after its topic was recreated', async () => {
    const instances = new Instances({ onFailure: 'park-key' });
    instances.refused.add(id(2));
    await feed(instances.one, [1, 2].map(version));
    ask(instances.client, aRecord({ version: 1, id: 'of the old topic', offset: 2 }), 'parked');

    await instances.look();

    expect(answers(instances.client)).toMatchObject([
      { outcome: 'refused', message: expect.stringContaining('orders-0@2') },
    ]);
    instances.refused.clear();
    askRedrive(instances.client, keyOf(version(2)));
    await instances.look();
    expect(instances.client.effects()).toEqual([1, 2].map(id));
  });

  it('is not there when its message has expired', async () => {
    const instances = new Instances();
    const requestId = ask(instances.client, version(1), 'late');
    instances.client.items.delete(`inbox|shipping#$resend#${requestId}|message`);

    await instances.look();

    expect(answers(instances.client)).toMatchObject([{ outcome: 'not-there' }]);
    expect(left(instances.client)).toEqual(NOTHING);
  });

  it('because it does not fit an item next to its notes is refused', async () => {
    const instances = new Instances();
    const large = aRecord({ version: 1, offset: 1, headers: { large: Buffer.alloc(409_100) } });
    ask(instances.client, large, 'parked');

    await instances.look();

    expect(answers(instances.client)).toMatchObject([
      { outcome: 'refused', message: expect.stringContaining('409600') },
    ]);
    expect(left(instances.client)).toEqual(NOTHING);
  });

  it('of another key than the command took it for is refused', async () => {
    const instances = new Instances();
    const requestId = ask(instances.client, version(1), 'parked');
    const name = `inbox|shipping#$requests|${requestId}`;
    instances.client.items.set(name, { ...instances.client.items.get(name), key: '43' });

    await instances.look();

    expect(answers(instances.client)).toMatchObject([
      { outcome: 'refused', message: expect.stringContaining('two different') },
    ]);
    expect(left(instances.client)).toEqual(NOTHING);
  });
});

describe('a process that dies, or gets no answer', () => {
  const faults = (['beforeWrite', 'afterWrite'] as const).flatMap((at) =>
    everyOrder.flatMap(([as, name, record]) => [1, 2, 3, 4].map((write) => ({ at, as, name, record, write }))),
  );
  it.each(faults)(
    '$at $write of a resend as $as leaves the rest to another one: $name',
    async ({ at, as, record, write }) => {
      const { instances, client, letter } = await oneLetter(record);
      ask(client, letter, as);
      let writes = 0;
      client[at] = () => {
        if (++writes >= write) throw unreachable();
      };
      await instances.look();
      client[at] = () => undefined;

      await instances.look();
      await instances.feed([6].map(record));

      expect(client.effects()).toEqual([1, 3, 4, 5, 2, 6].map(id));
      expect(answers(client)).toMatchObject([{ asks: 'resend', outcome: 'released', resent: 'orders-0@2' }]);
      expect(left(client)).toEqual(NOTHING);
    },
  );

  it('waits for the next poll if no time is left', async () => {
    const { instances, client, letter } = await oneLetter(version);
    ask(client, letter, 'late');
    const end = new AbortController();
    end.abort();

    expect(await instances.one.consumer.requests.poll(end.signal)).toBe(true);
    expect(left(client).requests).toHaveLength(2);
  });
});

/** An instance whose handler starts, then waits until the test lets it go on. */
function aFrozen(client: MemoryClient, effect: (id: string) => TransactionAction) {
  const begun = Promise.withResolvers<undefined>();
  const goOn = Promise.withResolvers<undefined>();
  const frozen = aRig(
    {
      handlers: {
        'order.placed': async ({ id: each }) => {
          begun.resolve(undefined);
          await goOn.promise;
          return [effect(each)];
        },
      },
    },
    client,
  );
  return { frozen, begun, goOn };
}

describe('two instances', () => {
  it.each(everyOrder)('that see one resend as %s do it once: %s', async (as, _, record) => {
    for (let round = 0; round < 10; round++) {
      const { instances, client, letter } = await oneLetter(record);
      // Each step of one instance may fall between any two steps of another.
      client.beforeWrite = () => sleep(Math.random() * 3);
      ask(client, letter, as);

      await Promise.all([instances.look(), instances.look(), instances.look()]);

      expect(client.effects()).toEqual([1, 3, 4, 5, 2].map(id));
      expect(answers(client)).toMatchObject([{ asks: 'resend', outcome: 'released' }]);
      expect(left(client)).toEqual(NOTHING);
    }
  });

  it.each(everyOrder)('of which one is frozen in its handler have one effect, as %s: %s', async (as, _, record) => {
    const { instances, client, letter } = await oneLetter(record);
    const { frozen, begun, goOn } = aFrozen(client, (each) => ({
      Put: { TableName: 'effects', Item: { id: `${each} of the frozen one` } },
    }));
    ask(client, letter, as);
    const looking = frozen.consumer.requests.poll(never);
    await begun.promise;
    await instances.look();
    await instances.feed(between(6, 40).map(record));
    goOn.resolve(undefined);
    await looking;

    expect(client.effects()).toEqual([1, 3, 4, 5, 2, ...between(6, 40)].map(id));
    expect(answers(client)).toHaveLength(1);
    expect(left(client)).toEqual(NOTHING);
  });

  it('of which one was refused and the other is frozen agree with the answer', async () => {
    const { instances, client, letter } = await oneLetter(version);
    const { frozen, begun, goOn } = aFrozen(client, effectOf);
    ask(client, letter, 'late');
    const looking = frozen.consumer.requests.poll(never);
    await begun.promise;
    instances.refused.add(id(2));
    await instances.look();
    goOn.resolve(undefined);
    await looking;

    expect(answers(client)).toMatchObject([{ outcome: 'refused' }]);
    expect(client.effects()).toEqual([1, 3, 4, 5].map(id));
  });
});

it('each event has its effect once, whatever is sent again, delivered again, redriven or lost', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('resend' as const),
      letter: fc.nat({ max: 99 }),
      as: fc.constantFrom<ResendAs>('parked', 'late'),
    }),
    fc.record({
      kind: fc.constant('deliver' as const),
      from: fc.nat({ max: 29 }),
      length: fc.integer({ min: 1, max: 30 }),
    }),
    fc.record({ kind: fc.constant('look' as const), instances: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('redrive' as const) }),
  );
  const run = fc.record({
    refused: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
    record: fc.constantFrom(version, withoutVersion),
    fault: fc.record({
      at: fc.constantFrom('beforeWrite' as const, 'afterWrite' as const),
      every: fc.integer({ min: 3, max: 9 }),
    }),
    fixedAfter: fc.nat({ max: 4 }),
    onFailure: fc.constantFrom('dead-letter' as const, 'park-key' as const),
    steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ refused, record, fault, fixedAfter, onFailure, steps }) => {
      let effects = 0;
      const refusing = new Set(refused.map(id));
      const client = new MemoryClient();
      const rig = (failure: typeof onFailure = onFailure) =>
        aRig(
          {
            onFailure: failure,
            retry: { initialDelayMs: 1, maxDelayMs: 1 },
            // The effects have no condition of their own against a second application.
            handlers: {
              'order.placed': ({ id: each }) => {
                if (refusing.has(each)) throw new Error('no stock');
                return [{ Put: { TableName: 'effects', Item: { id: `${each}~${++effects}` } } }];
              },
            },
          },
          client,
        );
      const first = rig('dead-letter');
      await feed(first, between(1, 30).map(record));
      const letters = first.deadLetters.sent.map(({ record: letter }) => letter);
      let writes = 0;
      const settle = async (): Promise<void> => {
        client[fault.at] = () => undefined;
        askRedrive(client, keyOf(record(1)));
        // After an outage, an instance's gate stays closed for a while. A new instance has seen no outage.
        await rig().consumer.requests.poll(never);
      };
      for (const [at, each] of steps.entries()) {
        if (at === fixedAfter) refusing.clear();
        if (each.kind === 'deliver') {
          // Deliveries would wait for the end of an outage.
          client[fault.at] = () => undefined;
          await feed(rig(), between(each.from + 1, Math.min(30, each.from + each.length)).map(record));
          continue;
        }
        client[fault.at] = () => {
          if (++writes % fault.every === 0) throw unreachable();
        };
        if (each.kind === 'resend') ask(client, letters[each.letter % letters.length] ?? record(1), each.as);
        else if (each.kind === 'redrive') askRedrive(client, keyOf(record(1)));
        else await Promise.all(between(1, each.instances).map(() => rig().consumer.requests.poll(never)));
      }
      refusing.clear();
      await settle();
      for (const letter of letters) ask(client, letter, 'parked');
      await settle();

      const seen = client.effects().map((effect) => effect.split('~')[0]);
      expect(seen.toSorted()).toEqual(between(1, 30).map(id).toSorted());
      expect(left(client)).toEqual(NOTHING);
    }),
    { numRuns: 150 },
  );
}, 120_000);
