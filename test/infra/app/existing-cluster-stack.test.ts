import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { parseExistingClusterContext, ExistingClusterStack } from '../../../bin/app/existing-cluster-stack';
import { CLUSTER_ARN, SECRET_ARN, relayCode, statementOf, statements } from '../stack';

const TABLE_ARN = 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders-outbox';
const KEY_ARN = 'arn:aws:kms:eu-west-1:111122223333:key/0f9d1b0e-6a41-4f0e-9c0a-3f1f6a2b7c8d';

const templateOf = (context: Record<string, unknown>): Template =>
  Template.fromStack(
    new ExistingClusterStack(new App(), 'Outbox', {
      context: parseExistingClusterContext(context),
      relayCode: relayCode(),
      sweeperCode: relayCode(),
    }),
  );

const parameters = (template: Template): string[] =>
  Object.keys(template.findParameters('*'))
    .filter((name) => name !== 'BootstrapVersion')
    .sort();

const NETWORK = {
  vpcId: 'vpc-0123456789abcdef0',
  privateSubnetIds: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  securityGroupIds: 'sg-0123456789abcdef0',
};

test('without context, everything that is needed is a parameter', () => {
  expect(parameters(templateOf({}))).toEqual(['BootstrapBrokers', 'ClusterArn', 'PrivateSubnetIds', 'Topic', 'VpcId']);
});

test('every parameter has a description', () => {
  for (const parameter of Object.values(templateOf({}).findParameters('*'))) {
    expect(parameter).toHaveProperty('Description', expect.stringMatching(/\S/));
  }
});

test('the parameters reach the relay', () => {
  const template = templateOf({});
  template.hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: Match.objectLike({ OUTBOX_KAFKA_BROKERS: { Ref: 'BootstrapBrokers' } }) },
    VpcConfig: { SubnetIds: { Ref: 'PrivateSubnetIds' } },
  });
  template.hasResourceProperties('AWS::EC2::SecurityGroup', { VpcId: { Ref: 'VpcId' } });
  expect(statementOf(template, 'kafka-cluster:Connect').resource).toEqual({ Ref: 'ClusterArn' });
  expect(JSON.stringify(statementOf(template, 'kafka-cluster:WriteData').resource)).toContain('"/",{"Ref":"Topic"}');
});

test.each([
  ['a table', { tableArn: TABLE_ARN, tableStreamArn: `${TABLE_ARN}/stream/1`, tableKeyArn: KEY_ARN }],
  ['a login that is a parameter', { auth: 'scram', secretKeyArn: KEY_ARN }],
])('the key of %s may be used by the relay', (_, context) => {
  const users = statements(templateOf(context)).filter(({ resource }) => resource === KEY_ARN);
  expect(users.flatMap(({ actions }) => actions)).toContain('kms:Decrypt');
});

test('a value of the context is in the template unchanged, and is no parameter', () => {
  const template = templateOf({
    ...NETWORK,
    bootstrapBrokers: 'b-1.orders:9098',
    topics: 'orders,payments',
    clusterArn: CLUSTER_ARN,
    retentionSeconds: '3600',
    compression: 'gzip',
    outboxName: 'orders',
  });
  expect(parameters(template)).toEqual([]);
  template.hasResourceProperties('AWS::Lambda::Function', {
    Environment: {
      Variables: Match.objectLike({
        OUTBOX_KAFKA_BROKERS: 'b-1.orders:9098',
        OUTBOX_RETENTION_SECONDS: '3600',
        OUTBOX_COMPRESSION: 'gzip',
        OUTBOX_NAME: 'orders',
      }),
    },
    VpcConfig: {
      SubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      SecurityGroupIds: ['sg-0123456789abcdef0'],
    },
  });
  template.resourceCountIs('AWS::EC2::SecurityGroup', 0);
});

test('a broker on the same machine needs brokers and topics only', () => {
  const template = templateOf({
    bootstrapBrokers: '127.0.0.1:9092',
    auth: 'none',
    topics: 'orders,payments',
    vpcId: 'none',
  });
  expect(parameters(template)).toEqual([]);
  template.hasResourceProperties('AWS::Lambda::Function', {
    Environment: {
      Variables: Match.objectLike({ OUTBOX_KAFKA_BROKERS: '127.0.0.1:9092', OUTBOX_KAFKA_AUTH: 'none' }),
    },
    VpcConfig: Match.absent(),
  });
});

test('SCRAM needs the secret', () => {
  expect(parameters(templateOf({ ...NETWORK, auth: 'scram', topics: 'orders', bootstrapBrokers: 'b:9096' }))).toEqual([
    'KafkaUserArn',
  ]);
});

test('SCRAM reads the secret and its key', () => {
  const secretKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/0123';
  const template = templateOf({ ...NETWORK, auth: 'scram', secretArn: SECRET_ARN, secretKeyArn });
  expect(statementOf(template, 'secretsmanager:GetSecretValue').resource).toBe(SECRET_ARN);
  expect(statementOf(template, 'kms:Decrypt').resource).toBe(secretKeyArn);
});

test('TLS needs no secret', () => {
  expect(parameters(templateOf({ ...NETWORK, auth: 'tls', topics: 'orders', bootstrapBrokers: 'b:9094' }))).toEqual([]);
});

test('the outputs name what services and operators need', () => {
  expect(Object.keys(templateOf({}).findOutputs('*')).sort()).toEqual([
    'OutboxName',
    'RelayName',
    'RelaySecurityGroupId',
    'SweeperName',
    'TableArn',
    'TableName',
    'Topics',
  ]);
});

test('a security group of your own is not an output', () => {
  expect(templateOf(NETWORK).findOutputs('RelaySecurityGroupId')).toEqual({});
});
