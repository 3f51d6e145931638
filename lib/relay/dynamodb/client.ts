import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DYNAMODB_TIMING } from '../environment';

/** The relay's client: it gives up on a table that does not answer while there is time to say so. */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient =>
  new DynamoDBClient({
    maxAttempts: DYNAMODB_TIMING.attempts,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: DYNAMODB_TIMING.requestTimeoutMs,
      // Without it the SDK only warns and waits on, for a socket that died while the process was frozen for example.
      throwOnRequestTimeout: true,
    },
    // The SDK's logging middleware copies every input for `logger.info`, even when it goes nowhere: without that method
    // a batch of marks takes a quarter less CPU.
    logger: { debug: silent, warn: silent, error: silent } as DynamoDBClientConfig['logger'],
    ...config,
  });

const silent = (): void => undefined;
