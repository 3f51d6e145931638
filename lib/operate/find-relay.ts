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
      // Another function may read the stream as well.
      const config = configIn(await variablesOf(lambda, FunctionArn), decodeRelayConfig);
      if (config?.tableName === tableName) return config;
    }
  }
  return refuse('find', `no relay reads the stream of table ${tableName}. Name the brokers instead.`);
}

type Variables = Record<string, string>;

export async function variablesOf(lambda: LambdaClient, functionName: string | undefined): Promise<Variables> {
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
  return Environment?.Variables ?? {};
}

/** The configuration in a function's environment; `undefined` if it is a function of another kind. */
export function configIn<Config>(variables: Variables, decode: (variables: Variables) => Config): Config | undefined {
  try {
    return decode(variables);
  } catch (error) {
    if (error instanceof OutboxError && error.is('invalid-environment')) return undefined;
    throw error;
  }
}

/**
 * Returns the target as the relay of its region sees it. In a table with several regions, each region has its own holds
 * and state, and publishes the events that were written there. A table with one region stays as it is.
 *
 * @throws OutboxError `operation-refused` if the table has several regions and no relay reads its stream here.
 */
export async function inHomeRegion(target: OutboxTarget, lambda: LambdaClient): Promise<OutboxTarget> {
  const { client, tableName } = target;
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  if ((Table?.Replicas ?? []).length === 0) return target;
  const { home } = await findRelay(target, lambda);
  return { ...target, home };
}

/**
 * The same for commands that look for faults. If the region cannot be found, for example because the relay's mapping
 * was deleted, the target stays as it is: the command must still find that fault.
 */
export const inHomeRegionIfKnown = (target: OutboxTarget, lambda: LambdaClient): Promise<OutboxTarget> =>
  inHomeRegion(target, lambda).catch(() => target);
