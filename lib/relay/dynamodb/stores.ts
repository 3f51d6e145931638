import {
  UpdateItemCommand,
  type DynamoDBClient,
  type UpdateItemCommandInput,
  type UpdateItemCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { wait } from '../../timing/wait';
import type { RelayConfig } from '../environment';
import type { Clock, RelayPorts, ItemStore } from '../ports';
import { controlStore } from './control';
import { ControlWriter } from './control-writer';
import { drainStore } from './drains';
import { keyReader } from './keys';
import { markWriter, receiptWriter } from './marks';
import { parkWriter } from './park';
import { signalStore } from './signals';
import { ifConditionHolds, isFullError } from '../../dynamodb/refusals';
import { IS_OPEN } from '../../event/item-state';
import type { DirectCalls } from './direct-calls';
import { conditionalOn } from './item';

type Stores = Pick<RelayPorts, 'items' | 'keys' | 'control' | 'drains' | 'signals'>;

/**
 * The stores of one relay process over its table. They share one writer to the control partition.
 *
 * @param direct - for the calls that take most of the CPU: marks, and look-ups by position
 */
export function dynamoDbStores(
  client: DynamoDBClient,
  { tableName, retentionSeconds, home }: Pick<RelayConfig, 'tableName' | 'retentionSeconds' | 'home'>,
  clock: Clock,
  direct?: DirectCalls,
): Stores {
  const table = { client, tableName, home };
  const writer = new ControlWriter(table, wait);
  return {
    items: {
      mark: markWriter(client, { tableName, retentionSeconds }, clock, wait, direct),
      ...parkWriter(table, writer, clock),
      ...crashCounter(client, tableName),
      // Each region publishes to its own brokers: receipts of one region must not count in another.
      ...(home === undefined ? { noteReceipts: receiptWriter(client, tableName) } : {}),
    },
    keys: keyReader(table, wait, direct),
    control: controlStore(table, clock),
    drains: drainStore({ ...table, retentionSeconds }, writer, clock),
    signals: signalStore(client, tableName, clock),
  };
}

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
