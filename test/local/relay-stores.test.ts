import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { Hold } from '../../lib/event/control';
import { encodeItem, identityOf } from '../../lib/event/item';
import { itemBytes } from '../../lib/dynamodb/item-size';
import { positionKey, positionOfVersion } from '../../lib/event/position';
import type { Receipt } from '../../lib/event/receipt';
import { newSignal, type DrainSignal, type ReplaySignal, type SkipSignal } from '../../lib/event/signal';
import { dynamoDbStores } from '../../lib/relay/dynamodb/stores';
import { localClientConfig } from '../../local/dynamodb';
import { anEvent, anItem } from '../builders/items';
import { sharedDynamoDb } from './harness/shared-servers';

const TABLE = 'stores';
const clock = { now: Date.now };
const request = { by: 'someone', at: 1, why: 'a test' };
const at = positionOfVersion;

let endpoint: string;
let client: DynamoDBClient;
let document: DynamoDBDocument;
let streamArn: string;
let stores: ReturnType<typeof openStores>;

/** The stores as one process of the relay opens them. */
function openStores() {
  const { items, ...others } = dynamoDbStores(client, { tableName: TABLE, retentionSeconds: 60 }, clock);
  return { ...items, ...others };
}

beforeAll(async () => {
  endpoint = await sharedDynamoDb();
  const config = localClientConfig(endpoint);
  client = new DynamoDBClient(config);
  document = DynamoDBDocument.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const { TableDescription: table } = await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
  streamArn = table?.LatestStreamArn ?? '';
  stores = openStores();
});

afterAll(() => {
  client.destroy();
});

const put = async (key: string, ...versions: number[]): Promise<void> => {
  for (const version of versions) {
    await document.put({ TableName: TABLE, Item: encodeItem(anItem({ key, version })) });
  }
};
/** Longer than any mark takes. */
const MARK_MS = 30_000;
const itemAt = async (key: string, version: number) =>
  (await document.get({ TableName: TABLE, Key: { pk: `order#${key}`, sk: at(version) }, ConsistentRead: true })).Item;
const identity = (key: string, version: number) => ({
  pk: `order#${key}`,
  sk: at(version),
  id: `id-order-${key}-${version}`,
});
const park = async (key: string, version: number, change = {}): Promise<Hold> => {
  const parked = await stores.park({
    ...identity(key, version),
    reason: 'unknown-topic',
    message: 'no topic',
    attempts: 0,
    isHead: false,
    ...change,
  });
  if (parked.kind !== 'parked') throw new Error('not parked');
  return parked.hold;
};
const mark = (key: string, version: number) =>
  stores.mark([{ ...identity(key, version), receipts: [{ topic: 't', partition: 0, offset: 1n }] }], MARK_MS);
const holdOf = async (key: string) => (await stores.control.read()).holds.get(`order#${key}`);
const skipOf = (key: string, version: number): SkipSignal =>
  newSignal(`order#${key}`, 1, { kind: 'skip', position: at(version), id: `id-order-${key}-${version}`, request });
const drainOf = (key: string, version: number): DrainSignal =>
  newSignal(`order#${key}`, Date.now(), { kind: 'drain', from: at(version), request });

async function insertedKeys(): Promise<string[]> {
  const streams = new DynamoDBStreamsClient(localClientConfig(endpoint));
  const { StreamDescription: stream } = await streams.send(new DescribeStreamCommand({ StreamArn: streamArn }));
  const inserted: string[] = [];
  for (const { ShardId } of stream?.Shards ?? []) {
    const start = { StreamArn: streamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator: iterator } = await streams.send(new GetShardIteratorCommand(start));
    for (let empty = 0; iterator !== undefined && empty < 2;) {
      const page: {
        Records?: { eventName?: string; dynamodb?: { Keys?: Record<string, { S?: string }> } }[];
        NextShardIterator?: string;
      } = await streams.send(new GetRecordsCommand({ ShardIterator: iterator }));
      if ((page.Records ?? []).length === 0) empty++;
      for (const { eventName, dynamodb } of page.Records ?? []) {
        if (eventName === 'INSERT') inserted.push(dynamodb?.Keys?.['sk']?.S ?? '');
      }
      iterator = page.NextShardIterator;
    }
  }
  streams.destroy();
  return inserted;
}

