import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl, encodeHold, holdKey, type Hold } from '../../event/control';
import { readItem } from './item';
import type { OutboxTable } from './pages';

/** The current hold of the key. */
export async function readHold(table: OutboxTable, pk: string): Promise<Hold | undefined> {
  const item = await readItem(table, holdKey(pk, table.home));
  return item === undefined ? undefined : decodeControl([unmarshall(item)]).holds.get(pk);
}

/** Replaces only the hold that was read: a drain or another relay may have replaced it. */
export const putHold = (
  { tableName, home }: Pick<OutboxTable, 'tableName' | 'home'>,
  hold: Hold,
  known: Hold | undefined,
): TransactWriteItem => ({
  Put: {
    TableName: tableName,
    Item: marshall(encodeHold(hold, home), { removeUndefinedValues: true }),
    ConditionExpression: known === undefined ? 'attribute_not_exists(pk)' : 'revision = :known',
    ExpressionAttributeValues: known && { ':known': { S: known.revision } },
  },
});
