import { DynamoDBServiceException } from '@aws-sdk/client-dynamodb';

/**
 * Whether an action of a transaction or of a batch was refused because the item has 400 KB, or its collection 10 GB: what
 * adds to it will never be taken. The expressions are fixed: nothing else about them is invalid.
 */
export const isFull = (refusal: string | undefined): boolean =>
  refusal === 'ValidationError' || refusal === 'ItemCollectionSizeLimitExceeded';

/** Whether a single write, or the action of a transaction with this code, was refused because the collection has 10 GB. */
export const isCollectionFull = (refusal: unknown): boolean =>
  refusal === 'ItemCollectionSizeLimitExceeded' ||
  (refusal instanceof DynamoDBServiceException && refusal.name === 'ItemCollectionSizeLimitExceededException');

/** Of a single write: that its item or its collection is full. */
export const isFullError = (error: unknown): boolean =>
  error instanceof DynamoDBServiceException &&
  (error.name === 'ValidationException' || error.name === 'ItemCollectionSizeLimitExceededException');
