import { GetItemCommand, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl, encodeHold, holdKey, type Hold } from '../../event/control';
import type { OutboxTable } from './pages';

/** The current hold of the key. */
export async function readHold({ client, tableName, home }: OutboxTable, pk: string): Promise<Hold | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall(holdKey(pk, home)) }),
  );
  return Item === undefined ? undefined : decodeControl([unmarshall(Item)]).holds.get(pk);
}

/** Replaces only the hold that was read: a drain or another relay may have replaced it. */
export function putHold(
  { tableName, home }: Pick<OutboxTable, 'tableName' | 'home'>,
  hold: Hold,
  known: Hold | undefined,
): TransactWriteItem {
  return {
    Put: {
      TableName: tableName,
      Item: marshall(encodeHold(hold, home), { removeUndefinedValues: true }),
      ...(known === undefined
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'revision = :known',
            ExpressionAttributeValues: { ':known': { S: known.revision } },
          }),
    },
  };
}
