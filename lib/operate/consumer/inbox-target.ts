import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** The table of one or more consumers. */
export interface InboxTarget {
  readonly client: DynamoDBClient;
  readonly tableName: string;
}
