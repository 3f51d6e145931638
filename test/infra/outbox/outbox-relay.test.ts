import { App, CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { decodeRelayConfig } from '../../../lib/relay/environment';
import { CLUSTER_ARN, SECRET_ARN, outboxProps, outboxStack, statementOf, statements, templateOf } from '../stack';

const FUNCTION = 'AWS::Lambda::Function';
const MAPPING = 'AWS::Lambda::EventSourceMapping';

type Template = ReturnType<ReturnType<typeof outboxStack>['template']>;

function environment(template: Template): Record<string, unknown> {
  const [relay] = Object.values(template.findResources(FUNCTION)) as {
    Properties: { Environment: { Variables: Record<string, unknown> } };
  }[];
  return relay!.Properties.Environment.Variables;
}

describe('the function', () => {
  test('runs Node.js 24 on arm64 with 640 MB for 90 seconds', () => {
    outboxStack()
      .template()
      .hasResourceProperties(FUNCTION, {
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        MemorySize: 640,
        Timeout: 90,
        TracingConfig: Match.absent(),
      });
  });

  test('is configured so that the handler understands it', () => {
    const variables = environment(outboxStack().template());
    const decoded = decodeRelayConfig({ ...(variables as Record<string, string>), OUTBOX_TABLE_NAME: 'outbox' });
    expect(decoded).toEqual({
      tableName: 'outbox',
      outboxName: 'Orders-Outbox',
      brokers: ['b-1.orders:9098', 'b-2.orders:9098'],
      auth: { kind: 'iam' },
      compression: 'zstd',
      retentionSeconds: 86_400,
      maxBatchBytes: 1_000_000,
      requestTimeoutMs: 4_000,
      order: 'relaxed',
      lateAfterSeconds: 1_800,
      partitionPatienceSeconds: 30,
      maxPartitionHolds: 2_000,
      publishWithinMs: 5_000,
      outboxId: 'Orders/Outbox',
      topics: ['orders', 'payments'],
    });
  });

  test('knows some of its topics, as many as fit into the environment', () => {
    const topicsOf = (topics: string[]) => environment(outboxStack(() => ({ topics })).template())['OUTBOX_TOPICS'];
    const short = Array.from({ length: 300 }, (_, n) => `topic-${n}`);
    expect(topicsOf(short)).toBe(short.slice(0, 20).join(','));
    const long = Array.from({ length: 100 }, (_, n) => `${'x'.repeat(240)}-${n}`);
    expect(topicsOf(long)).toBe(long.slice(0, 4).join(','));
  });

  test('is of another outbox than one whose stack and path are cut elsewhere', () => {
    const idOf = (stackName: string, path: readonly string[]): unknown => {
      const stack = new Stack(new App(), stackName);
      const scope = path.slice(0, -1).reduce<Construct>((parent, id) => new Construct(parent, id), stack);
      new Outbox(scope, path.at(-1) ?? '', outboxProps());
      return environment(templateOf(stack)())['OUTBOX_ID'];
    };
    expect(idOf('A-B', ['C'])).toBe('A-B/C');
    expect(idOf('A', ['B-C'])).toBe('A/B-C');
    expect(idOf('A', ['B', 'C'])).toBe('A/B/C');
  });

  test('knows the table by reference', () => {
    expect(environment(outboxStack().template())['OUTBOX_TABLE_NAME']).toEqual({
      Ref: expect.stringMatching(/^OutboxTable/) as unknown,
    });
  });

  test("starts without Node's warning about the timers of kafkajs", () => {
    expect(environment(outboxStack().template())['NODE_OPTIONS']).toBe('--disable-warning=TimeoutNegativeWarning');
  });

  test('writes to a log group of its own, which is kept for a month', () => {
    const template = outboxStack().template();
    template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
    template.hasResourceProperties(FUNCTION, {
      LoggingConfig: { LogGroup: { Ref: Match.stringLikeRegexp('^OutboxRelayLogs') } },
    });
  });

  test('has a role without managed policies, and no permission on everything', () => {
    const template = outboxStack().template();
    template.hasResourceProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
    expect(statements(template).map(({ resource }) => resource)).not.toContain('*');
  });

  test('can be given other memory, time and log retention', () => {
    const template = outboxStack(() => ({
      relayMemorySize: 2048,
      relayTimeout: Duration.minutes(5),
      logRetention: RetentionDays.ONE_WEEK,
    })).template();
    template.hasResourceProperties(FUNCTION, { MemorySize: 2048, Timeout: 300 });
    template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
  });
});

describe('the network', () => {
  test('is none unless a VPC is given', () => {
    outboxStack().template().hasResourceProperties(FUNCTION, { VpcConfig: Match.absent() });
  });

  test('is the private subnets of the VPC and a security group that lets nothing in', () => {
    const template = outboxStack((stack) => ({ vpc: new Vpc(stack, 'Vpc', { maxAzs: 2 }) })).template();
    template.hasResourceProperties(FUNCTION, {
      VpcConfig: {
        SubnetIds: [
          { Ref: Match.stringLikeRegexp('^VpcPrivateSubnet1') },
          { Ref: Match.stringLikeRegexp('^VpcPrivateSubnet2') },
        ],
        SecurityGroupIds: [Match.anyValue()],
      },
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', { SecurityGroupIngress: Match.absent() });
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
  });

  test('lets the function make its network interfaces', () => {
    outboxStack((stack) => ({ vpc: new Vpc(stack, 'Vpc') }))
      .template()
      .hasResourceProperties('AWS::IAM::Role', {
        ManagedPolicyArns: [
          { 'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp('AWSLambdaENIManagementAccess$')])] },
        ],
      });
  });

  test('uses the given security groups', () => {
    const template = outboxStack((stack) => ({
      vpc: new Vpc(stack, 'Vpc'),
      securityGroups: [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0')],
    })).template();
    template.hasResourceProperties(FUNCTION, { VpcConfig: { SecurityGroupIds: ['sg-0123456789abcdef0'] } });
  });
});

describe('the event source mapping', () => {
  test('hands over inserts only, from the oldest record on, up to 1000 at once, one batch per shard', () => {
    outboxStack()
      .template()
      .hasResourceProperties(MAPPING, {
        EventSourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^OutboxTable'), 'StreamArn'] },
        FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
        StartingPosition: 'TRIM_HORIZON',
        BatchSize: 1000,
        ParallelizationFactor: 1,
        MaximumBatchingWindowInSeconds: Match.absent(),
      });
  });

  test('never gives a record up', () => {
    outboxStack().template().hasResourceProperties(MAPPING, {
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: Match.absent(),
      DestinationConfig: Match.absent(),
    });
  });

  test('bisects, accepts partial batch responses and counts events', () => {
    outboxStack()
      .template()
      .hasResourceProperties(MAPPING, {
        BisectBatchOnFunctionError: true,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        MetricsConfig: { Metrics: ['EventCount'] },
      });
  });
});

describe('retention', () => {
  test('is written in seconds', () => {
    const { template } = outboxStack(() => ({ retention: Duration.days(7) }));
    expect(environment(template())['OUTBOX_RETENTION_SECONDS']).toBe('604800');
  });

  test('of zero lets the relay delete published items', () => {
    const template = outboxStack(() => ({ retention: Duration.seconds(0) })).template();
    expect(environment(template)['OUTBOX_RETENTION_SECONDS']).toBe('0');
    expect(statementOf(template, 'dynamodb:PartiQLDelete').actions).toContain('dynamodb:PartiQLUpdate');
  });
});

describe('authentication', () => {
  const CLUSTER_ACTIONS = ['kafka-cluster:Connect', 'kafka-cluster:WriteDataIdempotently'];

  test('by IAM allows idempotent writes on the cluster and writes to each topic by name', () => {
    const template = outboxStack().template();
    expect(statementOf(template, 'kafka-cluster:Connect')).toMatchObject({
      actions: CLUSTER_ACTIONS,
      resource: CLUSTER_ARN,
    });
    const topics = CLUSTER_ARN.replace(':cluster/', ':topic/');
    expect(statementOf(template, 'kafka-cluster:WriteData')).toMatchObject({
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
      resource: [`${topics}/orders`, `${topics}/payments`],
    });
  });

  test('by IAM derives the ARNs of topics from a cluster known only at deployment', () => {
    const template = outboxStack((stack) => ({
      topics: ['orders'],
      authentication: KafkaAuthentication.iam({ clusterArn: new CfnParameter(stack, 'Cluster').valueAsString }),
    })).template();
    const arn = { 'Fn::Sub': ['${Cluster}', { Cluster: { Ref: 'Cluster' } }] };
    const half = (index: number) => ({ 'Fn::Select': [index, { 'Fn::Split': [':cluster/', arn] }] });
    expect(statementOf(template, 'kafka-cluster:WriteData').resource).toEqual({
      'Fn::Join': ['', [half(0), ':topic/', half(1), '/orders']],
    });
  });

  test('by IAM refuses a text that is not the ARN of a cluster', () => {
    expect(() => KafkaAuthentication.iam({ clusterArn: 'orders' })).toThrow(
      'Option "clusterArn" is "orders"; it must be an ARN such as arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>.',
    );
  });

  test('by SCRAM reads the secret, and its key where it has one', () => {
    const template = outboxStack((stack) => ({
      authentication: KafkaAuthentication.scram(
        Secret.fromSecretAttributes(stack, 'Secret', {
          secretCompleteArn: SECRET_ARN,
          encryptionKey: Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:eu-west-1:111122223333:key/0123'),
        }),
      ),
    })).template();
    expect(environment(template)).toMatchObject({
      OUTBOX_KAFKA_AUTH: 'scram',
      OUTBOX_KAFKA_SECRET_ARN: SECRET_ARN,
    });
    expect(statementOf(template, 'secretsmanager:GetSecretValue').resource).toBe(SECRET_ARN);
    expect(statementOf(template, 'kms:Decrypt').resource).toBe('arn:aws:kms:eu-west-1:111122223333:key/0123');
  });

  test('by certificate reads the secret', () => {
    const template = outboxStack((stack) => ({
      authentication: KafkaAuthentication.tls(Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN)),
    })).template();
    expect(environment(template)).toMatchObject({ OUTBOX_KAFKA_AUTH: 'tls', OUTBOX_KAFKA_SECRET_ARN: SECRET_ARN });
    expect(statementOf(template, 'secretsmanager:GetSecretValue').resource).toBe(SECRET_ARN);
  });

  test.each([
    ['tls', () => KafkaAuthentication.tls()],
    ['none', () => KafkaAuthentication.none()],
  ])('%s without a secret needs no permission', (kind, authentication) => {
    const template = outboxStack(() => ({ authentication: authentication() })).template();
    expect(environment(template)['OUTBOX_KAFKA_AUTH']).toBe(kind);
    expect(environment(template)).not.toHaveProperty('OUTBOX_KAFKA_SECRET_ARN');
    const services = new Set(
      statements(template).flatMap(({ actions }) => actions.map((action) => action.split(':')[0])),
    );
    expect([...services].sort()).toEqual(['dynamodb', 'logs']);
  });
});
