import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { createInboxTable } from '../../lib/operator';
import { localClientConfig, startDynamoDb, type LocalDynamoDb } from '../../local/dynamodb';

let server: LocalDynamoDb;
let client: DynamoDBClient;

beforeAll(async () => {
  // Not shared, because a test pauses it.
  server = await startDynamoDb();
  client = new DynamoDBClient(localClientConfig(server.endpoint));
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

it('creates the table of a consumer once, by whom it is called', async () => {
  const outcomes = await Promise.all([createInboxTable(client, 'inbox'), createInboxTable(client, 'inbox')]);
  expect(outcomes.toSorted()).toEqual(['created', 'existed']);
  await expect(createInboxTable(client, 'inbox')).resolves.toBe('existed');
  await expect(client.send(new DescribeTableCommand({ TableName: 'inbox' }))).resolves.toMatchObject({
    Table: {
      TableStatus: 'ACTIVE',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    },
  });
  await expect(client.send(new DescribeTimeToLiveCommand({ TableName: 'inbox' }))).resolves.toMatchObject({
    TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' },
  });
});

it('refuses the table of something else', async () => {
  await client.send(
    new CreateTableCommand({
      TableName: 'orders',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  await expect(createInboxTable(client, 'orders')).rejects.toMatchObject({
    code: 'operation-refused',
    message: expect.stringContaining('id (HASH, S)') as string,
  });
});

it('ends with its time limit when DynamoDB does not answer', async () => {
  server.pause();
  try {
    await expect(createInboxTable(client, 'late', { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'service-unavailable',
    });
  } finally {
    server.resume();
  }
});
