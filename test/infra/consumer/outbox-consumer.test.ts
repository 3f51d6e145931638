import { Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { decodeConsumerConfig } from '../../../lib/consume/environment';
import { ConsumerInbox } from '../../../lib/infra/consumer/consumer-inbox';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import { OutboxConsumer } from '../../../lib/infra/consumer/outbox-consumer';
import type { OutboxConsumerProps } from '../../../lib/infra/consumer/outbox-consumer-props';
import { OutboxNetwork } from '../../../lib/infra/cluster/outbox-network';
import { OutboxTopics } from '../../../lib/infra/cluster/outbox-topics';
import { consumerProps, consumerStack, readableNetwork, stackInRegion } from '../consumer-stack';
import { CLUSTER_ARN, SECRET_ARN, masked, propertiesOf, relayCode, statements, templateOf } from '../stack';
import { isolatedVpc } from '../isolated-vpc';

const MAPPING = 'AWS::Lambda::EventSourceMapping';
const FUNCTION = 'AWS::Lambda::Function';

/** The consumer's own function, without those that create topics and look up brokers. */
function functionOf(
  template: Template,
): Record<string, unknown> & { Environment: { Variables: Record<string, string> } } {
  const [own] = propertiesOf(template, FUNCTION).filter((properties) =>
    String(properties['Description']).startsWith('Applies events'),
  );
  return own as ReturnType<typeof functionOf>;
}

/** The statements of the function's role, without those of other roles. */
const granted = (template: Template) => statements(template, /DeadLetters|Provider|AWS679f|Network|LookUp|Bootstrap/);
const actionsOf = (template: Template): string[] => [...new Set(granted(template).flatMap(({ actions }) => actions))];
const mappings = (template: Template) => propertiesOf(template, MAPPING);

describe('the function', () => {
  test('runs Node.js 24 on arm64 in the network of the cluster', () => {
    const { template } = consumerStack();
    expect(functionOf(template())).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      MemorySize: 512,
      Timeout: 60,
      VpcConfig: { SecurityGroupIds: [{ 'Fn::GetAtt': [expect.stringMatching(/^NetworkClients/), 'GroupId'] }] },
    });
  });

  test('gets the variables that consumerEnvironment and Powertools read', () => {
    const { Variables } = functionOf(
      consumerStack(() => ({ environment: { TABLE: 'shipments' } })).template(),
    ).Environment;
    expect(
      decodeConsumerConfig({ ...Variables, OUTBOX_INBOX_TABLE_NAME: 'inbox', OUTBOX_KAFKA_BROKERS: 'b-1:9098' }),
    ).toEqual({ name: 'shipping', tableName: 'inbox', brokers: ['b-1:9098'], auth: { kind: 'iam' } });
    expect(Variables).toMatchObject({
      POWERTOOLS_METRICS_NAMESPACE: 'DynamoDBOutbox',
      POWERTOOLS_SERVICE_NAME: 'shipping',
      NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
      TABLE: 'shipments',
      OUTBOX_INBOX_TABLE_NAME: { Ref: expect.stringMatching(/^ShippingInbox/) },
      OUTBOX_KAFKA_BROKERS: {
        'Fn::GetAtt': [expect.stringMatching(/^ClusterBootstrap/), 'BootstrapBrokerStringSaslIam'],
      },
    });
  });

  test('has options for memory, timeout, handler, concurrency and logs', () => {
    const { template } = consumerStack(() => ({
      memorySize: 1024,
      timeout: Duration.minutes(14),
      handler: 'shipping.handler',
      reservedConcurrency: 6,
      logRetention: RetentionDays.ONE_WEEK,
    }));
    expect(functionOf(template())).toMatchObject({
      MemorySize: 1024,
      Timeout: 840,
      Handler: 'shipping.handler',
      ReservedConcurrentExecutions: 6,
    });
    template().hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
  });

  test('polls each minute for requests of operators, also without messages', () => {
    const looks = { State: 'ENABLED', Targets: [Match.objectLike({ Input: '{"records":{}}' })] };
    consumerStack()
      .template()
      .hasResourceProperties('AWS::Events::Rule', {
        ...looks,
        ScheduleExpression: 'rate(1 minute)',
      });
    const rarely = consumerStack(() => ({ redriveInterval: Duration.minutes(90) }));
    rarely.template().hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(90 minutes)' });
    const stopped = consumerStack(() => ({ enabled: false }));
    stopped.template().hasResourceProperties('AWS::Events::Rule', { State: 'DISABLED' });
    const never = consumerStack(() => ({ redriveInterval: false }));
    never.template().resourceCountIs('AWS::Events::Rule', 0);
  });

  test('accepts grants for its handlers', () => {
    const { stack, consumer, template } = consumerStack();
    new ConsumerInbox(stack, 'Shipments').table.grantReadData(consumer);
    expect(actionsOf(template())).toContain('dynamodb:Scan');
  });
});

