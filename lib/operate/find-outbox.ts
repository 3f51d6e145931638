import type { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DescribeStacksCommand, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { paginateListEventSourceMappings, type LambdaClient } from '@aws-sdk/client-lambda';
import { decodeConsumerConfig } from '../consume/environment';
import { TABLE } from '../event/table';
import { BROKERS_VARIABLE } from '../kafka/broker-config';
import { SWEEP_AFTER_VARIABLE } from '../sweep/environment';
import type { NamedConsumer } from './explain/diagnosis';
import { configIn, variablesOf } from './find-relay';
import { refuse } from './target';

/** A deployed stack, and the client that reads it. */
export interface StackTarget {
  readonly cloudformation: CloudFormationClient;
  readonly stackName: string;
}

const TABLE_TYPES = ['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table'];
const FUNCTION_TYPES = ['AWS::Lambda::Function'];

/**
 * The outbox table in a stack: the one with the local secondary index `pin`.
 *
 * @throws OutboxError `operation-refused` when the stack has no outbox, or more than one.
 */
export async function findTable(target: StackTarget, dynamodb: DynamoDBClient): Promise<string> {
  const { stackName } = target;
  const tables: string[] = [];
  for await (const name of resourcesOf(target, TABLE_TYPES)) {
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

/** The physical names of the resources of these types. */
async function* resourcesOf(
  { cloudformation: client, stackName }: StackTarget,
  types: readonly string[],
): AsyncGenerator<string> {
  for await (const page of paginateListStackResources({ client }, { StackName: stackName })) {
    for (const { ResourceType = '', PhysicalResourceId: name } of page.StackResourceSummaries ?? []) {
      if (name !== undefined && types.includes(ResourceType)) yield name;
    }
  }
}

async function isOutboxTable(client: DynamoDBClient, tableName: string): Promise<boolean> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  return (Table?.LocalSecondaryIndexes ?? []).some(({ IndexName }) => IndexName === TABLE.pin.indexName);
}

/**
 * The functions of a stack, with their environment. A function that was deleted by hand, or that the caller may not
 * read, does not hide the others: its environment is empty.
 */
async function* functionsOf(target: StackTarget, lambda: LambdaClient) {
  for await (const name of resourcesOf(target, FUNCTION_TYPES)) {
    yield { name, variables: (await ifReadable(variablesOf(lambda, name))) ?? {} };
  }
}

const UNREADABLE = ['AccessDeniedException', 'ResourceNotFoundException'];

async function ifReadable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && UNREADABLE.includes(error.name)) return undefined;
    throw error;
  }
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
  for await (const { name, variables } of functionsOf(target, lambda)) {
    if (SWEEP_AFTER_VARIABLE in variables && Object.values(variables).includes(tableName)) return name;
  }
  return undefined;
}

/** The functions of a stack with brokers in their environment: relay and consumers. Unreadable ones are left out. */
export async function findKafkaFunctions(target: StackTarget, lambda: LambdaClient): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, variables } of functionsOf(target, lambda)) {
    if (BROKERS_VARIABLE in variables) found.push(name);
  }
  return found;
}

/** A consumer that runs as a Lambda function. Its topics are left out if the caller may not list its mappings. */
export interface DeployedConsumer extends NamedConsumer {
  readonly functionName: string;
}

/** The consumers that a stack deploys as Lambda functions. Functions that the caller may not read are left out. */
export async function findConsumers(target: StackTarget, lambda: LambdaClient): Promise<DeployedConsumer[]> {
  const found: DeployedConsumer[] = [];
  for await (const { name: functionName, variables } of functionsOf(target, lambda)) {
    const config = configIn(variables, decodeConsumerConfig);
    if (config === undefined) continue;
    const read = await ifReadable(mappedTopics(lambda, functionName));
    found.push({ functionName, consumer: config.name, inbox: config.tableName, ...read });
  }
  return found;
}

async function mappedTopics(
  lambda: LambdaClient,
  functionName: string,
): Promise<Pick<DeployedConsumer, 'topics' | 'groups'>> {
  const topics = new Set<string>();
  const groups: Record<string, string> = {};
  for await (const page of paginateListEventSourceMappings({ client: lambda }, { FunctionName: functionName })) {
    for (const mapping of page.EventSourceMappings ?? []) {
      const source = mapping.AmazonManagedKafkaEventSourceConfig ?? mapping.SelfManagedKafkaEventSourceConfig;
      for (const topic of mapping.Topics ?? []) {
        topics.add(topic);
        if (source?.ConsumerGroupId !== undefined) groups[topic] = source.ConsumerGroupId;
      }
    }
  }
  return { topics: [...topics], groups };
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
