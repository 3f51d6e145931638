import { App, CfnResource, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import type { StandardClusterProps } from '../../../lib/infra/cluster/outbox-cluster-props';
import { OutboxNetwork, type OutboxNetworkProps } from '../../../lib/infra/cluster/outbox-network';
import { OutboxTopics } from '../../../lib/infra/cluster/outbox-topics';
import { CLUSTER_ARN, SECRET_ARN, masked, propertiesOf, relayCode, statementOf, templateOf } from '../stack';

const CLUSTER = 'AWS::MSK::Cluster';

interface Made {
  readonly stack: Stack;
  readonly network: OutboxNetwork;
}

/** A stack with a network, in which `make` creates a cluster. */
function clusterStack(make: (made: Made) => unknown, network: OutboxNetworkProps = {}): () => Template {
  const stack = new Stack(new App(), 'Kafka', { env: { region: 'eu-west-1' } });
  make({ stack, network: new OutboxNetwork(stack, 'Network', network) });
  return templateOf(stack);
}

/** `[service call, ARN, wanted fields]` of the look-up of the brokers. */
const lookUps = (template: Template) =>
  propertiesOf(template, 'Custom::BootstrapBrokers').map(({ Create, InstallLatestAwsSdk }) => ({
    call: JSON.stringify(Create),
    InstallLatestAwsSdk,
  }));

describe('serverless', () => {
  const template = clusterStack(({ stack, network }) => OutboxCluster.serverless(stack, 'Cluster', { network }));

  test('is reached by IAM, in every subnet, through the brokers’ group', () => {
    template().hasResourceProperties('AWS::MSK::ServerlessCluster', {
      ClusterName: Match.stringLikeRegexp('^[A-Za-z0-9-]{1,64}$'),
      ClientAuthentication: { Sasl: { Iam: { Enabled: true } } },
      VpcConfigs: [
        {
          SubnetIds: [Match.anyValue(), Match.anyValue(), Match.anyValue()],
          SecurityGroups: [{ 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkBrokers'), 'GroupId'] }],
        },
      ],
    });
  });

  test('outlives the stack', () => {
    template().hasResource('AWS::MSK::ServerlessCluster', {
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
  });

  test('a deployment looks up its brokers, without downloads from the internet', () => {
    const [lookUp] = lookUps(template());
    expect(lookUp?.call).toContain('getBootstrapBrokers');
    expect(lookUp?.call).toContain('BootstrapBrokerStringSaslIam');
    expect(lookUp?.InstallLatestAwsSdk).toBe(false);
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Action: 'kafka:GetBootstrapBrokers',
            Resource: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Cluster'), 'Arn'] },
          },
        ],
      },
    });
  });

  test('the function that looks up keeps its logs for a month', () => {
    template().hasResourceProperties('AWS::Lambda::Function', {
      LoggingConfig: { LogGroup: { Ref: Match.stringLikeRegexp('^OutboxAwsCallLogs') } },
    });
  });
});

describe.each([
  ['express', OutboxCluster.express, 'express.m7g.large', '3.8.x'],
  ['standard', OutboxCluster.standard, 'kafka.m7g.large', '3.9.x.kraft'],
] as const)('%s', (kind, make, instanceType, kafkaVersion) => {
  const template = clusterStack(({ stack, network }) => make(stack, 'Cluster', { network }));

  test('has three brokers, uses TLS only and accepts no client without a login', () => {
    template().hasResourceProperties(CLUSTER, {
      KafkaVersion: kafkaVersion,
      NumberOfBrokerNodes: 3,
      BrokerNodeGroupInfo: { InstanceType: instanceType },
      ClientAuthentication: {
        Sasl: { Iam: { Enabled: true }, Scram: { Enabled: false } },
        Unauthenticated: { Enabled: false },
      },
      EncryptionInfo: { EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true } },
    });
  });

  test('tells of refused connections and keeps the logs of its brokers', () => {
    template().hasResourceProperties(CLUSTER, {
      EnhancedMonitoring: 'PER_BROKER',
      LoggingInfo: { BrokerLogs: { CloudWatchLogs: { Enabled: true } } },
    });
  });

  test(`${kind === 'standard' ? 'has' : 'has no'} disks and properties to choose`, () => {
    const [cluster] = propertiesOf(template(), CLUSTER);
    expect(cluster).toEqual(
      kind === 'standard'
        ? expect.objectContaining({ ConfigurationInfo: expect.anything() })
        : expect.not.objectContaining({ ConfigurationInfo: expect.anything() }),
    );
    template().resourceCountIs('AWS::MSK::Configuration', kind === 'standard' ? 1 : 0);
  });
});