describe('the event source mapping', () => {
  test('reads from the oldest message on, as the group of the consumer, by pollers of its own', () => {
    consumerStack()
      .template()
      .hasResourceProperties(MAPPING, {
        EventSourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Cluster'), 'Arn'] },
        Topics: ['orders'],
        AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: 'shipping' },
        StartingPosition: 'TRIM_HORIZON',
        ProvisionedPollerConfig: { MinimumPollers: 1, MaximumPollers: 10 },
        BatchSize: 100,
        MaximumBatchingWindowInSeconds: Match.absent(),
        SourceAccessConfigurations: Match.absent(),
        MetricsConfig: { Metrics: ['EventCount', 'ErrorCount', 'KafkaMetrics'] },
      });
  });

  test('accepts partial batch responses and never gives a message up', () => {
    consumerStack()
      .template()
      .hasResourceProperties(MAPPING, {
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        MaximumRetryAttempts: -1,
        MaximumRecordAgeInSeconds: Match.absent(),
        BisectBatchOnFunctionError: Match.absent(),
        DestinationConfig: Match.absent(),
      });
  });

  test('comes after the ports, the permissions and the dead-letter topics', () => {
    consumerStack()
      .template()
      .hasResource(MAPPING, {
        DependsOn: Match.arrayWith([
          Match.stringLikeRegexp('^NetworkBrokersfrom'),
          Match.stringLikeRegexp('^ShippingDeadLettersTopic'),
          Match.stringLikeRegexp('^ShippingRoleDefaultPolicy'),
        ]),
      });
  });

  test('of each further topic has a group of its own, as Lambda demands', () => {
    const { consumer, template } = consumerStack(() => ({ topics: ['orders', 'payments'] }));
    expect(consumer.groups).toEqual({ orders: 'shipping', payments: 'shipping.payments' });
    expect(
      mappings(template()).map(({ Topics, AmazonManagedKafkaEventSourceConfig: config }) => [Topics, config]),
    ).toEqual([
      [['orders'], { ConsumerGroupId: 'shipping' }],
      [['payments'], { ConsumerGroupId: 'shipping.payments' }],
    ]);
    expect(Object.keys(consumer.eventSourceMappings)).toEqual(['orders', 'payments']);
  });

  test('reads all topics of an OutboxTopics, after they are made', () => {
    const { template } = consumerStack((stack) => {
      const cluster = stack.node.findChild('Cluster');
      if (!(cluster instanceof OutboxCluster)) throw new Error('The stack has no cluster.');
      return {
        topics: new OutboxTopics(stack, 'Topics', { cluster, topics: ['audit', 'bills'], topicsCode: relayCode() }),
      };
    });
    expect(mappings(template()).map(({ Topics }) => Topics)).toEqual([['audit'], ['bills']]);
    template().hasResource(MAPPING, { DependsOn: Match.arrayWith([Match.stringLikeRegexp('^TopicsTopicaudit')]) });
  });

  test('can be tuned, filtered, stopped and begun elsewhere', () => {
    consumerStack(() => ({
      batchSize: 10,
      maxBatchingWindow: Duration.seconds(5),
      minimumPollers: 2,
      maximumPollers: 4,
      enabled: false,
      startingPosition: StartingPosition.AT_TIMESTAMP,
      startingPositionTimestamp: 1_800_000_000,
      filters: [FilterCriteria.filter({ value: { total: FilterRule.exists() } })],
    }))
      .template()
      .hasResourceProperties(MAPPING, {
        BatchSize: 10,
        MaximumBatchingWindowInSeconds: 5,
        ProvisionedPollerConfig: { MinimumPollers: 2, MaximumPollers: 4 },
        Enabled: false,
        StartingPosition: 'AT_TIMESTAMP',
        StartingPositionTimestamp: 1_800_000_000,
        FilterCriteria: { Filters: [{ Pattern: '{"value":{"total":[{"exists":true}]}}' }] },
      });
  });

  test('puts batches that it gives up into a bucket, which it may not read', () => {
    const { template } = consumerStack((stack) => ({
      onFailure: {
        bucket: new Bucket(stack, 'GivenUp', { encryption: BucketEncryption.KMS }),
        retryAttempts: 100,
      },
    }));
    template().hasResourceProperties(MAPPING, {
      MaximumRetryAttempts: 100,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('^GivenUp'), 'Arn'] } } },
    });
    const ofBucket = granted(template()).filter(({ actions }) => actions.some((action) => action.startsWith('s3:')));
    expect(ofBucket.map(({ actions }) => actions)).toEqual([['s3:ListBucket'], ['s3:PutObject']]);
    expect(actionsOf(template())).toContain('kms:GenerateDataKey');
  });
});

