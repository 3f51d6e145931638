import type { CallOptions, TransactionClient } from '../dynamodb/transaction';

/** An item or a key as `@aws-sdk/lib-dynamodb` knows it: names and plain values. */
export type TableItem = Record<string, unknown>;

/** The part of `DynamoDBDocument` that a consumer calls, declared here so that the SDK's types are not needed. */
export interface ConsumerClient extends TransactionClient {
  /** Reads one item. */
  get(
    input: { TableName: string; Key: TableItem; ConsistentRead: boolean },
    options?: CallOptions,
  ): Promise<{ Item?: TableItem | undefined }>;
  /** Reads one page of a partition. */
  query(
    input: {
      TableName: string;
      KeyConditionExpression: string;
      ExpressionAttributeValues: TableItem;
      ConsistentRead: boolean;
      Limit: number;
      ExclusiveStartKey?: TableItem;
    },
    options?: CallOptions,
  ): Promise<{ Items?: TableItem[] | undefined; LastEvaluatedKey?: TableItem | undefined }>;
}
