import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { memoryClient } from '../../../lib/testing/dynamodb/client';
import { MemoryDynamoDb } from '../../../lib/testing/dynamodb/memory-dynamodb';

export const TABLE = 'outbox';
export const INBOX = 'inbox';

/** An outbox and an inbox in memory, behind the SDK's own client. */
export function tablesInMemory() {
  const key = { pk: 'S', sk: 'S' } as const;
  const dynamodb = new MemoryDynamoDb({ [TABLE]: key, [INBOX]: key }, Date.now);
  const newClient = (): DynamoDBClient => memoryClient(dynamodb, 'eu-west-1', () => undefined);
  const client = newClient();
  const put = async (...items: readonly Record<string, unknown>[]): Promise<void> => {
    for (const item of items) {
      const Item = marshall(item, { removeUndefinedValues: true });
      await client.send(new PutItemCommand({ TableName: TABLE, Item }));
    }
  };
  return { target: { client, tableName: TABLE }, newClient, put, items: () => dynamodb.items(TABLE) };
}