describe('the permissions', () => {
  test('are those of the library and the pollers, and no more', () => {
    const { template } = consumerStack();
    const own = actionsOf(template());
    expect(own.toSorted()).toEqual(
      [
        'dynamodb:ConditionCheckItem',
        'dynamodb:DeleteItem',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:Query',
        'ec2:CreateNetworkInterface',
        'ec2:DeleteNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcs',
        'kafka-cluster:AlterGroup',
        'kafka-cluster:Connect',
        'kafka-cluster:DescribeCluster',
        'kafka-cluster:DescribeClusterDynamicConfiguration',
        'kafka-cluster:DescribeGroup',
        'kafka-cluster:DescribeTopic',
        'kafka-cluster:ReadData',
        'kafka-cluster:WriteData',
        'kafka-cluster:WriteDataIdempotently',
        'kafka:DescribeClusterV2',
        'kafka:GetBootstrapBrokers',
        'logs:CreateLogStream',
        'logs:PutLogEvents',
      ].toSorted(),
    );
  });

  test('reach its own part of the inbox only', () => {
    const [statement] = granted(consumerStack().template()).filter(({ actions }) =>
      actions.includes('dynamodb:PutItem'),
    );
    expect(statement?.condition).toEqual({
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['shipping#*'] },
    });
  });

  test('read its topics and write its dead-letter topics, never the other way round', () => {
    const cluster = (stack: Stack) => OutboxCluster.existing(stack, 'Existing', { clusterArn: CLUSTER_ARN });
    const { template } = consumerStack((stack) => ({ cluster: cluster(stack), topics: ['orders', 'payments'] }));
    const resourceOf = (action: string) =>
      granted(template())
        .filter(({ actions }) => actions.includes(action))
        .flatMap(({ resource }) => resource as string | string[])
        .map((arn) =>
          arn
            .replace(CLUSTER_ARN.replace(':cluster/', ':topic/'), '')
            .replace(CLUSTER_ARN.replace(':cluster/', ':group/'), ''),
        );
    expect(resourceOf('kafka-cluster:ReadData').toSorted()).toEqual(['/orders', '/payments']);
    expect(resourceOf('kafka-cluster:WriteData')).toEqual(['/orders.shipping.dlt', '/payments.shipping.dlt']);
    expect(resourceOf('kafka-cluster:AlterGroup').toSorted()).toEqual(['/shipping', '/shipping.payments']);
  });

  test('of a service that waits for its writes are to read only', () => {
    const { stack, consumer, template } = consumerStack();
    consumer.grantWait(new Role(stack, 'Service', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') }));
    const [service] = Object.entries(template().findResources('AWS::IAM::Policy')).filter(([id]) =>
      id.startsWith('Service'),
    );
    expect(JSON.stringify(service)).toContain('"Action":"dynamodb:GetItem"');
  });
});

describe('the inbox', () => {
  test('is made, and stays', () => {
    consumerStack().template().hasResource('AWS::DynamoDB::GlobalTable', { DeletionPolicy: 'Retain' });
  });

  test('can be shared', () => {
    const stack = stackInRegion();
    const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: readableNetwork(stack) });
    const inbox = new ConsumerInbox(stack, 'Inbox').table;
    for (const consumerName of ['shipping', 'billing']) {
      new OutboxConsumer(stack, consumerName, consumerProps({ cluster, inbox, consumerName }));
    }
    templateOf(stack)().resourceCountIs('AWS::DynamoDB::GlobalTable', 1);
  });
});

