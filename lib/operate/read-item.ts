import { GetItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { OutboxTarget } from './target';
import { timeLimited } from './time-limit';

/**
 * An item as the table has it now, strongly consistent; `undefined` if there is none.
 *
 * @throws OutboxError `service-unavailable` if DynamoDB does not respond in time.
 */
export async function readItem(
  target: Pick<OutboxTarget, 'client' | 'tableName'>,
  { pk, sk }: { readonly pk: string; readonly sk: string },
): Promise<Record<string, AttributeValue> | undefined> {
  const { client, tableName } = timeLimited(target, `reading an item of ${pk}`);
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall({ pk, sk }) }),
  );
  return Item;
}