describe('a drain', () => {
  it('begins with the hold as it is, not as it was read', async () => {
    await put('begin', 1);
    const known = await park('begin', 1);
    const byAnother = await openStores().drains.begin('order#begin', known);

    const begun = await stores.drains.begin('order#begin', known);

    expect(byAnother).toMatchObject({ state: 'draining' });
    expect(begun).toMatchObject({ state: 'draining', position: at(1) });
    expect(begun?.revision).not.toBe(byAnother?.revision);
    expect(await holdOf('begin')).toEqual(begun);
  });

  it('of a key without a hold begins with nothing', async () => {
    expect(await stores.drains.begin('order#free', undefined)).toBeUndefined();
  });

  it('is not ended by a relay whose drain is older', async () => {
    await put('zombie', 1);
    const zombie = await stores.drains.begin('order#zombie', await park('zombie', 1));
    const current = await openStores().drains.begin('order#zombie', zombie);

    expect(await stores.drains.finish('order#zombie', zombie)).toBe('superseded');
    expect(await holdOf('zombie')).toEqual(current);
    expect(await stores.drains.finish('order#zombie', current)).toBe('finished');
    expect(await stores.drains.finish('order#zombie', current)).toBe('finished');
    expect(await holdOf('zombie')).toBeUndefined();
  });

  it('that is postponed leaves a hold and a signal that invokes the relay', async () => {
    await put('later', 1, 2);
    const successor = drainOf('later', 2);

    const postponed = await stores.drains.postpone(undefined, successor);

    expect(postponed).toMatchObject({ kind: 'postponed', hold: { state: 'draining', position: at(2) } });
    expect(await holdOf('later')).toMatchObject({ reason: 'drain-unfinished', attempts: 0 });
    expect(await insertedKeys()).toContain(successor.sk);
    expect(await stores.drains.postpone(undefined, drainOf('later', 1))).toEqual({ kind: 'superseded' });
  });

  it('moves the hold on when it is refused again, and keeps since when the key is held', async () => {
    await put('again', 1, 2);
    const first = await park('again', 1);
    const draining = await stores.drains.begin('order#again', first);
    await mark('again', 1);

    const next = await park('again', 2, { hold: draining, isHead: true, drainedUnder: draining?.revision });

    expect(next).toMatchObject({ position: at(2), state: 'holding', attempts: 1, since: first.since });
    expect(await itemAt('again', 2)).toMatchObject({ parked: { attempts: 1 } });
  });
});

describe('a replay', () => {
  const replayOf = (key: string): ReplaySignal =>
    newSignal(`order#${key}`, Date.now(), { kind: 'replay', replayId: 'r', request });

  it('goes on under a successor, once', async () => {
    const [signal, successor, another] = [replayOf('replayed'), replayOf('replayed'), replayOf('replayed')];
    await document.put({ TableName: TABLE, Item: signal });
    expect(await stores.signals.find(signal)).toBeDefined();

    await stores.signals.succeed(signal, successor);
    await stores.signals.succeed(signal, another);

    expect(await stores.signals.find(signal)).toBeUndefined();
    expect(await stores.signals.find(successor)).toBeDefined();
    expect(await stores.signals.find(another)).toBeUndefined();
  });
});

describe('a discard', () => {
  it('takes the head, with a tombstone, and begins the drain in one', async () => {
    await put('skipped', 1, 2);
    const known = await park('skipped', 1);

    const discarded = await stores.drains.discard(skipOf('skipped', 1), known);

    expect(discarded).toMatchObject({ kind: 'discarded', hold: { state: 'draining' } });
    const now = Date.now() / 1000;
    const item = await itemAt('skipped', 1);
    expect(item).toMatchObject({ discarded: request });
    expect(item?.['expiresAt']).toBeGreaterThan(now + 24 * 3600);
    expect((await stores.control.read()).tombstones).toContain(identityOf(identity('skipped', 1)));
  });

  it('does nothing to the item at which a drain ran out of time, and takes a refused one that is drained', async () => {
    await put('drained', 1, 2);
    const known = await stores.drains.begin('order#drained', await park('drained', 1));
    await mark('drained', 1);
    const postponed = await stores.drains.postpone(known, drainOf('drained', 2));
    expect(postponed).toMatchObject({
      hold: { position: at(2), reason: 'drain-unfinished', attempts: 0, since: known?.since },
    });
    expect(await stores.drains.discard(skipOf('drained', 2), undefined)).toEqual({ kind: 'nothing' });
    expect(await itemAt('drained', 2)).not.toHaveProperty('discarded');

    await put('refused', 1);
    await stores.drains.begin('order#refused', await park('refused', 1));
    expect(await stores.drains.discard(skipOf('refused', 1), undefined)).toMatchObject({ kind: 'discarded' });
  });

  it('does nothing to an item that is not the head, is processed, or is another one by now', async () => {
    await put('kept', 1, 2);
    const known = await park('kept', 2);

    expect(await stores.drains.discard(skipOf('kept', 1), known)).toEqual({ kind: 'nothing' });
    expect(await stores.drains.discard({ ...skipOf('kept', 2), id: 'other' }, known)).toEqual({ kind: 'nothing' });
    await mark('kept', 2);
    expect(await stores.drains.discard(skipOf('kept', 2), known)).toEqual({ kind: 'nothing' });
    expect(await itemAt('kept', 2)).not.toHaveProperty('discarded');
    expect(await holdOf('kept')).toEqual(known);
  });
});