describe('the dead-letter topics', () => {
  const asked = (template: Template) =>
    propertiesOf(template, 'Custom::KafkaTopic').map(({ Topic: topic, Configs }) => [topic, Configs]);

  test('take messages 4 KB larger than their topics, and keep them for 30 days', () => {
    const { consumer, template } = consumerStack(() => ({
      topics: ['orders', { topic: 'documents', configs: { 'max.message.bytes': '2000000' } }],
    }));
    expect(consumer.deadLetterTopics).toEqual({
      orders: 'orders.shipping.dlt',
      documents: 'documents.shipping.dlt',
    });
    expect(JSON.stringify(asked(template()))).toContain('1052684');
    expect(asked(template()).map(([topic]) => topic)).toEqual(['orders.shipping.dlt', 'documents.shipping.dlt']);
    template().hasResourceProperties('Custom::KafkaTopic', {
      Topic: 'documents.shipping.dlt',
      Configs: Match.serializedJson({ 'retention.ms': '2592000000', 'max.message.bytes': '2004096' }),
    });
  });

  test('are made by CloudFormation where it can, without a function', () => {
    const { template } = consumerStack((stack) => ({
      cluster: OutboxCluster.express(stack, 'Express', {
        network: new OutboxNetwork(stack, 'ExpressNetwork', { consumerMappings: 'provisioned' }),
      }),
    }));
    template().hasResourceProperties('AWS::MSK::Topic', {
      TopicName: 'orders.shipping.dlt',
      PartitionCount: 1,
      Configs: { 'Fn::Base64': 'retention.ms=2592000000\nmax.message.bytes=1052684' },
    });
    template().resourceCountIs('Custom::KafkaTopicCheck', 0);
  });

  test('can be an existing one', () => {
    const { template } = consumerStack(() => ({ makeDeadLetterTopics: false }));
    template().resourceCountIs('Custom::KafkaTopic', 0);
    expect(actionsOf(template())).toContain('kafka-cluster:WriteData');
  });
});

describe('every login', () => {
  const secretOf = (stack: Stack) => Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN);
  const SCRAM = { Type: 'SASL_SCRAM_512_AUTH', URI: SECRET_ARN };
  const networkOf = (stack: Stack) => ({
    vpc: new Vpc(stack, 'Vpc', { maxAzs: 2 }),
    securityGroups: [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0')],
  });

  test('SCRAM on Amazon MSK: the mapping and the function read the secret', () => {
    const { template } = consumerStack((stack) => ({
      cluster: OutboxCluster.existing(stack, 'Existing', {
        clusterArn: CLUSTER_ARN,
        access: ['scram'],
        secret: secretOf(stack),
      }),
      ...networkOf(stack),
    }));
    template().hasResourceProperties(MAPPING, {
      EventSourceArn: CLUSTER_ARN,
      SourceAccessConfigurations: [SCRAM],
    });
    expect(actionsOf(template())).toEqual(
      expect.arrayContaining(['secretsmanager:GetSecretValue', 'kafka:ListScramSecrets', 'kafka:DescribeClusterV2']),
    );
    expect(actionsOf(template()).filter((action) => action.startsWith('kafka-cluster:'))).toEqual([]);
  });

  test('SCRAM on a cluster that is made here', () => {
    const { template } = consumerStack((stack) => {
      const network = new OutboxNetwork(stack, 'Scram', { access: ['scram'], consumerMappings: 'provisioned' });
      return { cluster: OutboxCluster.standard(stack, 'Standard', { network, access: ['scram'] }) };
    });
    template().hasResourceProperties(MAPPING, {
      SourceAccessConfigurations: [{ Type: 'SASL_SCRAM_512_AUTH', URI: { Ref: Match.stringLikeRegexp('Login') } }],
    });
  });

  test('a client certificate on Amazon MSK', () => {
    const { template } = consumerStack((stack) => ({
      cluster: OutboxCluster.existing(stack, 'Existing', {
        clusterArn: CLUSTER_ARN,
        access: ['tls'],
        secret: secretOf(stack),
      }),
      ...networkOf(stack),
    }));
    template().hasResourceProperties(MAPPING, {
      SourceAccessConfigurations: [{ Type: 'CLIENT_CERTIFICATE_TLS_AUTH', URI: SECRET_ARN }],
    });
  });

  test('IAM by brokers and the ARN of their cluster', () => {
    const { template } = consumerStack((stack) => ({
      cluster: undefined,
      bootstrapBrokers: 'b-1.orders:9098',
      authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN }),
      ...networkOf(stack),
    }));
    template().hasResourceProperties(MAPPING, {
      EventSourceArn: CLUSTER_ARN,
      SelfManagedEventSource: Match.absent(),
      SourceAccessConfigurations: Match.absent(),
    });
  });

  test('brokers of one’s own: by their addresses, through the subnets and groups of the function', () => {
    const { template } = consumerStack((stack) => ({
      cluster: undefined,
      bootstrapBrokers: 'b-1.orders:9096, b-2.orders:9096',
      authentication: KafkaAuthentication.scram(secretOf(stack)),
      ...networkOf(stack),
    }));
    template().hasResourceProperties(MAPPING, {
      EventSourceArn: Match.absent(),
      SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: ['b-1.orders:9096', 'b-2.orders:9096'] } },
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'shipping' },
      SourceAccessConfigurations: [
        SCRAM,
        { Type: 'VPC_SUBNET', URI: Match.anyValue() },
        { Type: 'VPC_SUBNET', URI: Match.anyValue() },
        { Type: 'VPC_SECURITY_GROUP', URI: 'security_group:sg-0123456789abcdef0' },
      ],
    });
    expect(actionsOf(template()).filter((action) => action.startsWith('kafka'))).toEqual([]);
    expect(actionsOf(template())).toContain('ec2:DescribeSecurityGroups');
  });

  test('brokers on the internet: by a login, without a network', () => {
    const { template } = consumerStack((stack) => ({
      cluster: undefined,
      bootstrapBrokers: 'kafka.example.com:9096',
      authentication: KafkaAuthentication.scram(secretOf(stack)),
    }));
    template().hasResourceProperties(MAPPING, { SourceAccessConfigurations: [SCRAM] });
    expect(actionsOf(template()).filter((action) => action.startsWith('ec2:'))).toEqual([]);
  });
});

