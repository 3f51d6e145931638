import {
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';

type Page = readonly Record<string, AttributeValue>[];

/** The items that a Query finds, page by page. Not the paginator of the SDK: that takes clients of its own copy alone. */
export async function* queryPages(
  client: DynamoDBClient,
  input: Omit<QueryCommandInput, 'ExclusiveStartKey'>,
): AsyncGenerator<Page> {
  let from: Record<string, AttributeValue> | undefined;
  do {
    const { Items, LastEvaluatedKey } = await client.send(new QueryCommand({ ...input, ExclusiveStartKey: from }));
    yield Items ?? [];
    from = LastEvaluatedKey;
  } while (from !== undefined);
}

/** Everything of a partition, strongly consistent. */
export const partitionPages = (client: DynamoDBClient, tableName: string, pk: string): AsyncGenerator<Page> =>
  queryPages(client, {
    TableName: tableName,
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': { S: pk } },
  });
