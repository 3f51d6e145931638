import {
  DescribeStacksCommand,
  paginateListStackResources,
  type CloudFormationClient,
} from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  paginateListEventSourceMappings,
  GetFunctionConfigurationCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { decodeConsumerConfig } from '../consume/environment';
import { OutboxError } from '../event/errors';
import { TABLE } from '../event/table';
import { BROKERS_VARIABLE } from '../kafka/broker-config';
import { decodeRelayConfig, type RelayConfig } from '../relay/environment';
import { SWEEP_AFTER_VARIABLE } from '../sweep/environment';
import type { NamedConsumer } from './explain/diagnosis';
import { refuse, type OutboxTarget } from './target';

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

const TOPICS_OUTPUT = 'Topics';

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