const everything = (stack: Stack): Required<Omit<OutboxConsumerProps, 'cluster'>> => ({
  consumerName: 'shipping',
  topics: ['orders', { topic: 'payments', configs: { 'max.message.bytes': '2000000' } }],
  bootstrapBrokers: 'b-1.orders:9096',
  authentication: KafkaAuthentication.scram(Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN)),
  vpc: isolatedVpc(stack),
  vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
  securityGroups: [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0')],
  code: relayCode(),
  topicsCode: relayCode(),
  handler: 'index.shipping',
  inbox: new ConsumerInbox(stack, 'Inbox', { encryptionKey: new Key(stack, 'Key') }).table,
  makeDeadLetterTopics: true,
  deadLetterRetention: Duration.days(90),
  environment: { TABLE: 'shipments' },
  memorySize: 1024,
  timeout: Duration.minutes(5),
  reservedConcurrency: 20,
  batchSize: 500,
  maxBatchingWindow: Duration.seconds(1),
  minimumPollers: 2,
  maximumPollers: 6,
  startingPosition: StartingPosition.AT_TIMESTAMP,
  startingPositionTimestamp: 1_800_000_000,
  filters: [FilterCriteria.filter({ value: { total: FilterRule.exists() } })],
  onFailure: { bucket: new Bucket(stack, 'GivenUp', { removalPolicy: RemovalPolicy.DESTROY }), retryAttempts: 1_000 },
  redriveInterval: Duration.minutes(5),
  enabled: true,
  metricsNamespace: 'Shop',
  logRetention: RetentionDays.ONE_WEEK,
  environmentEncryptionKey: new Key(stack, 'EnvironmentKey'),
  logEncryptionKey: new Key(stack, 'LogKey'),
  monitoring: {
    pageTopic: new Topic(stack, 'Page'),
    ticketTopic: new Topic(stack, 'Ticket'),
    runbookBaseUrl: 'https://example.com/runbooks',
    maxLag: 100,
    dashboard: true,
  },
});

test('the template of the defaults', () => {
  expect(masked(consumerStack().template())).toMatchSnapshot();
});

test('the template with every option set', () => {
  const stack = stackInRegion();
  new OutboxConsumer(stack, 'Shipping', everything(stack));
  expect(masked(templateOf(stack)())).toMatchSnapshot();
});
