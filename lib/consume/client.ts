import type { TransactionClient } from '../event/transaction';

type Item = Record<string, unknown>;

/** The part of `DynamoDBDocument` that a consumer calls, described here so that its types are not needed either. */
export interface ConsumerClient extends TransactionClient {
  get(input: { TableName: string; Key: Item; ConsistentRead: boolean }): Promise<{ Item?: Item | undefined }>;
  query(input: {
    TableName: string;
    KeyConditionExpression: string;
    ExpressionAttributeValues: Item;
    ConsistentRead: boolean;
    Limit: number;
    ExclusiveStartKey?: Item;
  }): Promise<{ Items?: Item[] | undefined; LastEvaluatedKey?: Item | undefined }>;
}
