import { GetItemCommand, type DynamoDBClient, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl, encodeHold, holdKey, type Hold } from '../../event/control';

/** The current hold of the key. */
export async function readHold(client: DynamoDBClient, tableName: string, pk: string): Promise<Hold | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall(holdKey(pk)) }),
  );
  return Item === undefined ? undefined : decodeControl([unmarshall(Item)]).holds.get(pk);
}

/** Replaces only the hold that was read: a drain or another relay may have replaced it. */
export function putHold(tableName: string, hold: Hold, known: Hold | undefined): TransactWriteItem {
  return {
    Put: {
      TableName: tableName,
      Item: marshall(encodeHold(hold), { removeUndefinedValues: true }),
      ...(known === undefined
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'revision = :known',
            ExpressionAttributeValues: { ':known': { S: known.revision } },
          }),
    },
  };
}
