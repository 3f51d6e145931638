import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { memoryClient } from '../../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../../lib/testing/dynamodb/memory-dynamodb';
import { localClientConfig } from '../../../../local/dynamodb';
import { SCRIPTS } from '../../../local/harness/dynamodb-scripts';
import { runServer, TableName, type RunningServer } from './server';

// test/local/memory-dynamodb.test.ts compares the tables in memory with DynamoDB Local.

let server: RunningServer;
let overHttp: DynamoDBDocument;
const TABLES = { pairs: { pk: 'S', sk: 'S' }, singles: { id: 'S' } } as const;
const inMemory = DynamoDBDocument.from(
  memoryClient(new MemoryDynamoDb(TABLES, Date.now), 'eu-west-1', () => undefined),
);

beforeAll(async () => {
  server = await runServer();
  overHttp = DynamoDBDocument.from(new DynamoDBClient({ ...localClientConfig(server.endpoint), maxAttempts: 1 }));
  for (const [name, schema] of Object.entries(TABLES)) {
    const keys = Object.keys(schema);
    await overHttp.send(
      new CreateTableCommand({
        TableName: name,
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: keys.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
      }),
    );
  }
});

afterAll(async () => {
  overHttp.destroy();
  await server.stop();
});

const outcomeOf = async (request: () => Promise<object>): Promise<unknown> => {
  try {
    return await request();
  } catch (error) {
    const { name, message, CancellationReasons, Item } = error as Error & {
      readonly CancellationReasons?: unknown;
      readonly Item?: unknown;
    };
    return { error: name, message, CancellationReasons, Item };
  }
};

const withoutMetadata = (outcome: unknown): unknown => {
  const { $metadata: _, ConsumedCapacity: __, ...rest } = outcome as Record<string, unknown>;
  return rest;
};

describe.each(Object.entries(SCRIPTS))('over HTTP as the tables of the test kit: %s', (_, script) => {
  it.each(script)('%s', async (_name, request) => {
    const [simulated, expected] = [await outcomeOf(() => request(overHttp)), await outcomeOf(() => request(inMemory))];
    expect(withoutMetadata(simulated)).toEqual(withoutMetadata(expected));
  });
});

describe('pages of a scan', () => {
  it('has each item once in the segments of a parallel scan, also if the page border is deleted meanwhile', async () => {
    for (let at = 0; at < 50; at++) await server.put(`scan#${at % 20}`, String(at).padStart(3, '0'));
    const found: string[] = [];
    let deleted = 0;
    for (let Segment = 0; Segment < 3; Segment++) {
      let ExclusiveStartKey: Record<string, unknown> | undefined;
      do {
        const page = await overHttp.scan({ TableName, Limit: 4, Segment, TotalSegments: 3, ExclusiveStartKey });
        found.push(...(page.Items ?? []).map(({ pk, sk }) => `${String(pk)}/${String(sk)}`));
        ExclusiveStartKey = page.LastEvaluatedKey;
        if (ExclusiveStartKey !== undefined) {
          await overHttp.delete({ TableName, Key: ExclusiveStartKey });
          deleted++;
        }
      } while (ExclusiveStartKey !== undefined);
    }
    expect(deleted).toBeGreaterThan(6);
    expect(new Set(found).size).toBe(50);
    expect(found).toHaveLength(50);
  });
});

it('returns the units that a request consumes, and counts those of writes', async () => {
  const ReturnConsumedCapacity = 'TOTAL' as const;
  const Item = { pk: 'units', sk: '1', text: 'x'.repeat(3_000) };
  const put = await overHttp.put({ TableName, Item, ReturnConsumedCapacity });
  expect(put.ConsumedCapacity).toEqual({ TableName, CapacityUnits: 3 });
  const { ConsumedCapacity: ofTransaction } = await overHttp.transactWrite({
    TransactItems: [
      { Put: { TableName, Item: { pk: 'units', sk: '2' } } },
      { Delete: { TableName, Key: { pk: 'units', sk: '1' } } },
    ],
    ReturnConsumedCapacity,
  });
  expect(ofTransaction).toEqual([{ TableName, CapacityUnits: 8 }]);
  const read = await overHttp.get({ TableName, Key: { pk: 'units', sk: '2' }, ReturnConsumedCapacity });
  expect(read.ConsumedCapacity).toEqual({ TableName, CapacityUnits: 0.5 });
  const { writeUnits, requests } = await server.control.statistics();
  expect(writeUnits[TableName]).toBeGreaterThanOrEqual(11);
  expect(requests['TransactWriteItems']).toBeGreaterThan(0);
});

it('refuses what it does not simulate, with an error that no client retries', async () => {
  await expect(
    overHttp.query({ TableName, IndexName: 'pin', KeyConditionExpression: 'pk = :p' }),
  ).rejects.toMatchObject({
    name: 'NotSimulatedException',
    $retryable: undefined,
  });
});
