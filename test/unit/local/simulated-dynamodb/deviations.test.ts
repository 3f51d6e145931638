import { GetItemCommand, PutItemCommand, QueryCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf, runServer, TableName, type RunningServer } from './server';

let server: RunningServer;

beforeEach(async () => {
  server = await runServer({ shards: 1 });
});

afterEach(() => server.stop());

/** One item of each of two keys. */
const transact = (at: number) =>
  server.client.send(
    new TransactWriteItemsCommand({
      TransactItems: ['a', 'b', 'a', 'b'].map((pk, part) => ({
        Put: { TableName, Item: { pk: { S: pk }, sk: { S: `${String(at).padStart(3, '0')}.${part}` } } },
      })),
    }),
  );

async function records(): Promise<string[]> {
  const [shard] = await server.shards();
  const { records: found } = await server.read(await server.iterator(shard?.ShardId ?? ''));
  return found.map(keyOf);
}

const transactionOf = (key: string): string => key.split('/')[1]?.split('.')[0] ?? '';

describe('records of transactions', () => {
  it('come in the order of the actions and together by default', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, at) => transact(at)));
    const found = await records();
    const groups = Array.from({ length: 20 }, (_, at) => found.slice(at * 4, at * 4 + 4));
    for (const group of groups) {
      expect(new Set(group.map(transactionOf)).size).toBe(1);
      expect(group.map((key) => key.split('.')[1])).toEqual(['0', '1', '2', '3']);
    }
  });

  it('come in any order and between others within the call, but not after the response', async () => {
    await server.control.deviate({ interleaving: 'within-call', interleavingMs: 10 });
    await Promise.all(Array.from({ length: 20 }, (_, at) => transact(at)));
    const concurrent = await records();
    expect(concurrent).toHaveLength(80);
    const borders = concurrent.filter(
      (key, at) => at > 0 && transactionOf(key) !== transactionOf(concurrent[at - 1] ?? ''),
    );
    expect(borders.length).toBeGreaterThan(30);
    const reversed = concurrent.filter((key, at) =>
      concurrent.slice(0, at).some((before) => before.slice(2) === `${transactionOf(key)}.3`),
    );
    expect(reversed.length).toBeGreaterThan(0);

    for (let at = 20; at < 40; at++) await transact(at);
    const later = (await records()).slice(80).map(transactionOf);
    expect(later).toEqual(later.toSorted());
  });

  it('come after the response in the other mode, with the order of each item only', async () => {
    await server.control.deviate({ interleaving: 'after-call', interleavingMs: 500 });
    for (let at = 0; at < 10; at++) {
      await transact(at);
      await server.put('same', 'item', { n: String(at) });
    }
    const shown = async () => (await server.control.shards(TableName))[0]?.records ?? 0;
    expect(await shown()).toBeLessThan(50);
    while ((await shown()) < 50) await sleep(20);
    const [shard] = await server.shards();
    const { records: found } = await server.read(await server.iterator(shard?.ShardId ?? ''));
    expect(found).toHaveLength(50);
    const ofItem = found.flatMap(({ dynamodb }) => dynamodb?.NewImage?.['n']?.S ?? []);
    expect(ofItem).toEqual(Array.from({ length: 10 }, (_, at) => String(at)));
    const transactions = found
      .map(keyOf)
      .filter((key) => !key.startsWith('same'))
      .map(transactionOf);
    expect(transactions).not.toEqual(transactions.toSorted());
  });
});

describe('reads that are not strongly consistent', () => {
  it('return a state of the last milliseconds, and the latest after that time', async () => {
    await server.control.deviate({ staleMs: 200 });
    const Key = { pk: { S: 'a' }, sk: { S: '1' } };
    const query = { TableName, KeyConditionExpression: 'pk = :a', ExpressionAttributeValues: { ':a': { S: 'a' } } };
    let stale = 0;
    for (let n = 1; n <= 20; n++) {
      await server.client.send(new PutItemCommand({ TableName, Item: { ...Key, n: { N: String(n) } } }));
      const [consistent, eventual, queried] = await Promise.all([
        server.client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })),
        server.client.send(new GetItemCommand({ TableName, Key })),
        server.client.send(new QueryCommand(query)),
      ]);
      expect(consistent.Item?.['n']?.N).toBe(String(n));
      if (eventual.Item?.['n']?.N !== String(n)) stale++;
      expect(Number(queried.Items?.[0]?.['n']?.N ?? 0)).toBeLessThanOrEqual(n);
    }
    expect(stale).toBeGreaterThan(3);
    await sleep(210);
    const { Item } = await server.client.send(new GetItemCommand({ TableName, Key }));
    expect(Item?.['n']?.N).toBe('20');
  });
});

describe('records that are dropped', () => {
  it('fails a read that stands before them, and begins with the oldest one left', async () => {
    await server.put('a', '1');
    await server.put('a', '2');
    const [shard] = await server.shards();
    const early = await server.iterator(shard?.ShardId ?? '');
    expect(await server.control.trim(TableName)).toBe(2);
    await server.put('a', '3');
    await expect(server.read(early)).rejects.toMatchObject({ name: 'TrimmedDataAccessException' });
    expect(await records()).toEqual(['a/3']);
  });

  it('removes a closed shard with its last record, but not its children', async () => {
    await server.put('a', '1');
    const { parent, children } = await server.control.splitShard(TableName);
    await sleep(2);
    await server.control.trim(TableName);
    const shards = await server.shards();
    expect(shards.map(({ ShardId }) => ShardId)).toEqual(children);
    expect(shards[0]?.ParentShardId).toBe(parent);
  });

  it('drops records that are older than the retention by itself', async () => {
    const another = await runServer({ shards: 1, retentionMs: 50 });
    try {
      await another.put('a', '1');
      await sleep(1_300);
      expect(await another.control.shards(TableName)).toMatchObject([{ records: 0, isOpen: true }]);
    } finally {
      await another.stop();
    }
  });
});

it('deletes expired items as DynamoDB itself', async () => {
  const specification = { Enabled: true, AttributeName: 'expiresAt' };
  await server.client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: specification }));
  for (const [sk, seconds] of [
    ['1', 1],
    ['2', Date.now()],
  ] as const) {
    const Item = { pk: { S: 'a' }, sk: { S: sk }, expiresAt: { N: String(seconds) } };
    await server.client.send(new PutItemCommand({ TableName, Item }));
  }
  expect(await server.control.expire(TableName)).toBe(1);
  const [shard] = await server.shards();
  const { records: found } = await server.read(await server.iterator(shard?.ShardId ?? ''));
  expect(found.at(-1)).toMatchObject({
    eventName: 'REMOVE',
    dynamodb: { Keys: { sk: { S: '1' } } },
    userIdentity: { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' },
  });
});
