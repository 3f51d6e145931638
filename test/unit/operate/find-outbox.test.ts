import { CloudFormationClient, DescribeStacksCommand, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { encodeConsumerConfig } from '../../../lib/consume/environment';
import {
  findConsumers,
  findKafkaFunctions,
  findSweeper,
  findTable,
  findTopics,
} from '../../../lib/operate/find-outbox';
import { encodeSweeperConfig } from '../../../lib/sweep/environment';

const cloudformation = mockClient(CloudFormationClient);
const dynamodb = mockClient(DynamoDBClient);
const lambda = mockClient(LambdaClient);
const stack = { cloudformation: new CloudFormationClient({}), stackName: 'Shop' };
const clients = { dynamodb: new DynamoDBClient({}), lambda: new LambdaClient({}) };
const resource = (ResourceType: string, PhysicalResourceId: string) => ({
  ...{ ResourceType, PhysicalResourceId, LogicalResourceId: PhysicalResourceId },
  ...{ LastUpdatedTimestamp: new Date(), ResourceStatus: 'CREATE_COMPLETE' as const },
});
const stackOf = (...pages: ReturnType<typeof resource>[][]): void => {
  pages.forEach((StackResourceSummaries, at) => {
    const answer = { StackResourceSummaries, NextToken: at + 1 < pages.length ? String(at + 1) : undefined };
    cloudformation
      .on(ListStackResourcesCommand, at === 0 ? { StackName: 'Shop' } : { StackName: 'Shop', NextToken: String(at) })
      .resolves(answer);
  });
};
const outboxTables = (...names: string[]): void => {
  dynamodb.on(DescribeTableCommand).resolves({ Table: {} });
  for (const TableName of names) {
    dynamodb
      .on(DescribeTableCommand, { TableName })
      .resolves({ Table: { LocalSecondaryIndexes: [{ IndexName: 'pin' }] } });
  }
};

beforeEach(() => {
  for (const mock of [cloudformation, dynamodb, lambda]) mock.reset();
  lambda.on(GetFunctionConfigurationCommand).resolves({});
});

test('the outbox of a stack is the table with the index "pin", and the sweeper is the function that knows it', async () => {
  stackOf(
    [resource('AWS::DynamoDB::Table', 'orders'), resource('AWS::Lambda::Function', 'web')],
    [resource('AWS::DynamoDB::GlobalTable', 'outbox'), resource('AWS::Lambda::Function', 'sweeper')],
  );
  outboxTables('outbox');
  lambda.on(GetFunctionConfigurationCommand, { FunctionName: 'sweeper' }).resolves({
    Environment: {
      Variables: encodeSweeperConfig({
        tableName: 'outbox',
        outboxName: 'Shop',
        overdueAfterSeconds: 3_600,
        readUnitsPerSecond: 1_000,
        sweepIntervalSeconds: 3_600,
        fullSweepIntervalSeconds: 43_200,
      }),
    },
  });
  expect(await findTable(stack, clients.dynamodb)).toBe('outbox');
  expect(await findSweeper(stack, clients.lambda, 'outbox')).toBe('sweeper');
});

test.each([
  [[], /stack Shop has no outbox table/],
  [['a', 'b'], /stack Shop has 2 outboxes\. Name one of the tables a, b\./],
])('a stack with the outboxes %p is refused', async (names, message) => {
  stackOf([...names, 'orders'].map((name) => resource('AWS::DynamoDB::GlobalTable', name)));
  outboxTables(...names);
  await expect(findTable(stack, clients.dynamodb)).rejects.toMatchObject({
    code: 'operation-refused',
    message: expect.stringMatching(message),
  });
});

test.each(['AccessDeniedException', 'ResourceNotFoundException'])(
  'a function that answers %s keeps nothing from being found',
  async (name) => {
    stackOf([resource('AWS::Lambda::Function', 'gone')]);
    lambda.on(GetFunctionConfigurationCommand).rejects(Object.assign(new Error('no'), { name }));
    expect(await findSweeper(stack, clients.lambda, 'outbox')).toBeUndefined();
  },
);

test('the functions of a stack that reach Kafka are those that are told brokers', async () => {
  stackOf(['relay', 'web', 'hidden'].map((name) => resource('AWS::Lambda::Function', name)));
  lambda
    .on(GetFunctionConfigurationCommand, { FunctionName: 'relay' })
    .resolves({ Environment: { Variables: { OUTBOX_KAFKA_BROKERS: 'b:9098' } } })
    .on(GetFunctionConfigurationCommand, { FunctionName: 'hidden' })
    .rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
  expect(await findKafkaFunctions(stack, clients.lambda)).toEqual(['relay']);
});

describe('the consumers of a stack', () => {
  const Variables = encodeConsumerConfig({
    ...{ name: 'shipping', tableName: 'shipping-inbox', brokers: ['b:9098'], auth: { kind: 'iam' } },
  });
  const shipping = { functionName: 'fn', consumer: 'shipping', inbox: 'shipping-inbox' };

  beforeEach(() => {
    stackOf(['relay', 'fn'].map((name) => resource('AWS::Lambda::Function', name)));
    lambda
      .on(GetFunctionConfigurationCommand, { FunctionName: 'fn' })
      .resolves({ Environment: { Variables } })
      .on(GetFunctionConfigurationCommand, { FunctionName: 'relay' })
      .resolves({ Environment: { Variables: { OUTBOX_KAFKA_BROKERS: 'b:9098' } } });
  });

  test('are the functions that know their name and table, with topics and groups of their mappings', async () => {
    lambda.on(ListEventSourceMappingsCommand, { FunctionName: 'fn' }).resolves({
      EventSourceMappings: [
        { Topics: ['orders'], AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: 'shipping-orders' } },
        { Topics: ['audit'], SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'shipping-audit' } },
      ],
    });
    expect(await findConsumers(stack, clients.lambda)).toEqual([
      {
        ...shipping,
        topics: ['orders', 'audit'],
        groups: { orders: 'shipping-orders', audit: 'shipping-audit' },
      },
    ]);
  });

  test('are found without their topics where mappings may not be listed', async () => {
    lambda
      .on(ListEventSourceMappingsCommand)
      .rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
    expect(await findConsumers(stack, clients.lambda)).toEqual([shipping]);
  });
});

test.each<[string | undefined, string[]]>([
  ['orders,outbox-smoke', ['orders', 'outbox-smoke']],
  ['', []],
  [undefined, []],
])('a stack whose output Topics is %p names these topics', async (OutputValue, topics) => {
  const Outputs = OutputValue === undefined ? [] : [{ OutputKey: 'Topics', OutputValue }];
  cloudformation
    .on(DescribeStacksCommand, { StackName: 'Shop' })
    .resolves({ Stacks: [{ StackName: 'Shop', CreationTime: new Date(), StackStatus: 'CREATE_COMPLETE', Outputs }] });
  expect(await findTopics(stack)).toEqual(topics);
});