it('a frozen relay does not park what was discarded or processed meanwhile', async () => {
  await put('frozen', 1);
  await mark('frozen', 1);

  await expect(park('frozen', 1)).rejects.toThrow('not parked');
  expect(await holdOf('frozen')).toBeUndefined();
});

it('fifty drains at once are written, each with its own revision, by a few transactions', async () => {
  const keys = Array.from({ length: 50 }, (_, n) => `many-${n}`);
  const holds = await Promise.all(
    keys.map(async (key) => {
      await put(key, 1);
      return park(key, 1);
    }),
  );
  const before = (await stores.control.read()).revision;

  const begun = await Promise.all(keys.map((key, n) => stores.drains.begin(`order#${key}`, holds[n])));

  expect(new Set(begun.map((hold) => hold?.revision)).size).toBe(50);
  const raised = (await stores.control.read()).revision - before;
  expect(raised).toBeGreaterThan(0);
  expect(raised).toBeLessThan(15);
  expect(await Promise.all(begun.map((hold) => stores.drains.finish(hold?.pk ?? '', hold)))).toEqual(
    keys.map(() => 'finished'),
  );
});

describe('the items of a key', () => {
  it('are looked up back to the newest processed one, over discarded ones', async () => {
    await put('back', ...Array.from({ length: 30 }, (_, n) => n + 1));
    await mark('back', 5);
    await stores.drains.discard(skipOf('back', 10), await park('back', 10));

    expect(await stores.keys.earliestOpen('order#back', at(25))).toBe(at(6));
    expect(await stores.keys.earliestOpen('order#back', at(5))).toBeUndefined();
    expect(await stores.keys.earliestOpen('order#nobody', at(5))).toBeUndefined();
  });

  it('are read in order and in pages, without the signals', async () => {
    await put('paged', ...Array.from({ length: 130 }, (_, n) => n + 1));
    await document.put({ TableName: TABLE, Item: { ...drainOf('paged', 1) } });
    const read: string[] = [];
    for await (const page of stores.keys.pages('order#paged', at(2))) {
      read.push(...page.map(({ sk }) => sk));
    }

    expect(read).toEqual(Array.from({ length: 129 }, (_, n) => at(n + 2)));
  });

  it('return their states by the hundred', async () => {
    await put('states', 1, 2);
    await mark('states', 1);
    const asked = Array.from({ length: 130 }, (_, n) => ({ pk: 'order#states', sk: at(n + 1) }));

    const [first, second] = [1, 2].map((version) => ({ id: `id-order-states-${version}`, region: 'eu-central-1' }));
    const stored = [
      [positionKey('order#states', at(1)), { state: 'processed', ...first }],
      [positionKey('order#states', at(2)), { state: 'pending', ...second }],
    ];
    expect([...(await stores.keys.lookUp([...asked, ...asked]))].toSorted()).toEqual(stored);
    const transacted = await stores.keys.lookUpTransacted([...asked, ...asked]);
    expect([...transacted.stored].toSorted()).toEqual(stored);
    expect(transacted.unfinished.size).toBe(0);
  });
});

