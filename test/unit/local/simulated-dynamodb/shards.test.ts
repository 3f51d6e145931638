import { Random } from '../../../../lib/testing/random';
import { keyOf, runServer, TableName, type RunningServer } from './server';

let server: RunningServer;

beforeEach(async () => {
  server = await runServer();
});

afterEach(() => server.stop());

/** The records of all shards, each parent before its children, as an event source mapping reads them. */
async function readAll(): Promise<{ shardId: string; key: string }[]> {
  const found: { shardId: string; key: string }[] = [];
  for (const { ShardId: shardId = '' } of await server.shards()) {
    const { records } = await server.read(await server.iterator(shardId));
    found.push(...records.map((record) => ({ shardId, key: keyOf(record) })));
  }
  return found;
}

describe('a stream whose shards split while they are written to', () => {
  it('has each record once, in the order of its item collection, and each parent before its children', async () => {
    const random = new Random(7);
    const written: string[] = [];
    for (let at = 0; at < 300; at++) {
      const pk = `order#${random.integer(20)}`;
      const sk = String(at).padStart(4, '0');
      await server.put(pk, sk);
      written.push(`${pk}/${sk}`);
      if (at % 40 === 39) await server.control.splitShard(TableName);
      if (at % 70 === 69) await server.control.rollShard(TableName);
    }

    const shards = await server.shards();
    const order = shards.map(({ ShardId }) => ShardId);
    const children = shards.filter(({ ParentShardId: parent }) => parent !== undefined);
    expect(children).toHaveLength(7 * 2 + 4);
    for (const { ShardId, ParentShardId } of children) {
      expect(order.indexOf(ParentShardId)).toBeGreaterThanOrEqual(0);
      expect(order.indexOf(ParentShardId)).toBeLessThan(order.indexOf(ShardId));
    }

    const found = await readAll();
    expect(found.map(({ key }) => key).toSorted()).toEqual(written.toSorted());
    const ofKey = (keys: readonly string[], pk: string): string[] => keys.filter((key) => key.startsWith(`${pk}/`));
    for (let key = 0; key < 20; key++) {
      const pk = `order#${key}`;
      expect(
        ofKey(
          found.map(({ key: each }) => each),
          pk,
        ),
      ).toEqual(ofKey(written, pk));
    }
    // The test has no effect if no item collection moved.
    expect(
      new Set(
        ofKey(
          found.map(({ key }) => key),
          'order#3',
        ),
      ).size,
    ).toBeGreaterThan(1);
  });

  it('keeps the items of a key in one shard at a time, and divides the keys of a parent', async () => {
    const [shard] = await server.shards();
    const { parent, children } = await server.control.splitShard(TableName, shard?.ShardId);
    expect(parent).toBe(shard?.ShardId);
    for (let key = 0; key < 60; key++) {
      await server.put(`order#${key}`, '1');
      await server.put(`order#${key}`, '2');
    }
    const byKey = Map.groupBy(await readAll(), ({ key }) => key.split('/')[0]);
    expect([...byKey.values()].filter((found) => new Set(found.map(({ shardId }) => shardId)).size > 1)).toEqual([]);
    const used = new Set([...byKey.values()].map(([first]) => first?.shardId));
    expect(used.has(parent)).toBe(false);
    expect(children.map((child) => used.has(child))).toEqual([true, true]);
  });

  it('ends a closed shard without a next iterator, and only after its last record', async () => {
    const [shard] = await server.shards();
    const early = await server.iterator(shard?.ShardId ?? '', 'LATEST');
    expect(await server.read(early)).toEqual({ records: [], isClosed: false });
    await server.control.rollShard(TableName, shard?.ShardId);
    expect(await server.read(early)).toEqual({ records: [], isClosed: true });
    await expect(server.control.splitShard(TableName, shard?.ShardId)).rejects.toThrow('no open shard');
  });
});
