import type { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { paginateListStackResources, type StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { TABLE } from '../event/table';
import { SWEEP_AFTER_VARIABLE } from '../sweep/environment';
import { refuse } from './target';

export interface FindOutboxClients {
  readonly cloudformation: CloudFormationClient;
  readonly dynamodb: DynamoDBClient;
  readonly lambda: LambdaClient;
}

/** What of a deployed stack the operations need. */
export interface FoundOutbox {
  readonly tableName: string;
  /** `undefined` when none of the stack's functions is a sweeper, or when they may not be looked at. */
  readonly sweeperName?: string;
}

const TABLE_TYPES = ['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table'];

/**
 * The outbox in a stack: its table is the one with the local secondary index `pin`.
 *
 * @throws OutboxError `operation-refused` when the stack has no outbox, or more than one.
 */
export async function findOutbox(clients: FindOutboxClients, stackName: string): Promise<FoundOutbox> {
  const resources = await resourcesOf(clients.cloudformation, stackName);
  const tables: string[] = [];
  for (const { ResourceType, PhysicalResourceId: name } of resources) {
    if (name === undefined || !TABLE_TYPES.includes(ResourceType ?? '')) continue;
    if (await isOutboxTable(clients.dynamodb, name)) tables.push(name);
  }
  const [tableName, ...others] = tables;
  if (tableName === undefined) return refuse('find', `stack ${stackName} has no outbox table. Name the table instead.`);
  if (others.length > 0) {
    return refuse(
      'find',
      `stack ${stackName} has ${tables.length} outboxes. Name one of the tables ${tables.join(', ')}.`,
    );
  }
  return { tableName, sweeperName: await findSweeper(clients.lambda, resources, tableName) };
}

async function resourcesOf(client: CloudFormationClient, stackName: string): Promise<StackResourceSummary[]> {
  const resources: StackResourceSummary[] = [];
  for await (const page of paginateListStackResources({ client }, { StackName: stackName })) {
    resources.push(...(page.StackResourceSummaries ?? []));
  }
  return resources;
}

async function isOutboxTable(client: DynamoDBClient, tableName: string): Promise<boolean> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  return (Table?.LocalSecondaryIndexes ?? []).some(({ IndexName }) => IndexName === TABLE.pin.indexName);
}

async function findSweeper(
  client: LambdaClient,
  resources: readonly StackResourceSummary[],
  tableName: string,
): Promise<string | undefined> {
  for (const { ResourceType, PhysicalResourceId: name } of resources) {
    if (ResourceType !== 'AWS::Lambda::Function' || name === undefined) continue;
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    const variables = Environment?.Variables ?? {};
    if (SWEEP_AFTER_VARIABLE in variables && Object.values(variables).includes(tableName)) return name;
  }
  return undefined;
}
