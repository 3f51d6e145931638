import { GroupCommit } from '../../../lib/consume/group-commit';
import type { Transactions, WriteResult } from '../../../lib/consume/ports';
import type { TransactionAction } from '../../../lib/consumer';

const isOutage = (error: unknown): boolean => error instanceof Error && error.message === 'away';
const entry = (id: string, bytes = 0): TransactionAction => ({
  Put: { TableName: 't', Item: { id, filler: 'x'.repeat(bytes) } },
});
const namesOf = (entries: readonly TransactionAction[]): string[] =>
  entries.map(({ Put }) => String(Put?.Item?.['id']));

/** Records each transaction, and cancels one with a spoiled entry. */
function recorder(spoiled = '') {
  const sent: string[][] = [];
  const transactions: Transactions = {
    write: async (entries): Promise<WriteResult> => {
      await Promise.resolve();
      const names = namesOf(entries);
      sent.push(names);
      if (names.includes('outage')) throw new Error('away');
      if (names.includes('unmarshallable')) throw new Error('Pass options.removeUndefinedValues=true');
      if (!names.includes(spoiled)) return { kind: 'written' };
      const reasons = names.map((name) => (name === spoiled ? 'ConditionalCheckFailed' : 'None'));
      return { kind: 'cancelled', reasons, cause: undefined };
    },
  };
  return { sent, transactions };
}

it('puts units that are ready at the same time into one transaction', async () => {
  const { sent, transactions } = recorder();
  const commit = new GroupCommit(transactions, { units: 3, concurrency: 1, isOutage });

  await Promise.all(['a', 'b', 'c', 'd'].map((id) => commit.write([entry(id)])));

  expect(sent).toEqual([['a', 'b', 'c'], ['d']]);
});

it('keeps to 100 entries and 4 MB', async () => {
  const { sent, transactions } = recorder();
  const commit = new GroupCommit(transactions, { units: 50, concurrency: 1, isOutage });
  const units = Array.from({ length: 3 }, (_, unit) => Array.from({ length: 40 }, (_, at) => entry(`${unit}.${at}`)));
  await Promise.all(units.map((unit) => commit.write(unit)));
  expect(sent.map(({ length }) => length)).toEqual([80, 40]);

  sent.length = 0;
  await Promise.all(['a', 'b', 'c'].map((id) => commit.write([entry(id, 1_800_000)])));
  expect(sent).toEqual([['a', 'b'], ['c']]);
});

it('writes each unit alone if the shared transaction is cancelled, with its own reasons', async () => {
  const { sent, transactions } = recorder('b');
  const commit = new GroupCommit(transactions, { units: 3, concurrency: 1, isOutage });

  const results = await Promise.all([['a'], ['x', 'b'], ['c']].map((ids) => commit.write(ids.map((id) => entry(id)))));

  expect(sent).toEqual([['a', 'x', 'b', 'c'], ['a'], ['x', 'b'], ['c']]);
  expect(results).toMatchObject([
    { kind: 'written' },
    { kind: 'cancelled', reasons: ['None', 'ConditionalCheckFailed'] },
    { kind: 'written' },
  ]);
});

it('writes each unit alone if the client refuses the shared transaction', async () => {
  const { sent, transactions } = recorder();
  const commit = new GroupCommit(transactions, { units: 3, concurrency: 1, isOutage });

  const results = await Promise.allSettled(['a', 'unmarshallable', 'c'].map((id) => commit.write([entry(id)])));

  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(sent).toEqual([['a', 'unmarshallable', 'c'], ['a'], ['unmarshallable'], ['c']]);
});

it('rejects every unit when the outcome is unknown, and sends none of them again', async () => {
  const { sent, transactions } = recorder();
  const commit = new GroupCommit(transactions, { units: 3, concurrency: 1, isOutage });

  const results = await Promise.allSettled(['a', 'outage'].map((id) => commit.write([entry(id)])));

  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(sent).toHaveLength(1);
});

describe('of two units on one item', () => {
  const outboxItem = (key: string, sk: string): TransactionAction => ({
    Put: {
      TableName: 'outbox',
      Item: { pk: `shipment#${key}`, sk, id: sk, events: [], committedAt: 1 },
      ConditionExpression: 'attribute_not_exists(pk)',
    },
  });
  const keyed = (Key: Record<string, unknown>): TransactionAction => ({
    Update: { TableName: 'totals', Key, UpdateExpression: 'ADD n :one', ExpressionAttributeValues: { ':one': 1 } },
  });
  /** Records the number of entries of each transaction, and the number of transactions in flight. */
  const counter = () => {
    const seen = { sizes: [] as number[], atOnce: 0, most: 0 };
    const transactions: Transactions = {
      write: async (entries): Promise<WriteResult> => {
        seen.sizes.push(entries.length);
        seen.most = Math.max(seen.most, ++seen.atOnce);
        await new Promise(setImmediate);
        seen.atOnce--;
        return { kind: 'written' };
      },
    };
    return { seen, transactions };
  };

  it.each<[string, TransactionAction, TransactionAction]>([
    [
      'two outbox items of one key, which a stream may show in either order',
      outboxItem('1', 'a'),
      outboxItem('1', 'b'),
    ],
    ['two updates', keyed({ id: 'all' }), keyed({ id: 'all' })],
    ['two updates whose keys have another order', keyed({ pk: 'a', sk: 1n }), keyed({ sk: 1, pk: 'a' })],
    ['two binary keys', keyed({ id: new Uint8Array([1]) }), keyed({ id: new Uint8Array([1]) })],
    ['a put and a delete', entryOf('Put'), entryOf('Delete')],
  ])('each has its own transaction, one after the other: %s', async (_, one, other) => {
    const { seen, transactions } = counter();
    const commit = new GroupCommit(transactions, { units: 25, concurrency: 8, isOutage });

    await Promise.all([[one], [other], [entry('beside')]].map((unit) => commit.write(unit)));

    expect(seen).toMatchObject({ sizes: [2, 1], most: 1 });
  });

  it.each<[string, TransactionAction, TransactionAction]>([
    ['outbox items of two keys', outboxItem('1', 'a'), outboxItem('2', 'a')],
    ['updates of two items', keyed({ id: 'a' }), keyed({ id: 'b' })],
    ['one key in two tables', keyed({ pk: 'a', sk: 'b' }), entryOf('Put')],
  ])('others share one: %s', async (_, one, other) => {
    const { seen, transactions } = counter();
    const commit = new GroupCommit(transactions, { units: 25, concurrency: 8, isOutage });

    await Promise.all([[one], [other]].map((unit) => commit.write(unit)));

    expect(seen).toMatchObject({ sizes: [2] });
  });

  it('the later one waits for the end of a failed one, too', async () => {
    const { sent, transactions } = recorder();
    const commit = new GroupCommit(transactions, { units: 1, concurrency: 8, isOutage });
    const units = [
      [keyed({ id: 'all' }), entry('outage')],
      [keyed({ id: 'all' }), entry('b')],
    ];

    const results = await Promise.allSettled(units.map((unit) => commit.write(unit)));

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(sent).toHaveLength(2);
  });
});

function entryOf(operation: 'Put' | 'Delete'): TransactionAction {
  const Key = { pk: 'a', sk: 'b' };
  return operation === 'Put'
    ? { Put: { TableName: 't', Item: { ...Key, n: 1 } } }
    : { Delete: { TableName: 't', Key } };
}
