import {
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { ItemIdentity, ItemStore } from '../ports';
import { ifConditionHolds, isFullError } from '../../dynamodb/refusals';
import { IS_OPEN } from '../../event/item-state';

/** Counts on an item how often its publishing began without a normal end. */
export function crashCounter(
  client: DynamoDBClient,
  tableName: string,
): Pick<ItemStore, 'countAttempt' | 'clearAttempts'> {
  const update = async (
    { pk, sk, id }: ItemIdentity,
    expression: string,
    condition: string,
    values: Record<string, AttributeValue>,
  ): Promise<Record<string, AttributeValue> | undefined> => {
    const ofItem = id === undefined ? values : { ...values, ':id': { S: id } };
    const input: UpdateItemCommandInput = {
      TableName: tableName,
      Key: marshall({ pk, sk }),
      UpdateExpression: expression,
      ConditionExpression: id === undefined ? condition : `${condition} AND id = :id`,
      ReturnValues: 'UPDATED_NEW',
      ...(Object.keys(ofItem).length === 0 ? {} : { ExpressionAttributeValues: ofItem }),
    };
    try {
      return (await ifConditionHolds(client.send(new UpdateItemCommand(input))))?.Attributes;
    } catch (error) {
      // The item is published without a count: a shard must not wait forever for room on an item.
      if (isFullError(error)) return undefined;
      throw error;
    }
  };

  return {
    async countAttempt(item) {
      const counted = await update(item, 'ADD starts :one', IS_OPEN, { ':one': { N: '1' } });
      return Number(counted?.['starts']?.N ?? 0);
    },
    async clearAttempts(items) {
      for (const item of items) await update(item, 'REMOVE starts', 'attribute_exists(starts)', {});
    },
  };
}
