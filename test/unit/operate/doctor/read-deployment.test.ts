import { CloudWatchClient, DescribeAlarmsCommand, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  QueryCommand,
  ResourceNotFoundException as TableNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { GetRoleCommand, IAMClient, NoSuchEntityException, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import { KafkaClient, ListClustersV2Command } from '@aws-sdk/client-kafka';
import {
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ResourceNotFoundException as FunctionNotFoundException,
} from '@aws-sdk/client-lambda';
import { GetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { stateKey } from '../../../../lib/event/control';
import { doctor } from '../../../../lib/operate/doctor/doctor';
import { OPERATOR_ACTIONS } from '../../../../lib/operate/doctor/read-deployment';
import { readDeployment } from '../../../../lib/operate/doctor/read-deployment';
import {
  aMapping,
  aRelay,
  aSweeper,
  aTable,
  FORMER_STREAM_ARN,
  ROLE_ARN,
  STREAM_ARN,
  TABLE_ARN,
  TABLE_NAME,
} from '../../../builders/deployment';

const dynamodb = mockClient(DynamoDBClient);
const lambda = mockClient(LambdaClient);
const sts = mockClient(STSClient);
const iam = mockClient(IAMClient);
const cloudwatch = mockClient(CloudWatchClient);
const sns = mockClient(SNSClient);
const kafka = mockClient(KafkaClient);

const OPERATOR_ROLE_ARN = 'arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/Operators';
const SESSION_ARN = 'arn:aws:sts::111122223333:assumed-role/Operators/somebody';
const ACTIONS = Object.keys(OPERATOR_ACTIONS);
const TOPIC_ARN = 'arn:aws:sns:eu-west-1:111122223333:page';
const PAGE_RULE = 'ALARM("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:Orders-relay-behind")';
const OPEN_POLICY = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: ['SNS:GetTopicAttributes', 'SNS:Publish'] }],
});
const metadata = { $metadata: {}, message: 'not found' };
const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
const DENIED = { because: 'AccessDeniedException: not authorized' };

const local = { client: new DynamoDBClient({}), tableName: TABLE_NAME };
const target = {
  ...local,
  lambda: new LambdaClient({}),
  sts: new STSClient({}),
  iam: new IAMClient({}),
  cloudwatch: new CloudWatchClient({}),
  sns: new SNSClient({}),
  kafka: new KafkaClient({}),
};
const allowed = ACTIONS.map((EvalActionName) => ({ EvalActionName, EvalDecision: 'allowed' as const }));

