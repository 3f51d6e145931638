import {
  UpdateItemCommand,
  type DynamoDBClient,
  type UpdateItemCommandInput,
  type UpdateItemCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { ifConditionHolds, isFullError } from '../../dynamodb/refusals';
import { IS_OPEN } from '../../event/item-state';
import type { ItemStore } from '../ports';
import { conditionalOn } from './item';

/** Counts on an item how often its publishing began without a normal end. */
export function crashCounter(
  client: DynamoDBClient,
  tableName: string,
): Pick<ItemStore, 'countAttempt' | 'clearAttempts'> {
  const update = async (input: UpdateItemCommandInput): Promise<UpdateItemCommandOutput | undefined> => {
    try {
      return await ifConditionHolds(client.send(new UpdateItemCommand(input)));
    } catch (error) {
      // The item is published without a count: a shard must not wait forever for room on an item.
      if (isFullError(error)) return undefined;
      throw error;
    }
  };

  return {
    async countAttempt(item) {
      const condition = conditionalOn(tableName, item, IS_OPEN);
      const counted = await update({
        ...condition,
        UpdateExpression: 'ADD starts :one',
        ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ':one': { N: '1' } },
        ReturnValues: 'UPDATED_NEW',
      });
      return Number(counted?.Attributes?.['starts']?.N ?? 0);
    },
    async clearAttempts(items) {
      for (const item of items) {
        await update({
          ...conditionalOn(tableName, item, 'attribute_exists(starts)'),
          UpdateExpression: 'REMOVE starts',
        });
      }
    },
  };
}
