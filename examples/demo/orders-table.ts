import {
  CreateTableCommand,
  DeleteTableCommand,
  waitUntilTableExists,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

const READY_TIMEOUT_SECONDS = 30;

/** The order service's own table, which the outbox knows nothing of. */
export async function createOrdersTable(client: DynamoDBClient, tableName: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  );
  await waitUntilTableExists({ client, minDelay: 1, maxWaitTime: READY_TIMEOUT_SECONDS }, { TableName: tableName });
}

export const dropOrdersTable = (client: DynamoDBClient, tableName: string): Promise<unknown> =>
  client.send(new DeleteTableCommand({ TableName: tableName }));
