import type { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import {
  DescribeStacksCommand,
  paginateListStackResources,
  type StackResourceSummary,
} from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  GetFunctionConfigurationCommand,
  paginateListEventSourceMappings,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { decodeConsumerConfig, type ConsumerConfig } from '../consume/environment';
import { OutboxError } from '../event/errors';
import { TABLE } from '../event/table';
import { BROKERS_VARIABLE } from '../kafka/broker-config';
import { SWEEP_AFTER_VARIABLE } from '../sweep/environment';
import { refuse } from './target';

/** A deployed stack, and the client that reads it. */
export interface StackTarget {
  readonly cloudformation: CloudFormationClient;
  readonly stackName: string;
}

const TABLE_TYPES = ['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table'];

/**
 * The outbox table in a stack: the one with the local secondary index `pin`.
 *
 * @throws OutboxError `operation-refused` when the stack has no outbox, or more than one.
 */
export async function findTable(target: StackTarget, dynamodb: DynamoDBClient): Promise<string> {
  const { cloudformation, stackName } = target;
  const resources = await resourcesOf(cloudformation, stackName);
  const tables: string[] = [];
  for (const { ResourceType, PhysicalResourceId: name } of resources) {
    if (name === undefined || !TABLE_TYPES.includes(ResourceType ?? '')) continue;
    if (await isOutboxTable(dynamodb, name)) tables.push(name);
  }
  const [tableName, ...others] = tables;
  if (tableName === undefined) return refuse('find', `stack ${stackName} has no outbox table. Name the table instead.`);
  if (others.length > 0) {
    return refuse(
      'find',
      `stack ${stackName} has ${tables.length} outboxes. Name one of the tables ${tables.join(', ')}.`,
    );
  }
  return tableName;
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

/**
 * The sweeper of an outbox in a stack: the function whose environment names the table. `undefined` if the stack has
 * none, or if the caller may not read it.
 */
export async function findSweeper(
  target: StackTarget,
  lambda: LambdaClient,
  tableName: string,
): Promise<string | undefined> {
  const { cloudformation, stackName } = target;
  for (const { ResourceType, PhysicalResourceId: name } of await resourcesOf(cloudformation, stackName)) {
    if (ResourceType !== 'AWS::Lambda::Function' || name === undefined) continue;
    const variables = await variablesOf(lambda, name);
    if (SWEEP_AFTER_VARIABLE in variables && Object.values(variables).includes(tableName)) return name;
  }
  return undefined;
}

/** The functions of a stack with brokers in their environment: relay and consumers. Unreadable ones are left out. */
export async function findKafkaFunctions(target: StackTarget, lambda: LambdaClient): Promise<string[]> {
  const { cloudformation, stackName } = target;
  const found: string[] = [];
  for (const { ResourceType, PhysicalResourceId: name } of await resourcesOf(cloudformation, stackName)) {
    if (ResourceType !== 'AWS::Lambda::Function' || name === undefined) continue;
    if (BROKERS_VARIABLE in (await variablesOf(lambda, name))) found.push(name);
  }
  return found;
}

/** A Lambda function that consumes events: the name of its consumer, its inbox table, and its topics. */
export interface DeployedConsumer {
  readonly functionName: string;
  readonly consumer: string;
  readonly inbox: string;
  /** Topics of its event source mappings. Left out if the caller may not list those. */
  readonly topics?: readonly string[];
  /** The consumer group of each topic. */
  readonly groups?: Readonly<Record<string, string>>;
}

/** The consumers that a stack deploys as Lambda functions. Functions that the caller may not read are left out. */
export async function findConsumers(target: StackTarget, lambda: LambdaClient): Promise<DeployedConsumer[]> {
  const { cloudformation, stackName } = target;
  const found: DeployedConsumer[] = [];
  for (const { ResourceType, PhysicalResourceId: name } of await resourcesOf(cloudformation, stackName)) {
    if (ResourceType !== 'AWS::Lambda::Function' || name === undefined) continue;
    const config = consumerConfigOf(await variablesOf(lambda, name));
    if (config === undefined) continue;
    const read = await mappedTopics(lambda, name);
    found.push({ functionName: name, consumer: config.name, inbox: config.tableName, ...read });
  }
  return found;
}

async function mappedTopics(
  lambda: LambdaClient,
  functionName: string,
): Promise<Pick<DeployedConsumer, 'topics' | 'groups'>> {
  const topics = new Set<string>();
  const groups: Record<string, string> = {};
  try {
    for await (const page of paginateListEventSourceMappings({ client: lambda }, { FunctionName: functionName })) {
      for (const mapping of page.EventSourceMappings ?? []) {
        const source = mapping.AmazonManagedKafkaEventSourceConfig ?? mapping.SelfManagedKafkaEventSourceConfig;
        for (const topic of mapping.Topics ?? []) {
          topics.add(topic);
          if (source?.ConsumerGroupId !== undefined) groups[topic] = source.ConsumerGroupId;
        }
      }
    }
  } catch (error) {
    if (error instanceof Error && SKIPPED.includes(error.name)) return {};
    throw error;
  }
  return { topics: [...topics], groups };
}

function consumerConfigOf(variables: Record<string, string>): ConsumerConfig | undefined {
  try {
    return decodeConsumerConfig(variables);
  } catch (error) {
    if (error instanceof OutboxError && error.is('invalid-environment')) return undefined;
    throw error;
  }
}

/** Topics that the relay may write to, from the stack's output `Topics`; none if the stack has no such output. */
export async function findTopics(target: StackTarget): Promise<string[]> {
  const { cloudformation, stackName } = target;
  const { Stacks: [stack] = [] } = await cloudformation.send(new DescribeStacksCommand({ StackName: stackName }));
  const topics = stack?.Outputs?.find(({ OutputKey }) => OutputKey === TOPICS_OUTPUT)?.OutputValue ?? '';
  return topics.split(',').flatMap((topic) => (topic.trim() === '' ? [] : topic.trim()));
}

/** See bin/app/outbox-outputs.ts. */
const TOPICS_OUTPUT = 'Topics';

/** A function that was deleted by hand, or may not be read, does not hide the others. */
const SKIPPED = ['AccessDeniedException', 'ResourceNotFoundException'];

async function variablesOf(lambda: LambdaClient, name: string): Promise<Record<string, string>> {
  try {
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    return Environment?.Variables ?? {};
  } catch (error) {
    if (error instanceof Error && SKIPPED.includes(error.name)) return {};
    throw error;
  }
}
