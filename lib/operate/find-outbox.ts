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

/** A deployed stack, and how to ask what is in it. */
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
export async function findTable({ cloudformation, stackName }: StackTarget, dynamodb: DynamoDBClient): Promise<string> {
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
 * The sweeper of an outbox in a stack: the function that is told its table. `undefined` when none is, or when the one
 * that is may not be looked at.
 */
export async function findSweeper(
  { cloudformation, stackName }: StackTarget,
  lambda: LambdaClient,
  tableName: string,
): Promise<string | undefined> {
  for (const { ResourceType, PhysicalResourceId: name } of await resourcesOf(cloudformation, stackName)) {
    if (ResourceType !== 'AWS::Lambda::Function' || name === undefined) continue;
    const variables = await variablesOf(lambda, name);
    if (SWEEP_AFTER_VARIABLE in variables && Object.values(variables).includes(tableName)) return name;
  }
  return undefined;
}

/** The functions in a stack that are told brokers: the relay, and consumers. Those that may not be looked at are left out. */
export async function findKafkaFunctions(
  { cloudformation, stackName }: StackTarget,
  lambda: LambdaClient,
): Promise<string[]> {
  const found: string[] = [];
  for (const { ResourceType, PhysicalResourceId: name } of await resourcesOf(cloudformation, stackName)) {
    if (ResourceType !== 'AWS::Lambda::Function' || name === undefined) continue;
    if (BROKERS_VARIABLE in (await variablesOf(lambda, name))) found.push(name);
  }
  return found;
}

/** A function of a stack that consumes events: the name of its consumer, the table of its inbox, and what it reads. */
export interface DeployedConsumer {
  readonly functionName: string;
  readonly consumer: string;
  readonly inbox: string;
  /** Topics of its event source mappings. Left out if the caller may not list those. */
  readonly topics?: readonly string[];
  /** The consumer group of each topic. */
  readonly groups?: Readonly<Record<string, string>>;
}

/** The consumers that a stack deploys as Lambda functions. Those that may not be looked at are left out. */
export async function findConsumers(
  { cloudformation, stackName }: StackTarget,
  lambda: LambdaClient,
): Promise<DeployedConsumer[]> {
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

/** Topics that the relay may write to, as the app's stack tells by its output `Topics`; none where it has no such output. */
export async function findTopics({ cloudformation, stackName }: StackTarget): Promise<string[]> {
  const { Stacks: [stack] = [] } = await cloudformation.send(new DescribeStacksCommand({ StackName: stackName }));
  const topics = stack?.Outputs?.find(({ OutputKey }) => OutputKey === TOPICS_OUTPUT)?.OutputValue ?? '';
  return topics.split(',').flatMap((topic) => (topic.trim() === '' ? [] : topic.trim()));
}

/** See lib/infra/app/outbox-outputs.ts. */
const TOPICS_OUTPUT = 'Topics';

/** One that was deleted by hand, or that the caller may not see, keeps nothing from being found. */
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