test('standard brokers lose nothing that was acknowledged, and create no topic by accident', () => {
  const template = clusterStack(({ stack, network }) =>
    OutboxCluster.standard(stack, 'Cluster', { network, serverProperties: { 'num.partitions': '6' } }),
  );
  template().hasResourceProperties('AWS::MSK::Configuration', {
    ServerProperties:
      'auto.create.topics.enable=false\ndefault.replication.factor=3\nmin.insync.replicas=2\nunclean.leader.election.enable=false\nnum.partitions=6\n',
  });
});

test('another kind is another resource of another name: CloudFormation changes no resource into one of another type', () => {
  const identities = (['serverless', 'express', 'standard'] as const).map((kind) => {
    const template = clusterStack(({ stack, network }) => {
      const cluster = OutboxCluster[kind](stack, 'Cluster', { network });
      // Users override properties through the default child.
      expect(cluster.node.defaultChild).toBeInstanceOf(CfnResource);
    })();
    const [entry] = Object.entries(
      template.findResources(kind === 'serverless' ? 'AWS::MSK::ServerlessCluster' : CLUSTER),
    );
    const { ClusterName } = (entry?.[1] as { Properties: { ClusterName: string } }).Properties;
    expect(ClusterName).toMatch(/^[A-Za-z0-9-]{1,64}$/);
    return [entry?.[0], ClusterName];
  });
  expect(new Set(identities.flat()).size).toBe(6);
});

test('with a cluster that outlives its stack, so do its properties, which MSK does not delete, and its logins', () => {
  const template = clusterStack(
    ({ stack, network }) => OutboxCluster.standard(stack, 'Cluster', { network, access: ['scram'] }),
    { access: ['scram'] },
  )();
  for (const type of [
    CLUSTER,
    'AWS::MSK::Configuration',
    'AWS::MSK::BatchScramSecret',
    'AWS::SecretsManager::Secret',
  ]) {
    template.hasResource(type, { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
  }
});

test('an existing login must have the form that MSK requires', () => {
  const template = clusterStack(
    ({ stack, network }) => {
      const scramSecret = new Secret(stack, 'Secret', {
        secretName: 'AmazonMSK_orders',
        encryptionKey: new Key(stack, 'Key'),
      });
      OutboxCluster.express(stack, 'Cluster', { network, access: ['scram'], scramSecret });
    },
    { access: ['scram'] },
  );
  template().hasResourceProperties('AWS::MSK::BatchScramSecret', {
    SecretArnList: [{ Ref: Match.stringLikeRegexp('^Secret') }],
  });
});

test('two brokers are enough for two replicas', () => {
  const template = clusterStack(
    ({ stack, network }) => {
      const serverProperties = { 'default.replication.factor': '2', 'min.insync.replicas': '1' };
      const cluster = OutboxCluster.standard(stack, 'Cluster', { network, brokers: 2, serverProperties });
      new OutboxTopics(stack, 'Topics', {
        cluster,
        topics: [{ topic: 'orders', replicationFactor: 2 }],
        checkGrowth: false,
      });
    },
    { availabilityZones: ['eu-west-1a', 'eu-west-1b'] },
  );
  template().hasResourceProperties('AWS::MSK::Topic', { ReplicationFactor: 2 });
});

describe('SCRAM', () => {
  const template = clusterStack(
    ({ stack, network }) => OutboxCluster.express(stack, 'Cluster', { network, access: ['scram', 'iam'] }),
    { access: ['iam', 'scram'] },
  );

  test('has a login under a key of its own, as MSK demands, and hands it to the cluster', () => {
    template().hasResourceProperties('AWS::SecretsManager::Secret', {
      Name: Match.stringLikeRegexp('^AmazonMSK_'),
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('LoginKey'), 'Arn'] },
    });
    template().hasResourceProperties('AWS::MSK::BatchScramSecret', {
      SecretArnList: [{ Ref: Match.stringLikeRegexp('Login') }],
    });
  });

  test('is looked up next to IAM, after the login is associated with the cluster', () => {
    expect(lookUps(template())[0]?.call).toMatch(/SaslScram.*SaslIam/);
    template().hasResource('Custom::BootstrapBrokers', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('Logins')]),
    });
  });
});

