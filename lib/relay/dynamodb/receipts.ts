import { UpdateItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { storedReceipts } from '../../event/receipt';
import { forEachKey } from '../for-each-key';
import type { ItemStore, Mark } from '../ports';
import { ifConditionHolds, isFullError } from '../../dynamodb/refusals';
import { IS_OPEN } from '../../event/item-state';
import { timeLimit } from './time-limit';

/** Records on open items which of their events are already published. One call per item: these items are rare. */
export function receiptWriter(client: DynamoDBClient, tableName: string): Required<ItemStore>['noteReceipts'] {
  const write = ({ pk, sk, id, receipts }: Mark, abortSignal: AbortSignal): Promise<unknown> =>
    client.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: marshall({ pk, sk }),
        UpdateExpression: 'SET receipts = :receipts',
        ConditionExpression: `${IS_OPEN} AND id = :id`,
        ExpressionAttributeValues: {
          ':id': { S: id },
          ':receipts': storedReceipts(receipts),
        },
      }),
      { abortSignal },
    );

  return async (marks, timeLimitMs) => {
    const withinLimit = timeLimit(timeLimitMs);
    const failures = new Map<Mark, unknown>();
    await forEachKey(marks, async (mark) => {
      try {
        await ifConditionHolds(withinLimit((abortSignal) => write(mark, abortSignal)));
      } catch (cause) {
        // The item may have no room for the note.
        if (!isFullError(cause)) failures.set(mark, cause);
      }
    });
    return failures;
  };
}
