import { OutboxError } from '../event/errors';
import { itemBytes } from './item-size';
import type { TransactionAction } from './transaction';

/** Limits of `TransactWriteItems` and of items: Amazon DynamoDB developer guide, "Quotas". */
export const DYNAMODB_LIMITS = {
  transactionActions: 100,
  transactionBytes: 4 * 1024 * 1024,
  itemBytes: 400 * 1024,
} as const;

/**
 * Refuses a transaction that `TransactWriteItems` would refuse for its size. For an update only the size of the call is
 * known, so DynamoDB may still refuse the result.
 */
export function checkTransactionSize(actions: readonly TransactionAction[]): void {
  const { transactionActions: max, transactionBytes: maxBytes } = DYNAMODB_LIMITS;
  if (actions.length > max) {
    throw new OutboxError(
      'too-many-actions',
      `The transaction has ${actions.length} actions, DynamoDB takes ${max}. Split it where it need not be atomic.`,
      { got: actions.length, max },
    );
  }
  const bytes = actions.reduce((sum, action, index) => sum + checkAction(action, index), 0);
  if (bytes > maxBytes) {
    throw new OutboxError(
      'transaction-too-large',
      `The transaction's items take ${bytes} bytes; DynamoDB takes ${maxBytes}. Split it where it need not be atomic.`,
      { bytes, maxBytes },
    );
  }
}

/** The bytes of an action, as far as they are known: for an update those of the call. */
export function actionBytes({ Put, Update, Delete, ConditionCheck }: TransactionAction): number {
  const keyed = Update ?? Delete ?? ConditionCheck;
  return itemBytes(Put?.Item ?? keyed?.Key ?? {}) + itemBytes(Update?.ExpressionAttributeValues ?? {});
}

function checkAction(action: TransactionAction, index: number): number {
  const { Put } = action;
  const bytes = actionBytes(action);
  const maxBytes = DYNAMODB_LIMITS.itemBytes;
  if (Put === undefined || bytes <= maxBytes) return bytes;
  const table = Put.TableName ?? '';
  throw new OutboxError(
    'action-too-large',
    `Action ${index} puts an item of ${bytes} bytes into table "${table}"; DynamoDB takes ${maxBytes}.`,
    { index, table, bytes, maxBytes },
  );
}
