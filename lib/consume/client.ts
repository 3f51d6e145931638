import type { CallOptions, TransactionClient } from '../event/transaction';

/** An item or a key as `@aws-sdk/lib-dynamodb` knows it: names and plain values. */
export type Item = Record<string, unknown>;

/** The part of `DynamoDBDocument` that a consumer calls, declared here so that the SDK's types are not needed. */
export interface ConsumerClient extends TransactionClient {
  /** Reads one item. */
  get(
    input: { TableName: string; Key: Item; ConsistentRead: boolean },
    options?: CallOptions,
  ): Promise<{ Item?: Item | undefined }>;
  /** Reads one page of a partition. */
  query(
    input: {
      TableName: string;
      KeyConditionExpression: string;
      ExpressionAttributeValues: Item;
      ConsistentRead: boolean;
      Limit: number;
      ExclusiveStartKey?: Item;
    },
    options?: CallOptions,
  ): Promise<{ Items?: Item[] | undefined; LastEvaluatedKey?: Item | undefined }>;
}
