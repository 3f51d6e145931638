import { GetItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { OutboxTarget } from './target';

/** An item as the table has it now, strongly consistent; `undefined` if there is none. */
export async function readItem(
  { client, tableName }: Pick<OutboxTarget, 'client' | 'tableName'>,
  { pk, sk }: { readonly pk: string; readonly sk: string },
): Promise<Record<string, AttributeValue> | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall({ pk, sk }) }),
  );
  return Item;
}
