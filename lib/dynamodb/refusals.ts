import type { Image } from '../event/item';
import { isRecord } from '../event/options';
import { field, isThrottling } from './sdk-error';

/** Why DynamoDB refused one action of a transaction. In errors the SDK leaves `Item` in DynamoDB's own typed form. */
export interface CancellationReason {
  readonly Code?: string;
  readonly Message?: string;
  readonly Item?: Image;
}

/** The reasons of a cancelled transaction by the index of the action; `undefined` for any other error. Never throws. */
export function cancellationReasons(error: unknown): readonly CancellationReason[] | undefined {
  if (field(error, 'name') !== 'TransactionCanceledException') return undefined;
  const reasons = field(error, 'CancellationReasons');
  return Array.isArray(reasons) ? Array.from(reasons as unknown[], reasonOf) : [];
}

/** The code of each action of a cancelled transaction; `None` for an action that was not refused. */
export const cancellationCodes = (error: unknown): readonly string[] | undefined =>
  cancellationReasons(error)?.map(({ Code = 'None' }) => Code);

function reasonOf(given: unknown): CancellationReason {
  const [code, message, item] = [field(given, 'Code'), field(given, 'Message'), field(given, 'Item')];
  return {
    ...(typeof code === 'string' ? { Code: code } : {}),
    ...(typeof message === 'string' ? { Message: message } : {}),
    ...(isRecord(item) ? { Item: item as Image } : {}),
  };
}

/** Whether an action of a transaction or batch was refused for a reason that passes, so that it may be sent again. */
export const isTransientCode = (code: string | undefined): boolean =>
  code === 'TransactionConflict' || code === 'InternalServerError' || isThrottling(code);

/**
 * Whether an action of a transaction or batch was refused because its item has 400 KB or its collection 10 GB. DynamoDB
 * then refuses every write that adds to the item. The expressions are fixed, so a validation error has no other cause.
 */
export const isFull = (code: string | undefined): boolean =>
  code === 'ValidationError' || code === 'ItemCollectionSizeLimitExceeded';

/** Whether a single write, or the transaction action with this code, was refused because the collection has 10 GB. */
export const isCollectionFull = (refusal: unknown): boolean =>
  refusal === 'ItemCollectionSizeLimitExceeded' ||
  field(refusal, 'name') === 'ItemCollectionSizeLimitExceededException';

/** Whether a single write was refused because its item or its collection is full. */
export const isFullError = (error: unknown): boolean =>
  field(error, 'name') === 'ValidationException' || isCollectionFull(error);

/** Resolves as a single conditional write does, or with `undefined` if its condition failed. */
export async function ifConditionHolds<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (field(error, 'name') === 'ConditionalCheckFailedException') return undefined;
    throw error;
  }
}
