import {
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { holdKey } from '../../../lib/event/control';
import { encodeItem } from '../../../lib/event/item';
import { positionOfVersion as at } from '../../../lib/event/position';
import { newSignal } from '../../../lib/event/signal';
import { held } from '../../../lib/operate/held';
import { planRedrive, redrive, type RedriveOptions } from '../../../lib/operate/redrive';
import { planRestore, restore } from '../../../lib/operate/restore';
import { show } from '../../../lib/operate/show';
import { verifyAgainst } from '../../../lib/operate/verify/verify';
import { controlStore } from '../../../lib/relay/dynamodb/control';
import { putSignal } from '../../../lib/relay/dynamodb/signals';
import { memoryClient } from '../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../lib/testing/dynamodb/memory-dynamodb';
import { MemoryRelay } from '../../../lib/testing/memory-relay';
import { anItem } from '../../builders/items';
import { FakeKafka } from '../../builders/relay-ports';

type Stored = Record<string, AttributeValue>;
const KEY = 'order#42';
const request = { by: 'me', at: 1_800_000_000_000, why: 'the topic exists now' };

/** Version 2 is refused until the test empties `refuses`. */
function aWorld() {
  const clock = { now: Date.now };
  const schema = { pk: 'S', sk: 'S' } as const;
  const db = new MemoryDynamoDb({ outbox: schema, restored: schema }, Date.now);
  const client = memoryClient(db, 'eu-central-1', (error) => {
    throw error;
  });
  const kafka = new FakeKafka();
  const refused = new Set(['id-order-42-2']);
  kafka.refuse = ({ messages }) =>
    messages.some(({ headers }) => refused.has(headers['ce_id'] ?? ''))
      ? { kind: 'poison', reason: 'message-refused', message: 'no' }
      : undefined;
  const relay = new MemoryRelay({ client, tableName: 'outbox', publisher: kafka, order: 'relaxed', clock });
  db.onInsert = (insert) => relay.insert(insert);
  const target = { client, tableName: 'outbox' };
  const put = (Item: Stored, TableName = 'outbox') => client.send(new PutItemCommand({ TableName, Item }));
  const Key = marshall({ pk: KEY, sk: at(2) });
  const itemOf = async (version: number): Promise<Stored | undefined> =>
    (await client.send(new GetItemCommand({ TableName: 'outbox', Key: marshall({ pk: KEY, sk: at(version) }) }))).Item;
  return {
    ...{ client, kafka, relay, target, put, itemOf, refused },
    ids: () => kafka.log.map(({ id }) => id.replace('id-order-42-', '')),
    hold: async () => (await controlStore({ client, tableName: 'outbox' }, clock).read()).holds.get(KEY),
    remove: async (): Promise<Stored> => {
      const copy = await itemOf(2);
      await client.send(new DeleteItemCommand({ TableName: 'outbox', Key }));
      return copy ?? {};
    },
    /** Sends the signal directly to the relay, even if the operator's tools would refuse it. */
    drain: async () => {
      const signal = newSignal(KEY, Date.now(), { kind: 'drain' as const, from: at(2), request });
      await putSignal(client, 'outbox', signal);
      await relay.run();
    },
    redrive: async (options: RedriveOptions = {}) => {
      const report = await redrive(target, await planRedrive(target, { keys: [KEY] }), request, options);
      await relay.run();
      return report;
    },
  };
}

const item = (version: number, change: Partial<Parameters<typeof anItem>[0]> = {}): Stored =>
  marshall(encodeItem(anItem({ version, committedAt: Date.now(), ...change })));

/** Items 1 to 3 are committed, 2 is parked and then deleted by hand; the cause of the refusal is fixed. */
async function aWorldWithout2() {
  const world = aWorld();
  for (const version of [1, 2, 3]) await world.put(item(version));
  await world.relay.run();
  expect(await world.hold()).toMatchObject({ position: at(2), id: 'id-order-42-2', state: 'holding' });
  const copy = await world.remove();
  world.refused.clear();
  return { ...world, copy };
}

const GONE = { pk: KEY, position: at(2), id: 'id-order-42-2', isReplaced: false };

it('is named by held and show', async () => {
  const { target } = await aWorldWithout2();

  expect(await held(target)).toMatchObject([{ pk: KEY, gone: GONE }]);
  expect(await show(target, KEY)).toMatchObject({ gone: GONE });
});

it('a key whose item is there is not named', async () => {
  const { put, relay, target } = aWorld();
  for (const version of [1, 2, 3]) await put(item(version));
  await relay.run();

  expect((await held(target))[0]).toMatchObject({ pk: KEY, gone: undefined });
  expect(await show(target, KEY)).not.toHaveProperty('gone');
});

it.each<[string, RedriveOptions]>([
  ['a redrive', {}],
  ['a skip that does not name the position', { skip: true }],
])('%s is refused, and names the ways on', async (_, options) => {
  const { redrive: ask, ids, hold } = await aWorldWithout2();

  const { asked, failed } = await ask(options);

  expect(asked).toEqual([]);
  expect(failed).toEqual([
    {
      pk: KEY,
      why: expect.stringMatching(
        /item at 2 is gone.*outbox restore "order#42" 2.*outbox skip "order#42" --at 2/,
      ) as unknown,
    },
  ]);
  expect(ids()).toEqual(['1']);
  expect(await hold()).toBeDefined();
});

it('the relay does not release the key, whoever asks it to, and says so on the hold', async () => {
  const { drain, ids, hold } = await aWorldWithout2();

  await drain();
  await drain();

  expect(ids()).toEqual(['1']);
  expect(await hold()).toMatchObject({
    position: at(2),
    id: 'id-order-42-2',
    state: 'holding',
    reason: 'item-gone',
    message: expect.stringContaining('The item at 2 is gone (event id-order-42-2)') as unknown,
    refused: { reason: 'message-refused', message: 'no' },
  });
});

it('a hold that names no item is kept for its position', async () => {
  const { client, drain, ids, hold, target } = await aWorldWithout2();
  await client.send(
    new UpdateItemCommand({
      TableName: 'outbox',
      Key: marshall(holdKey(KEY, undefined)),
      UpdateExpression: 'REMOVE id',
    }),
  );
  expect(await held(target)).toMatchObject([{ gone: { position: at(2) } }]);

  await drain();

  expect(ids()).toEqual(['1']);
  expect(await hold()).toMatchObject({ reason: 'item-gone' });
});

it('restored from the stream, it is parked again for its first reason, before and after a redrive of the gap', async () => {
  for (const isAsked of [false, true]) {
    const { copy, target, itemOf, drain, hold } = await aWorldWithout2();
    if (isAsked) await drain();
    if (isAsked) await drain();
    expect((await held(target))[0]?.gone).toMatchObject({ refusal: { reason: 'message-refused', message: 'no' } });
    const { parked: _, ...asInserted } = copy;
    const before = await hold();

    await restore(target, await planRestore(target, KEY, '2', { json: JSON.stringify(asInserted) }));

    expect(await itemOf(2)).toEqual(copy);
    expect(await hold()).toMatchObject({ reason: 'message-refused', message: 'no', position: at(2), state: 'holding' });
    expect(await hold()).not.toHaveProperty('refused');
    expect((await hold())?.revision).not.toBe(before?.revision);
  }
});

it('a restore is refused when another one, or a redrive, came between', async () => {
  const { copy, target, itemOf, drain } = await aWorldWithout2();
  const plan = await planRestore(target, KEY, '2', { json: JSON.stringify(copy) });
  await drain();

  await expect(restore(target, plan)).rejects.toThrow('the hold of order#42 has changed meanwhile');
  expect(await itemOf(2)).toBeUndefined();
});

it('restored from a copy, it is published in its place', async () => {
  const { copy, target, itemOf, relay, redrive: ask, drain, ids, hold } = await aWorldWithout2();
  await drain();

  await restore(target, await planRestore(target, KEY, '2', { json: JSON.stringify({ Item: copy }) }));
  expect(await itemOf(2)).toEqual(copy);
  await relay.run();
  expect(ids()).toEqual(['1']);
  expect(await ask()).toMatchObject({ asked: [{ pk: KEY }], failed: [] });

  expect(ids()).toEqual(['1', '2', '3']);
  expect(await hold()).toBeUndefined();
});

it('is restored from another table', async () => {
  const { copy, put, target, itemOf } = await aWorldWithout2();
  await put(copy, 'restored');

  await restore(target, await planRestore(target, KEY, '2', { tableName: 'restored' }));

  expect(await itemOf(2)).toEqual(copy);
});

it('is restored from the record of the stream, as it was committed', async () => {
  const { target, redrive: ask, ids } = await aWorldWithout2();
  const record = { eventName: 'INSERT', dynamodb: { NewImage: item(2) } };

  await restore(target, await planRestore(target, KEY, '2', { json: JSON.stringify(record) }));
  await ask();

  expect(ids()).toEqual(['1', '2', '3']);
});

it.each<[string, (copy: Stored) => unknown, RegExp]>([
  ['no JSON', () => undefined, /no JSON|must be an item/],
  ['a list', () => [], /must be an item in DynamoDB's JSON/],
  ['of another position', () => item(3), /is the item of order#42 at 3, not of order#42 at 2/],
  ['of another key', () => item(2, { key: '43' }), /is the item of order#43/],
  [
    'another item of the position',
    () => item(2, { id: 'other' }),
    /has the id other; order#42 waits for id-order-42-2/,
  ],
  ['processed', (copy) => ({ ...copy, processedAt: { N: '1' } }), /the copy is processed/],
  ['discarded', (copy) => ({ ...copy, discarded: { M: {} } }), /the copy is discarded/],
  ['about to expire', (copy) => ({ ...copy, expiresAt: { N: '1' } }), /"expiresAt"/],
  ['without events', (copy) => ({ ...copy, events: { L: [] } }), /the relay could not read the copy/],
  ['no attributes', () => ({ pk: 'order#42' }), /"pk" is no attribute value/],
])('is not restored from a copy that is %s', async (_, change, why) => {
  const { copy, target, itemOf } = await aWorldWithout2();

  await expect(planRestore(target, KEY, '2', { json: JSON.stringify(change(copy)) })).rejects.toThrow(why);

  expect(await itemOf(2)).toBeUndefined();
});

it('is not restored where nothing is gone', async () => {
  const { copy, put, target } = await aWorldWithout2();
  const json = JSON.stringify(copy);
  await expect(planRestore(target, KEY, '3', { json })).rejects.toThrow('held at 2, not at 3');
  await expect(planRestore(target, 'order#43', '2', { json })).rejects.toThrow('order#43 is not held');
  await expect(planRestore(target, KEY, '2', { tableName: 'outbox' })).rejects.toThrow('the outbox table itself');
  await expect(planRestore(target, KEY, '2', { tableName: 'restored' })).rejects.toThrow('has no item');
  const plan = await planRestore(target, KEY, '2', { json });
  await put(copy);
  await expect(planRestore(target, KEY, '2', { json })).rejects.toThrow('an item is at 2 of order#42 (parked)');

  await expect(restore(target, plan)).rejects.toThrow('an item is at 2 of order#42 by now');
});

it('a decision that names the position releases the key, and the gap keeps who, when and why', async () => {
  const { redrive: ask, drain, ids, hold, target } = await aWorldWithout2();
  await drain();

  expect(await ask({ skip: true, acceptGone: true })).toMatchObject({ asked: [{ pk: KEY }], failed: [] });

  expect(ids()).toEqual(['1', '3']);
  expect(await hold()).toBeUndefined();
  const { items } = await show(target, KEY);
  expect(items[1]).toMatchObject({ position: at(2), state: 'discarded', gone: true, discarded: request });
  expect(await verify(target)).toMatchObject({ missingVersions: [], gone: [] });
});

it('a decision does nothing to an item that is back', async () => {
  const { redrive: ask, copy, put, target, relay, ids, hold } = await aWorldWithout2();
  const plan = await planRedrive(target, { keys: [KEY] });
  await put(copy);

  await redrive(target, plan, request, { skip: true, acceptGone: true });
  await relay.run();

  // The skip also drains the key.
  expect(ids()).toEqual(['1', '2', '3']);
  expect(await hold()).toBeUndefined();
  expect((await ask()).asked).toEqual([]);
});

it('another item under its position does not stand for it; a decision keeps the note on that item', async () => {
  const { put, redrive: ask, drain, relay, ids, hold, target } = await aWorldWithout2();
  await put(item(2, { id: 'another' }));
  await relay.run();
  expect(await held(target)).toMatchObject([{ gone: { ...GONE, isReplaced: true } }]);
  await drain();
  expect(ids()).toEqual(['1']);

  await ask({ skip: true, acceptGone: true });

  expect(ids().at(-1)).toBe('3');
  expect(ids()).toHaveLength(3);
  expect(await hold()).toBeUndefined();
  expect((await show(target, KEY)).items[1]).toMatchObject({ state: 'processed', gap: { ...request, id: GONE.id } });
});

it('an item that an operator moved to another position of its key is not gone', async () => {
  const { copy, put, redrive: ask, relay, ids, hold, target } = await aWorldWithout2();
  await put({ ...copy, sk: { S: at(4) } });
  await relay.run();
  expect((await held(target))[0]?.gone).toBeUndefined();

  await ask();

  expect(ids()).toEqual(['1', '3', '2']);
  expect(await hold()).toBeUndefined();
});

it.each<[string, Stored]>([
  ['published by another process, which died before it released the key', { processedAt: { N: '5' } }],
  ['discarded', { discarded: { M: marshall(request) } }],
])('an item that was %s is not gone', async (_, mark) => {
  const { put, relay, client, itemOf, drain, hold, ids, target } = aWorld();
  for (const version of [1, 2, 3]) await put(item(version));
  await relay.run();
  const [[name, value] = ['', {}]] = Object.entries(mark);
  await client.send(
    new UpdateItemCommand({
      TableName: 'outbox',
      Key: marshall({ pk: KEY, sk: at(2) }),
      UpdateExpression: `SET ${name} = :value`,
      ExpressionAttributeValues: { ':value': value as AttributeValue },
    }),
  );
  expect(await itemOf(2)).toHaveProperty(name);
  expect((await held(target))[0]?.gone).toBeUndefined();

  await drain();

  expect(ids()).toEqual(['1', '3']);
  expect(await hold()).toBeUndefined();
});

const verify = (target: Parameters<typeof verifyAgainst>[0], options = {}) =>
  verifyAgainst(target, () => Promise.resolve({ extents: [], absentTopics: [], unread: [] }), {
    sinceMs: 0,
    ...options,
  });

describe('verify', () => {
  const later = { N: String(Math.ceil(Date.now() / 1000) + 3_600) };
  const earlier = { N: '1' };
  const processed = (version: number, expiresAt = later, change = {}): Stored => ({
    ...item(version, change),
    processedAt: { N: '1' },
    expiresAt,
  });

  it('names the item that a key waits for and that is gone, and the hole', async () => {
    const { target } = await aWorldWithout2();
    expect(await verify(target)).toMatchObject({ gone: [GONE], missingVersions: [{ pk: KEY, from: 2, to: 2 }] });
    expect(await verify(target, { keys: [KEY] })).toMatchObject({
      gone: [GONE],
      missingVersions: [{ pk: KEY, from: 2, to: 2 }],
    });
    expect(await verify(target, { keys: ['order#7'] })).toMatchObject({ gone: [], missingVersions: [] });
  });

  it('names missing versions behind items that have not expired', async () => {
    const { target, put } = aWorld();
    for (const version of [1, 2, 5, 7]) await put(processed(version));
    const missingVersions = [
      { pk: KEY, from: 3, to: 4 },
      { pk: KEY, from: 6, to: 6 },
    ];
    expect(await verify(target)).toMatchObject({ missingVersions, moreMissingVersions: 0 });
    expect(await verify(target, { sparse: true })).toMatchObject({ missingVersions: [] });
  });

  it('does not name what may have expired, lies before the range, or belongs to no dense versions', async () => {
    const { target, put } = aWorld();
    await put(processed(1, earlier));
    await put(processed(3));
    await put(processed(4, later, { committedAt: 5 }));
    await put(processed(5));
    await put(processed(1_000_000));
    expect(await verify(target, { since: 1_000 })).toMatchObject({ missingVersions: [] });
  });
});