describe('an existing cluster', () => {
  test('gets only a look-up of its brokers', () => {
    const template = clusterStack(({ stack }) => OutboxCluster.existing(stack, 'Cluster', { clusterArn: CLUSTER_ARN }));
    expect(lookUps(template())[0]?.call).toContain(CLUSTER_ARN);
    template().resourceCountIs(CLUSTER, 0);
    template().resourceCountIs('AWS::MSK::Topic', 0);
  });

  test.each([
    ['iam', 'BootstrapBrokerStringSaslIam'],
    ['scram', 'BootstrapBrokerStringSaslScram'],
    ['tls', 'BootstrapBrokerStringTls'],
    ['none', 'BootstrapBrokerString'],
  ] as const)('by %s has its brokers looked up as %s', (access, field) => {
    const template = clusterStack(({ stack }) => {
      const secret = access === 'scram' ? Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN) : undefined;
      const clusterArn = CLUSTER_ARN;
      const cluster = OutboxCluster.existing(stack, 'Cluster', { clusterArn, access: [access], secret });
      expect(cluster.authentication.settings.kind).toBe(access);
    });
    expect(lookUps(template())[0]?.call).toContain(`"${field}"`.replaceAll('"', '\\"'));
  });
});

describe('an outbox on a cluster', () => {
  const template = clusterStack(({ stack, network }) => {
    const cluster = OutboxCluster.serverless(stack, 'Cluster', { network });
    new Outbox(stack, 'Outbox', { cluster, topics: ['orders'], relayCode: relayCode(), sweeperCode: relayCode() });
  });

  test('uses brokers, login and network of the cluster', () => {
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          OUTBOX_KAFKA_AUTH: 'iam',
          OUTBOX_KAFKA_BROKERS: {
            'Fn::GetAtt': [Match.stringLikeRegexp('^ClusterBootstrap'), 'BootstrapBrokerStringSaslIam'],
          },
        }),
      },
      VpcConfig: {
        SecurityGroupIds: [{ 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkClients'), 'GroupId'] }],
        SubnetIds: [Match.anyValue(), Match.anyValue(), Match.anyValue()],
      },
    });
    expect(statementOf(template(), 'kafka-cluster:Connect').resource).toEqual({
      'Fn::GetAtt': [expect.stringMatching(/^Cluster/), 'Arn'],
    });
  });

  test('is polled for after the ports are open', () => {
    template().hasResource('AWS::Lambda::EventSourceMapping', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('^NetworkBrokersfrom')]),
    });
  });
});

const everything = ({ stack, network }: Made): Required<StandardClusterProps> => ({
  network,
  clusterName: 'orders',
  removalPolicy: RemovalPolicy.DESTROY,
  brokers: 6,
  access: ['scram', 'iam'],
  scramSecret: Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN),
  encryptionKey: new Key(stack, 'Key'),
  logRetention: RetentionDays.ONE_WEEK,
  kafkaVersion: '3.8.x',
  instanceType: 'kafka.m7g.xlarge',
  storage: Size.gibibytes(500),
  serverProperties: { 'num.partitions': '6' },
});

test('the template of the defaults', () => {
  const template = clusterStack(({ stack, network }) => OutboxCluster.serverless(stack, 'Cluster', { network }));
  expect(masked(template())).toMatchSnapshot();
});

test('the template with every option set', () => {
  const template = clusterStack((made) => OutboxCluster.standard(made.stack, 'Cluster', everything(made)), {
    access: ['iam', 'scram'],
  });
  expect(masked(template())).toMatchSnapshot();
});

