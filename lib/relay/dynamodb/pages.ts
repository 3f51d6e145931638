import {
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';

type Page = readonly Record<string, AttributeValue>[];

/**
 * The items of a Query, page by page. The SDK's paginator is not used: it accepts only clients of its own SDK copy.
 *
 * @param furtherLimit - limit of all pages after the first
 */
export async function* queryPages(
  client: DynamoDBClient,
  { Limit: limit, ...input }: Omit<QueryCommandInput, 'ExclusiveStartKey'>,
  furtherLimit = limit,
): AsyncGenerator<Page> {
  let from: Record<string, AttributeValue> | undefined;
  do {
    const { Items, LastEvaluatedKey } = await client.send(
      new QueryCommand({ ...input, Limit: from === undefined ? limit : furtherLimit, ExclusiveStartKey: from }),
    );
    yield Items ?? [];
    from = LastEvaluatedKey;
  } while (from !== undefined);
}

/** All items of a partition, strongly consistent. */
export const partitionPages = (client: DynamoDBClient, tableName: string, pk: string): AsyncGenerator<Page> =>
  queryPages(client, {
    TableName: tableName,
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': { S: pk } },
  });
