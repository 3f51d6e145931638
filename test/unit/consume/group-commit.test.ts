import { GroupCommit } from '../../../lib/consume/group-commit';
import type { Transactions, WriteResult } from '../../../lib/consume/ports';
import type { TransactionAction } from '../../../lib/consumer';

const isOutage = (error: unknown): boolean => error instanceof Error && error.message === 'away';
const entry = (id: string, bytes = 0): TransactionAction => ({
  Put: { TableName: 't', Item: { id, filler: 'x'.repeat(bytes) } },
});
const namesOf = (entries: readonly TransactionAction[]): string[] =>
  entries.map(({ Put }) => String(Put?.Item?.['id']));

/** Notes each transaction; one that contains a spoiled entry is cancelled. */
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

it('puts what is ready at the same time into one transaction', async () => {
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

it('gives each unit its own transaction when the shared one is cancelled, and its own reasons', async () => {
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

it('gives each unit its own transaction when the client refuses the shared one', async () => {
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