describe('refused', () => {
  const two = ['eu-west-1a', 'eu-west-1b'];
  test.each<[string, (made: Made) => unknown, string, OutboxNetworkProps]>([
    [
      'an access whose port is closed',
      ({ stack, network }) => OutboxCluster.express(stack, 'Cluster', { network, access: ['scram'] }),
      'access',
      {},
    ],
    [
      'Express in two zones',
      ({ stack, network }) => OutboxCluster.express(stack, 'Cluster', { network }),
      'network',
      { availabilityZones: two },
    ],
    [
      'serverless in one zone',
      ({ stack, network }) => OutboxCluster.serverless(stack, 'Cluster', { network }),
      'network',
      { availabilityZones: ['eu-west-1a'] },
    ],
    [
      'brokers that do not divide among the zones',
      ({ stack, network }) => OutboxCluster.standard(stack, 'Cluster', { network, brokers: 4 }),
      'brokers',
      {},
    ],
    [
      'fewer brokers than replicas',
      ({ stack, network }) => OutboxCluster.standard(stack, 'Cluster', { network, brokers: 2 }),
      'brokers',
      { availabilityZones: two },
    ],
    [
      'a topic of more replicas than brokers',
      ({ stack, network }) => {
        const serverProperties = { 'default.replication.factor': '2' };
        const cluster = OutboxCluster.standard(stack, 'Cluster', { network, brokers: 2, serverProperties });
        new OutboxTopics(stack, 'Topics', { cluster, topics: ['orders'] });
      },
      'topics["orders"].replicationFactor',
      { availabilityZones: two },
    ],
    [
      'no broker',
      ({ stack, network }) => OutboxCluster.standard(stack, 'Cluster', { network, brokers: 0 }),
      'brokers',
      {},
    ],
    [
      'a name with a space',
      ({ stack, network }) => OutboxCluster.serverless(stack, 'Cluster', { network, clusterName: 'my orders' }),
      'clusterName',
      {},
    ],
    [
      'a login that nobody asks for',
      ({ stack, network }) =>
        OutboxCluster.standard(stack, 'Cluster', {
          network,
          scramSecret: Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN),
        }),
      'scramSecret',
      {},
    ],
    ...Object.entries({
      'a login without the name that MSK demands': (stack: Stack) =>
        new Secret(stack, 'Secret', { secretName: 'orders', encryptionKey: new Key(stack, 'Key') }),
      'a login with a generated name': (stack: Stack) =>
        new Secret(stack, 'Secret', { encryptionKey: new Key(stack, 'Key') }),
      'a login under the default key': (stack: Stack) =>
        new Secret(stack, 'Secret', { secretName: 'AmazonMSK_orders' }),
      'an imported login without that name': (stack: Stack) =>
        Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN.replace('AmazonMSK_', '')),
    }).map(([what, secret]): [string, (made: Made) => unknown, string, OutboxNetworkProps] => [
      what,
      ({ stack, network }) =>
        OutboxCluster.standard(stack, 'Cluster', { network, access: ['scram'], scramSecret: secret(stack) }),
      'scramSecret',
      { access: ['scram'] },
    ]),
    [
      'SCRAM on an existing cluster without a login',
      ({ stack }) => OutboxCluster.existing(stack, 'Cluster', { clusterArn: CLUSTER_ARN, access: ['scram'] }),
      'secret',
      {},
    ],
    [
      'SCRAM on MSK Serverless',
      ({ stack }) =>
        OutboxCluster.existing(stack, 'Cluster', { clusterArn: CLUSTER_ARN, kind: 'serverless', access: ['scram'] }),
      'access',
      {},
    ],
    [
      'a way in that the cluster does not have',
      ({ stack, network }) => OutboxCluster.serverless(stack, 'Cluster', { network }).bootstrapBrokersFor('tls'),
      'access',
      {},
    ],
    [
      'a misspelt option',
      ({ stack, network }) => {
        const misspelt = { network, broker: 3 };
        OutboxCluster.standard(stack, 'Cluster', misspelt);
      },
      'broker',
      {},
    ],
  ])('%s', (_, make, option, network) => {
    expect(() => clusterStack(make, network)).toThrow(
      expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
    );
  });
});
