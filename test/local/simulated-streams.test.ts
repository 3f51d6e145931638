import {
  BatchExecuteStatementCommand,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTableCommand,
  type AttributeValue,
  type BatchStatementRequest,
  type StreamViewType,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as StreamRecord,
} from '@aws-sdk/client-dynamodb-streams';
import { LOCAL_REGION, localClientConfig } from '../../local/dynamodb';
import { SimulatedServer } from '../../local/simulated-dynamodb/http-server';
import { SERVER_DEFAULTS } from '../../local/simulated-dynamodb/protocol';
import { sharedDynamoDb } from './harness/shared-servers';

/** A client of one of the two databases. */
interface Database {
  readonly client: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
}

let simulated: SimulatedServer;
let both: readonly Database[];

beforeAll(async () => {
  simulated = new SimulatedServer({ ...SERVER_DEFAULTS, region: LOCAL_REGION });
  both = [await simulated.listen(), await sharedDynamoDb()].map((endpoint) => ({
    client: new DynamoDBClient({ ...localClientConfig(endpoint), maxAttempts: 1 }),
    streams: new DynamoDBStreamsClient({ ...localClientConfig(endpoint), maxAttempts: 1 }),
  }));
});

afterAll(async () => {
  for (const { client, streams } of both) {
    client.destroy();
    streams.destroy();
  }
  await simulated.stop();
});

const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number | string): AttributeValue => ({ N: String(number) });
const keyOf = (pk: string, sk: string) => ({ pk: S(pk), sk: S(sk) });

/** The result of a call, or the name of its error. */
const outcomeOf = <T>(call: Promise<T>): Promise<T | string> => call.catch((error: unknown) => (error as Error).name);

const createTable = ({ client }: Database, TableName: string, StreamViewType: StreamViewType) =>
  client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType },
    }),
  );

/** Writes of every kind. Some change nothing, and some are refused. */
async function writeAll({ client }: Database, TableName: string): Promise<void> {
  const put = (pk: string, sk: string, more: Record<string, AttributeValue> = {}) => ({
    ...{ TableName, Item: { ...keyOf(pk, sk), ...more } },
  });
  const update = (pk: string, sk: string, UpdateExpression?: string, values?: Record<string, AttributeValue>) => ({
    ...{ TableName, Key: keyOf(pk, sk), UpdateExpression, ExpressionAttributeValues: values },
  });
  const remove = (pk: string, sk: string) => ({ TableName, Key: keyOf(pk, sk) });

  await client.send(new PutItemCommand(put('a', '1', { id: S('x'), n: N('1.0') })));
  await client.send(new PutItemCommand(put('a', '1', { n: N(1), id: S('x') })));
  await client.send(new PutItemCommand(put('a', '1', { n: N(2), id: S('x') })));
  await client.send(new UpdateItemCommand(update('a', '1', 'SET n = :n', { ':n': N(2) })));
  await client.send(new UpdateItemCommand(update('a', '1', 'SET m = :n REMOVE n', { ':n': N(2) })));
  await client.send(new UpdateItemCommand(update('a', '2')));
  await client.send(new UpdateItemCommand(update('a', '2')));
  await client.send(new DeleteItemCommand(remove('a', '9')));
  await client.send(new DeleteItemCommand(remove('a', '2')));
  const transaction = [
    { Put: put('b', '1', { id: S('i1') }) },
    { Put: put('b', '2', { id: S('i2'), list: { L: [{ M: { äöü: { BOOL: true } } }, { NULL: true }] } }) },
    { ConditionCheck: { ...remove('a', '1'), ConditionExpression: 'attribute_exists(pk)' } },
    { Update: { ...update('c', '1', 'SET s = :s', { ':s': { SS: ['b', 'a'] } }), UpdateExpression: 'SET s = :s' } },
  ];
  await client.send(new TransactWriteItemsCommand({ TransactItems: transaction }));
  await client.send(new UpdateItemCommand(update('c', '1', 'SET s = :s', { ':s': { SS: ['a', 'b'] } })));
  const refused = [
    { Put: put('z', '1') },
    { Put: { ...put('b', '2'), ConditionExpression: 'attribute_not_exists(pk)' } },
  ];
  await outcomeOf(client.send(new TransactWriteItemsCommand({ TransactItems: refused })));
  const batch = [
    { PutRequest: { Item: put('d', '1', { bytes: { B: Buffer.from('ab') } }).Item } },
    { DeleteRequest: { Key: keyOf('b', '1') } },
  ];
  await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: batch } }));
  for (const statements of marks(TableName)) {
    await outcomeOf(client.send(new BatchExecuteStatementCommand({ Statements: statements })));
  }
}

