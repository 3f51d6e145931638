import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DYNAMODB_TIMING } from '../environment';

/** The relay's client. Its timeouts leave time to report a table that does not respond. */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient =>
  new DynamoDBClient({
    maxAttempts: DYNAMODB_TIMING.attempts,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: DYNAMODB_TIMING.requestTimeoutMs,
      // Without it the SDK only warns and keeps waiting, such as for a socket that died in a frozen process.
      throwOnRequestTimeout: true,
    },
    // The SDK's logging middleware copies every input for `logger.info`, even if that discards it. Without that method,
    // a batch of marks takes a quarter less CPU.
    logger: { debug: silent, warn: silent, error: silent } as DynamoDBClientConfig['logger'],
    ...config,
  });

const silent = (): void => undefined;
