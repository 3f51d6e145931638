import {
  BatchExecuteStatementCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  type BatchStatementError,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { markWriter } from '../../../../lib/relay/dynamodb/marks';
import type { Mark } from '../../../../lib/relay/ports';

const dynamodb = mockClient(DynamoDBClient);
const sleep = jest.fn(() => Promise.resolve());
const NOW = 1_800_000_000_123;

const aMark = (n: number, change: Partial<Mark> = {}): Mark => ({
  pk: `order#${n}`,
  sk: '0000000000000001',
  id: `id-${n}`,
  receipts: [{ topic: 'orders', partition: 3, offset: 1024n }],
  ...change,
});
const someMarks = (count: number): Mark[] => Array.from({ length: count }, (_, n) => aMark(n));
const LONG_MS = 60_000;
const writer = (retentionSeconds = 60) => {
  const mark = markWriter(new DynamoDBClient({}), { tableName: 'outbox', retentionSeconds }, { now: () => NOW }, sleep);
  return (marks: readonly Mark[], timeLimitMs = LONG_MS) => mark(marks, timeLimitMs);
};
const calls = () =>
  dynamodb.commandCalls(BatchExecuteStatementCommand).map(({ args: [command] }) => command.input.Statements ?? []);

/** Answers each statement with `errorOf` of its item's id and of the attempt. */
const answer = (errorOf: (id: string, time: number) => BatchStatementError['Code']) => {
  const times = new Map<string, number>();
  dynamodb.on(BatchExecuteStatementCommand).callsFake((input: { Statements: { Parameters: { S?: string }[] }[] }) => ({
    Responses: input.Statements.map(({ Parameters }) => {
      const id = Parameters.at(-1)?.S ?? '';
      times.set(id, (times.get(id) ?? 0) + 1);
      const code = errorOf(id, times.get(id) ?? 0);
      return code === undefined ? {} : { Error: { Code: code } };
    }),
  }));
};

beforeEach(() => {
  dynamodb.reset();
  sleep.mockClear();
  answer(() => undefined);
});

it('sends one conditional update per item: processedAt, receipts and expiresAt together', async () => {
  expect((await writer()([aMark(1)])).size).toBe(0);

  expect(calls()).toEqual([
    [
      {
        Statement: `UPDATE "outbox" SET "processedAt"=? SET "receipts"=? SET "expiresAt"=? WHERE "pk"=? AND "sk"=? AND "id"=?`,
        Parameters: [
          { N: '1800000000123' },
          { L: [{ S: 'orders-3@1024' }] },
          { N: '1800000061' },
          { S: 'order#1' },
          { S: '0000000000000001' },
          { S: 'id-1' },
        ],
      },
    ],
  ]);
});

it('sends 25 in a request', async () => {
  await writer()(someMarks(60));

  expect(calls().map((statements) => statements.length)).toEqual([25, 25, 10]);
});

it('puts two marks of one position into different requests, because DynamoDB refuses both otherwise', async () => {
  await writer()([aMark(1), aMark(1, { id: 'reborn' })]);

  expect(calls().map((statements) => statements.length)).toEqual([1, 1]);
});

it('deletes instead of marking when nothing is retained', async () => {
  await writer(0)([aMark(1)]);

  expect(calls()).toEqual([
    [
      {
        Statement: `DELETE FROM "outbox" WHERE "pk"=? AND "sk"=? AND "id"=?`,
        Parameters: [{ S: 'order#1' }, { S: '0000000000000001' }, { S: 'id-1' }],
      },
    ],
  ]);
});

it('treats a failed condition as done: the item is gone or was replaced', async () => {
  answer(() => 'ConditionalCheckFailed');

  expect((await writer()([aMark(1)])).size).toBe(0);
  expect(calls()).toHaveLength(1);
});

it.each(['ThrottlingError', 'ProvisionedThroughputExceeded', 'TransactionConflict', 'InternalServerError'] as const)(
  'repeats only the statements that met %s',
  async (code) => {
    answer((id, time) => (id === 'id-1' && time < 3 ? code : undefined));

    expect((await writer()(someMarks(3))).size).toBe(0);

    expect(calls().map((statements) => statements.length)).toEqual([3, 1, 1]);
    expect(sleep).toHaveBeenCalledTimes(2);
  },
);

it('stops after five attempts and returns the failed mark with its cause', async () => {
  answer((id) => (id === 'id-1' ? 'ThrottlingError' : undefined));
  const marks = someMarks(3);

  expect([...(await writer()(marks))]).toEqual([[marks[1], { Code: 'ThrottlingError' }]]);
  expect(calls()).toHaveLength(5);
});

it.each(['ValidationError', 'ItemCollectionSizeLimitExceeded'] as const)(
  'drops the events of an item that is too large for its mark (%s)',
  async (code) => {
    answer((_, time) => (time === 1 ? code : undefined));

    expect((await writer()([aMark(1)])).size).toBe(0);

    expect(calls()[1]?.[0]?.Statement).toContain('REMOVE "events" WHERE');
  },
);

describe('an item that has no room for its mark without its events either', () => {
  const deletions = () => dynamodb.commandCalls(DeleteItemCommand).map(({ args: [command] }) => command.input);

  it('is deleted: it is published, and would be published again for ever', async () => {
    answer((id) => (id === 'id-1' ? 'ValidationError' : undefined));

    expect((await writer()(someMarks(3))).size).toBe(0);

    expect(calls().map((statements) => statements.length)).toEqual([3, 1]);
    expect(deletions()).toEqual([
      {
        TableName: 'outbox',
        Key: { pk: { S: 'order#1' }, sk: { S: '0000000000000001' } },
        ConditionExpression: 'id = :id',
        ExpressionAttributeValues: { ':id': { S: 'id-1' } },
      },
    ]);
  });

  it('is done if it was replaced', async () => {
    answer(() => 'ValidationError');
    dynamodb.on(DeleteItemCommand).rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no' }));

    expect((await writer()([aMark(1)])).size).toBe(0);
  });

  it('fails if it could not be deleted', async () => {
    answer(() => 'ValidationError');
    const cause = new Error('socket hang up');
    dynamodb.on(DeleteItemCommand).rejects(cause);

    expect([...(await writer()([aMark(1)])).values()]).toEqual([cause]);
  });
});

it('fails only the marks of a request without a response', async () => {
  dynamodb
    .on(BatchExecuteStatementCommand)
    .rejectsOnce(new Error('socket hang up'))
    .resolves({ Responses: Array.from({ length: 25 }, () => ({})) });

  expect((await writer()(someMarks(50))).size).toBe(25);
});

it('sends no further request to a table that does not respond: the remaining marks fail with the same cause', async () => {
  const cause = new Error('socket hang up');
  dynamodb.on(BatchExecuteStatementCommand).rejects(cause);

  const failures = await writer()(someMarks(1_000));

  expect(failures.size).toBe(1_000);
  expect(new Set(failures.values())).toEqual(new Set([cause]));
  expect(calls().length).toBeLessThanOrEqual(16);
});

it('never treats a missing response as a success', async () => {
  dynamodb.on(BatchExecuteStatementCommand).resolves({ Responses: [] });

  expect((await writer()([aMark(1)])).size).toBe(1);
});

describe('the time limit', () => {
  const LIMIT_MS = 10_000;
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  /** Marks, while each pause advances the time by 100 ms. Returns the failures and the duration. */
  const markWithin = async (marks: readonly Mark[], pause: (ms: number) => Promise<void>) => {
    const write = markWriter(
      new DynamoDBClient({}),
      { tableName: 'outbox', retentionSeconds: 60 },
      { now: Date.now },
      pause,
    );
    const begun = Date.now();
    let failures: ReadonlyMap<Mark, unknown> | undefined;
    void write(marks, LIMIT_MS).then((failed) => (failures = failed));
    while (failures === undefined) await jest.advanceTimersByTimeAsync(100);
    return { failures, tookMs: Date.now() - begun };
  };
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const everyPosition = [...someMarks(100), ...someMarks(100).map((mark) => ({ ...mark, id: `${mark.id}-again` }))];

  it.each([
    { table: 'that never answers', answerMs: Infinity, code: undefined },
    { table: 'that throttles for ever', answerMs: 100, code: 'ThrottlingError' as const },
    { table: 'that answers each call after 2.9 s and throttles', answerMs: 2_900, code: 'ThrottlingError' as const },
  ])('ends the work on a table $table', async ({ answerMs, code }) => {
    dynamodb.on(BatchExecuteStatementCommand).callsFake(async (input: { Statements: unknown[] }) => {
      if (answerMs === Infinity) return new Promise(() => undefined);
      await wait(answerMs);
      return { Responses: input.Statements.map(() => (code === undefined ? {} : { Error: { Code: code } })) };
    });

    const { failures, tookMs } = await markWithin(everyPosition, wait);

    expect(failures.size).toBe(everyPosition.length);
    expect(tookMs).toBeLessThanOrEqual(LIMIT_MS);
  });

  it('is enough for a table that responds after 2.9 s to each call', async () => {
    dynamodb.on(BatchExecuteStatementCommand).callsFake(async (input: { Statements: unknown[] }) => {
      await wait(2_900);
      return { Responses: input.Statements.map(() => ({})) };
    });

    const { failures, tookMs } = await markWithin(someMarks(1_000), wait);

    expect(failures.size).toBe(0);
    expect(tookMs).toBeLessThanOrEqual(LIMIT_MS);
  });

  it('of zero writes nothing', async () => {
    jest.useRealTimers();

    expect((await writer()(someMarks(30), 0)).size).toBe(30);

    expect(calls()).toEqual([]);
  });
});
