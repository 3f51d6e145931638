import { DynamoDBServiceException } from '@aws-sdk/client-dynamodb';

/**
 * Whether an action of a transaction or of a batch was refused because the item has 400 KB, or its collection 10 GB: what
 * adds to it will never be taken. The expressions are fixed: nothing else about them is invalid.
 */
export const isFull = (refusal: string | undefined): boolean =>
  refusal === 'ValidationError' || refusal === 'ItemCollectionSizeLimitExceeded';

/** The same of a single write. */
export const isFullError = (error: unknown): boolean =>
  error instanceof DynamoDBServiceException &&
  (error.name === 'ValidationException' || error.name === 'ItemCollectionSizeLimitExceededException');