beforeEach(() => {
  for (const mock of [dynamodb, lambda, sts, iam, cloudwatch, sns, kafka]) mock.reset();
  dynamodb
    .on(DescribeTableCommand)
    .resolves({ Table: aTable() })
    .on(DescribeTimeToLiveCommand)
    .resolves({ TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' } })
    .on(DescribeContinuousBackupsCommand)
    .resolves({
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' },
      },
    })
    .on(QueryCommand)
    .resolves({ Items: [marshall({ ...stateKey(undefined), revision: 1, streamArn: STREAM_ARN })] });
  lambda
    .on(ListEventSourceMappingsCommand)
    .resolves({ EventSourceMappings: [aMapping()] })
    .on(GetFunctionConfigurationCommand)
    .resolves(aRelay())
    .on(GetFunctionConfigurationCommand, { FunctionName: 'sweeper' })
    .resolves(aSweeper())
    .on(GetFunctionConcurrencyCommand)
    .resolves({});
  sts.on(GetCallerIdentityCommand).resolves({ Arn: SESSION_ARN });
  iam
    .on(GetRoleCommand, { RoleName: 'Operators' })
    .resolves({
      Role: { Arn: OPERATOR_ROLE_ARN, Path: '/', RoleName: 'Operators', RoleId: 'x', CreateDate: new Date(0) },
    })
    .on(SimulatePrincipalPolicyCommand)
    .resolves({ EvaluationResults: allowed });
  cloudwatch.on(DescribeAlarmsCommand).resolves({
    MetricAlarms: [{ AlarmName: 'Orders-relay-behind' }],
    CompositeAlarms: [{ AlarmName: 'Orders-page', AlarmRule: PAGE_RULE, AlarmActions: [TOPIC_ARN] }],
  });
  cloudwatch.on(GetMetricStatisticsCommand).resolves({ Datapoints: [{ SampleCount: 0 }, { SampleCount: 1 }] });
  sns.on(GetTopicAttributesCommand).resolves({ Attributes: { Policy: OPEN_POLICY, SubscriptionsConfirmed: '2' } });
  kafka.on(ListClustersV2Command).resolves({ ClusterInfoList: [] });
});

describe('doctor', () => {
  test('finds everything right that is right', async () => {
    const { tableName, lines } = await doctor(target, { sweeperFunctionName: 'sweeper' });

    expect(tableName).toBe(TABLE_NAME);
    expect(lines.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  });

  test('knows no sweeper unless it is named', async () => {
    const { lines } = await doctor(target);

    expect(lines.filter(({ verdict }) => verdict !== 'ok').map(({ check, verdict }) => [check, verdict])).toEqual([
      ['sweeper', 'unknown'],
      ['sweeper: runtime', 'unknown'],
      ['sweeper: configuration', 'unknown'],
      ['sweeper: concurrency', 'unknown'],
      ['sweeper: permissions', 'unknown'],
      ['sweeper: schedule', 'unknown'],
    ]);
  });

  test('says on the local stack what it does not check there', async () => {
    const { lines } = await doctor(local);

    const unknown = lines.filter(({ verdict }) => verdict === 'unknown');
    expect(new Set(unknown.map(({ found }) => found))).toEqual(new Set(['not checked on the local stack']));
    expect(lines.filter(({ verdict }) => verdict === 'ok').map(({ check }) => check)).toContain('time to live');
  });

  test('asks for runs of the sweep, and not for invocations, which the probe causes too', async () => {
    await doctor(target, { sweeperFunctionName: 'sweeper' });
    expect(cloudwatch.commandCalls(GetMetricStatisticsCommand)[0]?.args[0].input).toMatchObject({
      ...{ Namespace: 'DynamoDBOutbox', MetricName: 'SweepComplete' },
      Dimensions: [
        { Name: 'Outbox', Value: 'Orders' },
        { Name: 'service', Value: 'outbox-sweeper' },
      ],
    });
    cloudwatch.on(GetMetricStatisticsCommand).resolves({ Datapoints: [] });
    const { lines } = await doctor(target, { sweeperFunctionName: 'sweeper' });
    expect(lines.find(({ check }) => check === 'sweeper: schedule')).toMatchObject({
      verdict: 'wrong',
      found: expect.stringContaining('has not run within the last 120 minutes'),
    });
  });

  test('gives the reason of each check of Kafka that cannot be made', async () => {
    const { lines } = await doctor(local, { kafkaTarget: { because: 'no relay reads the stream' } });
    expect(lines.filter(({ found }) => found === 'no relay reads the stream').map(({ check }) => check)).toEqual([
      'brokers reachable from here',
      'topics of pending items',
      'topics of the consumers',
      'dead-letter topics',
      'consumer groups',
    ]);
  });

  test('names the brokers that cannot be reached, and makes no check behind them', async () => {
    const { lines } = await doctor(local, { kafkaTarget: { brokers: ['127.0.0.1:1'], auth: { kind: 'none' } } });
    expect(lines.slice(-6, -1)).toMatchObject([
      { verdict: 'wrong', found: '0 of 1; not 127.0.0.1:1 (ECONNREFUSED)' },
      ...Array.from({ length: 4 }, () => ({ verdict: 'unknown', found: 'no broker can be reached from here' })),
    ]);
  });

  test('refuses an option that does not exist', async () => {
    await expect(doctor(target, { sweeper: 'sweeper' } as object)).rejects.toMatchObject({ code: 'invalid-option' });
  });
});

describe('the table', () => {
  test('is known not to be there', async () => {
    dynamodb.on(DescribeTableCommand).rejects(new TableNotFoundException(metadata));

    expect(await readDeployment(target, {})).toMatchObject({
      table: { value: undefined },
      readers: { because: 'there is no such table' },
      permissions: { because: 'there is no such table' },
    });
  });

  test('keeps the reasons of failed lookups apart', async () => {
    dynamodb
      .on(DescribeTimeToLiveCommand)
      .rejects(denied)
      .on(QueryCommand)
      .rejects(Object.assign(new Error('socket hang up'), { name: 'TimeoutError' }));

    expect(await readDeployment(target, {})).toMatchObject({
      table: { value: { TableName: TABLE_NAME } },
      timeToLive: DENIED,
      state: { because: 'TimeoutError: socket hang up' },
    });
  });
});

describe('the mappings', () => {
  const found = async () => {
    const { readers } = await readDeployment(target, {});
    return 'because' in readers ? readers : readers.value.map(({ mapping }) => mapping.UUID);
  };

  test('are those of every stream of this table, from every page, but for what is being deleted', async () => {
    const others = `${TABLE_ARN}-of-others/stream/1`;
    lambda
      .on(ListEventSourceMappingsCommand)
      .resolves({ EventSourceMappings: [aMapping({ EventSourceArn: others }), aMapping()], NextMarker: 'more' })
      .on(ListEventSourceMappingsCommand, { Marker: 'more' })
      .resolves({
        EventSourceMappings: [
          aMapping({ UUID: 'former', EventSourceArn: FORMER_STREAM_ARN }),
          aMapping({ UUID: 'leaving', State: 'Deleting' }),
          aMapping({ UUID: 'kafka', EventSourceArn: undefined }),
        ],
      });

    expect(await found()).toEqual(['b1c2', 'former']);
  });

  test('are unknown to who may not list them', async () => {
    lambda.on(ListEventSourceMappingsCommand).rejects(denied);

    expect(await found()).toEqual(DENIED);
  });

  test.each([
    ['gone', new FunctionNotFoundException(metadata), { value: undefined }],
    ['not readable', denied, DENIED],
  ])('stay known when their function is %s', async (_, error, expected) => {
    lambda.on(GetFunctionConfigurationCommand).rejects(error);

    expect(await readDeployment(target, { sweeperFunctionName: 'sweeper' })).toMatchObject({
      readers: { value: [{ mapping: { UUID: 'b1c2' }, function: expected }] },
    });
  });
});

describe('the permissions of the caller', () => {
  const permissions = async () => (await readDeployment(target, {})).permissions;
  // The same calls query the roles of functions, so there are none here.
  beforeEach(() => lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [] }));

  test('are those of the role of a session, whatever its path, on the table', async () => {
    expect(await permissions()).toEqual({ value: { caller: SESSION_ARN, denied: [], undecided: [] } });
    expect(iam.commandCalls(SimulatePrincipalPolicyCommand)[0]?.args[0].input).toMatchObject({
      PolicySourceArn: OPERATOR_ROLE_ARN,
      ActionNames: ACTIONS,
      ResourceArns: [TABLE_ARN],
    });
  });

  test('are those of a user', async () => {
    const user = 'arn:aws:iam::111122223333:user/teams/operator';
    sts.on(GetCallerIdentityCommand).resolves({ Arn: user });

    await permissions();

    expect(iam.commandCalls(SimulatePrincipalPolicyCommand)[0]?.args[0].input).toMatchObject({ PolicySourceArn: user });
    expect(iam.commandCalls(GetRoleCommand)).toEqual([]);
  });

  test('are all for the root user, whom IAM does not simulate', async () => {
    sts.on(GetCallerIdentityCommand).resolves({ Arn: 'arn:aws:iam::111122223333:root' });

    expect(await permissions()).toMatchObject({ value: { denied: [] } });
    expect(iam.calls()).toEqual([]);
  });

  test('are read from every page, and tell a denial from a condition that cannot be simulated', async () => {
    const missing = ['aws:SourceVpce'];
    iam
      .on(SimulatePrincipalPolicyCommand)
      .resolves({
        EvaluationResults: [
          { EvalActionName: 'dynamodb:Query', EvalDecision: 'allowed' },
          { EvalActionName: 'dynamodb:Scan', EvalDecision: 'implicitDeny' },
          { EvalActionName: 'dynamodb:GetItem', EvalDecision: 'explicitDeny', MissingContextValues: missing },
        ],
        IsTruncated: true,
        Marker: 'more',
      })
      .on(SimulatePrincipalPolicyCommand, { Marker: 'more' })
      .resolves({
        EvaluationResults: [
          {
            EvalActionName: 'dynamodb:PutItem',
            EvalDecision: 'implicitDeny',
            ResourceSpecificResults: [
              { EvalResourceName: TABLE_ARN, EvalResourceDecision: 'implicitDeny', MissingContextValues: missing },
            ],
          },
        ],
      });

    expect(await permissions()).toMatchObject({
      value: { denied: ['dynamodb:Scan', 'dynamodb:GetItem'], undecided: ['dynamodb:PutItem'] },
    });
  });

  test.each<[string, () => unknown, string]>([
    ['the simulation', () => iam.on(SimulatePrincipalPolicyCommand).rejects(denied), DENIED.because],
    ['the role', () => iam.on(GetRoleCommand).rejects(denied), DENIED.because],
    ['the caller', () => sts.on(GetCallerIdentityCommand).rejects(denied), DENIED.because],
    [
      'the principal',
      () => iam.on(SimulatePrincipalPolicyCommand).rejects(new NoSuchEntityException(metadata)),
      'NoSuchEntityException: not found',
    ],
    [
      'a federated user',
      () => sts.on(GetCallerIdentityCommand).resolves({ Arn: 'arn:aws:sts::111122223333:federated-user/somebody' }),
      'IAM cannot simulate arn:aws:sts::111122223333:federated-user/somebody',
    ],
  ])('are unknown when %s cannot be asked about, with a way to find out', async (_, arrange, because) => {
    arrange();

    expect(await permissions()).toEqual({ because, remedy: expect.stringContaining('iam:SimulatePrincipalPolicy') });
  });
});

