import {
  CreateTableCommand,
  DeleteTableCommand,
  waitUntilTableExists,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

const READY_TIMEOUT_SECONDS = 30;

/** Creates a table for a service, with string keys. The outbox does not know it. */
export async function createTable(
  client: DynamoDBClient,
  tableName: string,
  keys: readonly [partition: string, sort?: string],
): Promise<void> {
  const names = keys.filter((name) => name !== undefined);
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: names.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
    }),
  );
  await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: READY_TIMEOUT_SECONDS }, { TableName: tableName });
}

export const dropTable = (client: DynamoDBClient, tableName: string): Promise<unknown> =>
  client.send(new DeleteTableCommand({ TableName: tableName }));