it('first receipts are noted on what is owed only, are read back, and give way to all of them', async () => {
  await put('receipts', 1, 2);
  const first = { topic: 'orders', partition: 0, offset: 1n };
  const second = { ...first, offset: 2n };
  const mark = (version: number, receipts: readonly Receipt[], id = identity('receipts', version).id) => ({
    ...identity('receipts', version),
    id,
    receipts,
  });
  await stores.mark([mark(2, [first, second])], MARK_MS);
  const notes = [mark(1, [first]), mark(2, [first]), mark(3, [first])];

  expect((await stores.noteReceipts!(notes, MARK_MS)).size).toBe(0);
  expect((await stores.noteReceipts!([mark(1, [second], 'another')], MARK_MS)).size).toBe(0);

  const positions = [1, 2, 3].map((version) => ({ pk: 'order#receipts', sk: at(version) }));
  const stored = await stores.keys.lookUp(positions);
  expect(stored.get(positionKey('order#receipts', at(1)))).toMatchObject({ state: 'pending', receipts: [first] });
  expect((await itemAt('receipts', 2))?.['receipts']).toEqual(['orders-0@1', 'orders-0@2']);
  expect(await itemAt('receipts', 3)).toBeUndefined();
  await stores.mark([mark(1, [first, second])], MARK_MS);
  expect(await itemAt('receipts', 1)).toMatchObject({ receipts: ['orders-0@1', 'orders-0@2'] });
});

it('first receipts that cannot be noted in time are answered, and nothing waits for them', async () => {
  const notes = [{ ...identity('late', 1), id: 'late', receipts: [] }];

  expect([...(await stores.noteReceipts!(notes, 0)).keys()]).toEqual(notes);
});

it('that a part of a batch was asked for again is noted for all', async () => {
  const { revision } = await stores.control.read();
  const before = Date.now();

  await stores.control.noteRetry?.();

  const noted = await openStores().control.read();
  expect(noted.retriedAt).toBeGreaterThanOrEqual(before);
  expect(noted.revision).toBe(revision);
});

it('a start is counted on what is owed only, and taken back', async () => {
  await put('suspect', 1);
  const item = identity('suspect', 1);

  expect([await stores.countAttempt(item), await stores.countAttempt(item)]).toEqual([1, 2]);
  await stores.clearAttempts([item]);
  expect(await stores.countAttempt(item)).toBe(1);
  await stores.clearAttempts([item, identity('suspect', 9)]);
  await mark('suspect', 1);
  expect(await stores.countAttempt(item)).toBe(0);
  expect(await stores.countAttempt({ ...item, id: 'other' })).toBe(0);
  expect(await itemAt('suspect', 9)).toBeUndefined();
});

it('an unprocessable signal is recorded in place, and not created again if it is gone', async () => {
  const signal = drainOf('aside', 1);
  await document.put({ TableName: TABLE, Item: { ...signal } });
  await stores.signals.markUnprocessable(signal, 'unknown');
  await stores.signals.markUnprocessable(drainOf('gone', 1), 'unknown');

  const stored = await document.get({ TableName: TABLE, Key: { pk: signal.pk, sk: signal.sk } });
  expect(stored.Item).toMatchObject({ setAside: { why: 'unknown' } });
  await stores.signals.remove([signal, drainOf('gone', 1)]);
  expect((await document.get({ TableName: TABLE, Key: { pk: signal.pk, sk: signal.sk } })).Item).toBeUndefined();
});

describe('an item of 400 KB', () => {
  const putFull = async (key: string): Promise<void> => {
    const item = encodeItem(anItem({ key, events: [anEvent({ id: `id-order-${key}-1`, topic: 't', data: '' })] }));
    const filler = 'x'.repeat(400 * 1024 - itemBytes({ ...item, filler: '' }));
    await document.put({ TableName: TABLE, Item: { ...item, filler } });
  };

  it('is attempted uncounted, held without a note and discarded by its deletion', async () => {
    await putFull('full');

    expect(await stores.countAttempt(identity('full', 1))).toBe(0);
    const hold = await park('full', 1);
    expect(await itemAt('full', 1)).not.toHaveProperty('parked');

    expect(await stores.drains.discard(skipOf('full', 1), hold)).toMatchObject({ kind: 'discarded' });
    expect(await itemAt('full', 1)).toBeUndefined();
    expect((await stores.control.read()).tombstones).toContain(identityOf(identity('full', 1)));
  });

  it('is deleted when it is published and even without its events has no room for the mark', async () => {
    await putFull('unmarkable');
    const receipts = Array.from({ length: 50 }, () => ({ topic: 't', partition: 0, offset: 1n }));

    expect((await stores.mark([{ ...identity('unmarkable', 1), receipts }], MARK_MS)).size).toBe(0);

    expect(await itemAt('unmarkable', 1)).toBeUndefined();
  });
});
