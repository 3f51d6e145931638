import { ConditionalCheckFailedException, UpdateItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { formatReceipt } from '../../event/receipt';
import { forEachKey } from '../key-work';
import type { ItemStore, Mark } from '../ports';
import { isFullError } from './full-item';
import { timeLimit } from './time-limit';

/** Notes on open items which of their events are published already. One call for each: they are few, and rare. */
export function receiptWriter(client: DynamoDBClient, tableName: string): Required<ItemStore>['noteReceipts'] {
  const write = ({ pk, sk, id, receipts }: Mark, abortSignal: AbortSignal): Promise<unknown> =>
    client.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: marshall({ pk, sk }),
        UpdateExpression: 'SET receipts = :receipts',
        ConditionExpression: 'id = :id AND attribute_not_exists(processedAt) AND attribute_not_exists(discarded)',
        ExpressionAttributeValues: {
          ':id': { S: id },
          ':receipts': { L: receipts.map((receipt) => ({ S: formatReceipt(receipt) })) },
        },
      }),
      { abortSignal },
    );

  return async (marks, timeLimitMs) => {
    const limit = timeLimit(timeLimitMs);
    const failures = new Map<Mark, unknown>();
    await forEachKey(marks, async (mark) => {
      try {
        await limit.within((abortSignal) => write(mark, abortSignal));
      } catch (cause) {
        // Processed, discarded or replaced meanwhile, or without room for a note.
        if (cause instanceof ConditionalCheckFailedException || isFullError(cause)) return;
        failures.set(mark, cause);
      }
    });
    limit.end();
    return failures;
  };
}
