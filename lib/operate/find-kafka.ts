import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import {
  GetFunctionConfigurationCommand,
  paginateListEventSourceMappings,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { OutboxError } from '../event/errors';
import { decodeRelayConfig, type RelayConfig } from '../relay/environment';
import { refuse, type Target } from './target';

/**
 * The Kafka cluster that an outbox publishes to, as its relay is told: the function behind the table's stream.
 *
 * @throws OutboxError `operation-refused` when no relay reads the table's stream.
 */
export async function findKafka(
  { client, tableName }: Target,
  lambda: LambdaClient,
): Promise<Pick<RelayConfig, 'brokers' | 'auth'>> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  const streamArn = Table?.LatestStreamArn;
  if (streamArn === undefined)
    return refuse('find', `table ${tableName} has no stream, so nothing leads to its relay.`);
  for await (const page of paginateListEventSourceMappings({ client: lambda }, { EventSourceArn: streamArn })) {
    for (const { FunctionArn } of page.EventSourceMappings ?? []) {
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FunctionArn }));
      const config = relayConfigOf(Environment?.Variables ?? {});
      if (config?.tableName === tableName) return config;
    }
  }
  return refuse('find', `no relay reads the stream of table ${tableName}. Name the brokers instead.`);
}

/** Another function may read the stream as well. */
function relayConfigOf(variables: Record<string, string>): RelayConfig | undefined {
  try {
    return decodeRelayConfig(variables);
  } catch (error) {
    if (error instanceof OutboxError && error.is('invalid-environment')) return undefined;
    throw error;
  }
}