describe('of the functions', () => {
  test('the reserved concurrency and the rights of their roles are asked for', async () => {
    lambda.on(GetFunctionConcurrencyCommand, { FunctionName: 'sweeper' }).resolves({ ReservedConcurrentExecutions: 0 });
    iam
      .on(SimulatePrincipalPolicyCommand, { PolicySourceArn: ROLE_ARN })
      .resolves({ EvaluationResults: [{ EvalActionName: 'dynamodb:Scan', EvalDecision: 'implicitDeny' }] });

    expect(await readDeployment(target, { sweeperFunctionName: 'sweeper' })).toMatchObject({
      readers: { value: [{ concurrency: { value: undefined }, rights: { value: { denied: ['dynamodb:Scan'] } } }] },
      sweeperConcurrency: { value: 0 },
      sweeperRights: { value: { denied: ['dynamodb:Scan'], undecided: [] } },
      permissions: { value: { denied: [] } },
    });
  });

  test('a value that the caller may not read is unknown', async () => {
    lambda.on(GetFunctionConcurrencyCommand).rejects(denied);
    iam.on(SimulatePrincipalPolicyCommand).rejects(denied);

    expect(await readDeployment(target, { sweeperFunctionName: 'sweeper' })).toMatchObject({
      readers: { value: [{ concurrency: DENIED, rights: DENIED }] },
      sweeperConcurrency: DENIED,
      sweeperRights: DENIED,
    });
  });
});
