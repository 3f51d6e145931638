import { isDeepStrictEqual } from 'node:util';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { memoryClient } from '../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../lib/testing/dynamodb/memory-dynamodb';
import { RESERVED_WORDS } from '../../lib/testing/dynamodb/reserved-words';
import { localClientConfig } from '../../local/dynamodb';
import { fuzz } from './fuzz/fuzz';
import { SCRIPTS } from './harness/dynamodb-scripts';
import { emptyDatabase, sharedDynamoDb } from './harness/shared-servers';

let real: DynamoDBDocument;

const TABLES = { pairs: { pk: 'S', sk: 'S' }, singles: { id: 'S' } } as const;

beforeAll(async () => {
  const client = new DynamoDBClient(localClientConfig(await sharedDynamoDb()));
  real = DynamoDBDocument.from(client);
  for (const [TableName, schema] of Object.entries(TABLES)) {
    const keys = Object.keys(schema);
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: keys.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
      }),
    );
  }
});

afterAll(() => real.destroy());

/** The response to a request or the SDK's error, without the parts that depend on the server. */
async function outcomeOf(request: () => Promise<object>): Promise<unknown> {
  try {
    const { $metadata: _, ConsumedCapacity: __, ...answer } = (await request()) as Record<string, unknown>;
    return JSON.parse(JSON.stringify(answer, plain));
  } catch (error) {
    const { name, CancellationReasons, Item } = error as Error & {
      CancellationReasons?: { Code?: string; Item?: unknown }[];
      Item?: unknown;
    };
    const reasons = CancellationReasons?.map(({ Code, Item: item }) => ({ Code, Item: item }));
    return JSON.parse(JSON.stringify({ error: name, reasons, Item }, plain));
  }
}

const plain = (_: string, value: unknown): unknown => {
  if (value instanceof Set) return { set: [...(value as Set<unknown>)].map(String).toSorted() };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  return value;
};

describe.each(Object.entries(SCRIPTS))('as DynamoDB Local: %s', (_, script) => {
  const inMemory = DynamoDBDocument.from(
    memoryClient(new MemoryDynamoDb(TABLES, Date.now), 'eu-west-1', () => undefined),
  );

  it.each(script)('%s', async (_name, request) => {
    expect(await outcomeOf(() => request(inMemory))).toEqual(await outcomeOf(() => request(real)));
  });
});

it('responds to random requests as DynamoDB Local does', async () => {
  // Its own database, because the random requests use the same names of tables with other keys.
  const { dynamodbEndpoint, accessKeyId } = await emptyDatabase();
  const client = new DynamoDBClient(localClientConfig(dynamodbEndpoint, accessKeyId));
  try {
    const { shortest, counts } = await fuzz(client, Number(process.env['SEED'] ?? 20_261_129), 200);
    expect(shortest).toBeUndefined();
    expect(counts.requests).toBeGreaterThanOrEqual(200);
    expect(counts.accepted).toBeGreaterThan(40);
  } finally {
    client.destroy();
  }
}, 900_000);

it('knows the words that DynamoDB reserves', async () => {
  const words = [...RESERVED_WORDS, 'ORDER_ID', 'VERSION', 'REVISION', 'PARKED', 'EVENTS', 'OUTBOX'];
  const refused: string[] = [];
  for (const word of words) {
    const answer = await outcomeOf(() =>
      real.get({ TableName: 'singles', Key: { id: 'x' }, ProjectionExpression: word.toLowerCase() }),
    );
    if (isDeepStrictEqual(answer, { error: 'ValidationException' })) refused.push(word);
  }
  // The developer guide reserves these two as well.
  expect([...refused, 'CONVERT', 'SIZE'].toSorted()).toEqual([...RESERVED_WORDS].toSorted());
});
