import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import {
  GetFunctionConfigurationCommand,
  paginateListEventSourceMappings,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { OutboxError } from '../event/errors';
import { decodeRelayConfig, type RelayConfig } from '../relay/environment';
import { refuse, type OutboxTarget } from './target';

/**
 * Reads the configuration of an outbox's relay: the function behind the table's stream. It names the Kafka cluster, and
 * for a table with several regions those whose events are published here.
 *
 * @throws OutboxError `operation-refused` if no relay reads the table's stream.
 */
export async function findRelay(target: OutboxTarget, lambda: LambdaClient): Promise<RelayConfig> {
  const { client, tableName } = target;
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  const streamArn = Table?.LatestStreamArn;
  if (streamArn === undefined) return refuse('find', `table ${tableName} has no stream, so its relay cannot be found.`);
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
