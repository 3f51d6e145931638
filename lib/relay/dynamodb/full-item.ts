import { DynamoDBServiceException } from '@aws-sdk/client-dynamodb';

/**
 * Whether an action of a transaction or batch was refused because its item has 400 KB or its collection 10 GB. DynamoDB
 * then refuses every write that adds to the item. The expressions are fixed, so a validation error has no other cause.
 */
export const isFull = (refusal: string | undefined): boolean =>
  refusal === 'ValidationError' || refusal === 'ItemCollectionSizeLimitExceeded';

/** Whether a single write, or the transaction action with this code, was refused because the collection has 10 GB. */
export const isCollectionFull = (refusal: unknown): boolean =>
  refusal === 'ItemCollectionSizeLimitExceeded' ||
  (refusal instanceof DynamoDBServiceException && refusal.name === 'ItemCollectionSizeLimitExceededException');

/** Whether a single write was refused because its item or its collection is full. */
export const isFullError = (error: unknown): boolean =>
  error instanceof DynamoDBServiceException &&
  (error.name === 'ValidationException' || error.name === 'ItemCollectionSizeLimitExceededException');