/** Calls such as the relay's, and calls that are refused as a whole or in part. */
function marks(TableName: string): BatchStatementRequest[][] {
  const where = 'WHERE "pk"=? AND "sk"=? AND "id"=?';
  const statement = (text: string, ...Parameters: AttributeValue[]): BatchStatementRequest => ({
    Statement: text.replace('TABLE', `"${TableName}"`),
    ...(Parameters.length === 0 ? {} : { Parameters }),
  });
  const mark = (value: number, pk: string, sk: string, id: string, text = 'r'): BatchStatementRequest =>
    statement(`UPDATE TABLE SET "p"=? SET "q"=? ${where}`, N(value), { L: [S(text)] }, S(pk), S(sk), S(id));
  const remove = (pk: string, sk: string, id: string) => statement(`DELETE FROM TABLE ${where}`, S(pk), S(sk), S(id));
  return [
    [mark(1, 'b', '2', 'i2')],
    [mark(1, 'b', '2', 'i2')],
    [mark(2, 'b', '2', 'other'), mark(2, 'missing', '2', 'i2'), mark(2, 'a', '1', 'x')],
    [statement('UPDATE TABLE SET "p"=? WHERE "pk"=? AND "sk"=?', N(1), S('missing'), S('2'))],
    [statement(`UPDATE TABLE SET "p"=? REMOVE "q" ${where}`, N(5), S('b'), S('2'), S('i2'))],
    [statement(`UPDATE TABLE SET "p"=? REMOVE "none" ${where}`, N(6), S('b'), S('2'), S('i2'))],
    [statement('UPDATE TABLE SET "p"=? WHERE "pk"=?', N(5), S('b'))],
    [statement(`UPDATE "nowhere" SET "p"=? ${where}`, N(5), S('b'), S('2'), S('i2')), mark(7, 'b', '2', 'i2')],
    [statement(`UPDATE TABLE SET "p"=? ${where}`, N(5), S('b'), S('2'))],
    [statement(`UPDATE TABLE SET "pk"=? ${where}`, S('x'), S('b'), S('2'), S('i2'))],
    [statement(`UPDATE TABLE SET "p"=? ${where}`, N(5), N(1), S('2'), S('i2'))],
    [statement(`UPDATE TABLE SET "full"=? ${where}`, S('x'.repeat(409_000)), S('b'), S('2'), S('i2'))],
    [mark(8, 'b', '2', 'i2', 'x'.repeat(2_000)), mark(8, 'a', '1', 'x')],
    [remove('b', '2', 'other')],
    [remove('b', '2', 'i2')],
    [remove('b', '2', 'i2')],
    Array.from({ length: 26 }, (_, at) => mark(9, `many${at}`, '1', 'x')),
  ];
}

/** What the relay reads of a statement's outcome. */
const codesOf = ({ client }: Database, Statements: BatchStatementRequest[]): Promise<unknown> =>
  outcomeOf(
    client
      .send(new BatchExecuteStatementCommand({ Statements }))
      .then(({ Responses = [] }) => Responses.map(({ Error: error, TableName }) => [TableName, error?.Code])),
  );

/** The records of all shards by item, in order, without the parts that depend on the server. */
async function recordsOf({ client, streams }: Database, TableName: string): Promise<unknown> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName }));
  const StreamArn = Table?.LatestStreamArn;
  await client.send(new UpdateTableCommand({ TableName, StreamSpecification: { StreamEnabled: false } }));
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const records: StreamRecord[] = [];
  for (const { ShardId } of StreamDescription?.Shards ?? []) {
    const start = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await streams.send(new GetShardIteratorCommand(start));
    while (ShardIterator !== undefined) {
      const { Records = [], NextShardIterator } = await streams.send(
        new GetRecordsCommand({ ShardIterator, Limit: 5 }),
      );
      records.push(...Records);
      ShardIterator = NextShardIterator;
    }
  }
  const plain = records.map(({ eventName, eventVersion, eventSource, dynamodb = {} }) => {
    const { ApproximateCreationDateTime: _, SequenceNumber: __, ...shown } = dynamodb;
    return { eventName, eventVersion, eventSource, ...shown };
  });
  return Object.fromEntries(Map.groupBy(plain, ({ Keys }) => JSON.stringify([Keys?.['pk']?.S, Keys?.['sk']?.S])));
}

const withSortedSets = (found: unknown): unknown =>
  JSON.parse(JSON.stringify(found, (name, value: unknown) => (name === 'SS' ? (value as string[]).toSorted() : value)));

describe('as DynamoDB Local', () => {
  const VIEW_TYPES: StreamViewType[] = ['NEW_IMAGE', 'NEW_AND_OLD_IMAGES', 'OLD_IMAGE', 'KEYS_ONLY'];

  it.each(VIEW_TYPES)('has the same records of the same writes: %s', async (viewType) => {
    const table = `records-${viewType.toLowerCase()}`;
    const found = await Promise.all(
      both.map(async (database) => {
        await createTable(database, table, viewType);
        await writeAll(database, table);
        return withSortedSets(await recordsOf(database, table));
      }),
    );
    expect(Object.keys(found[0] as object)).toHaveLength(6);
    expect(found[0]).toEqual(found[1]);
  });

  it('answers statements with the same errors', async () => {
    const table = 'statements';
    const found = await Promise.all(
      both.map(async (database) => {
        await createTable(database, table, 'NEW_IMAGE');
        await writeAll(database, table);
        const { client } = database;
        const items = ['a/1/x', 'b/2/i2'].map((name) => name.split('/') as [string, string, string]);
        for (const [pk, sk, id] of items) {
          await client.send(new PutItemCommand({ TableName: table, Item: { ...keyOf(pk, sk), id: S(id) } }));
        }
        const codes: unknown[] = [];
        for (const statements of marks(table)) codes.push(await codesOf(database, statements));
        return codes;
      }),
    );
    expect(found[0]).toEqual(found[1]);
  });
});
