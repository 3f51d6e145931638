import { OutboxError } from '../../../lib/event/errors';
import { parseExistingClusterContext } from '../../../bin/app/existing-cluster-stack';
import { CLUSTER_ARN, SECRET_ARN } from '../stack';

const given = (context: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries<unknown>(parseExistingClusterContext(context)).filter(([, value]) => value !== undefined),
  );

test('an empty context leaves everything open but the authentication, which is IAM', () => {
  expect(given({})).toEqual({ auth: 'iam' });
});

test('everything can be given as text, as "-c key=value" does', () => {
  expect(
    given({
      bootstrapBrokers: 'b-1:9098,b-2:9098',
      auth: 'iam',
      topics: 'orders, payments',
      clusterArn: CLUSTER_ARN,
      vpcId: 'vpc-1',
      availabilityZones: 'eu-west-1a,eu-west-1b',
      privateSubnetIds: 'subnet-1,subnet-2',
      securityGroupIds: 'sg-1',
      retentionSeconds: '0',
      compression: 'gzip',
      order: 'strict',
      publisher: 'platformatic',
      outboxName: 'orders',
    }),
  ).toEqual({
    bootstrapBrokers: 'b-1:9098,b-2:9098',
    auth: 'iam',
    topics: ['orders', 'payments'],
    clusterArn: CLUSTER_ARN,
    vpcId: 'vpc-1',
    availabilityZones: ['eu-west-1a', 'eu-west-1b'],
    privateSubnetIds: ['subnet-1', 'subnet-2'],
    securityGroupIds: ['sg-1'],
    retentionSeconds: 0,
    compression: 'gzip',
    order: 'strict',
    publisher: 'platformatic',
    outboxName: 'orders',
  });
});

test('lists and numbers can be JSON, as in cdk.json', () => {
  expect(given({ topics: ['orders', 'payments'], retentionSeconds: 3600 })).toEqual({
    auth: 'iam',
    topics: ['orders', 'payments'],
    retentionSeconds: 3600,
  });
});

test('keys of the CDK itself are ignored', () => {
  expect(
    given({
      '@aws-cdk/aws-iam:minimizePolicies': true,
      'aws:cdk:enable-path-metadata': true,
      'availability-zones:account=111122223333:region=eu-west-1': ['eu-west-1a'],
    }),
  ).toEqual({ auth: 'iam' });
});

test.each([
  ['bootstrapbroker', 'bootstrapBrokers'],
  ['retension', 'retentionSeconds'],
])('%s is refused, %s was meant', (misspelt, meant) => {
  expect(() => parseExistingClusterContext({ [misspelt]: '1' })).toThrow(
    `The context has no option "${misspelt}". Did you mean "${meant}"?`,
  );
});

describe('outside of any VPC', () => {
  const outside = { vpcId: 'none', auth: 'scram' };

  test.each(['kafka.example.com:9096', 'b-1-public.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9196'])(
    '%s can be reached',
    (bootstrapBrokers) => {
      expect(() => parseExistingClusterContext({ ...outside, bootstrapBrokers })).not.toThrow();
    },
  );

  test('brokers that are looked up cannot', () => {
    for (const context of [{ clusterArn: CLUSTER_ARN }, {}]) {
      expect(() => parseExistingClusterContext({ ...context, vpcId: 'none' })).toThrow(
        'Option "bootstrapBrokers" is not set; it must be given with vpcId "none". The addresses that the deployment looks up are not reachable from outside of the VPC of the cluster. Give the VPC and its subnets, or the public addresses',
      );
    }
  });

  test.each([
    ['iam', 'b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098'],
    ['scram', 'b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9096'],
    [
      'scram',
      'b-1-public.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9196, b-2.o.a1.c2.kafka.cn-north-1.amazonaws.com.cn:20096',
    ],
    ['iam', 'boot-a1b2c3.c1.kafka-serverless.eu-west-1.amazonaws.com:9098'],
  ])('nor can by %s %s', (auth, bootstrapBrokers) => {
    expect(() => parseExistingClusterContext({ ...outside, auth, bootstrapBrokers })).toThrow(
      /^Option "vpcId" is "none"; it must be the VPC from which .*:\d+ is reached\. That is an address inside the VPC of the cluster: .* or the public addresses/,
    );
  });
});

test.each<[string, Record<string, unknown>, string]>([
  ['an unknown authentication', { auth: 'IAM' }, 'auth'],
  ['an unknown codec', { compression: 'lz4' }, 'compression'],
  ['an unknown order', { order: 'total' }, 'order'],
  ['an unknown publisher', { publisher: 'librdkafka' }, 'publisher'],
  ['an empty text', { outboxName: ' ' }, 'outboxName'],
  ['a number for a text', { vpcId: 1 }, 'vpcId'],
  ['an empty entry', { topics: 'orders,' }, 'topics'],
  ['an empty list', { topics: [] }, 'topics'],
  ['a list of numbers', { topics: [1] }, 'topics'],
  ['an object for a list', { topics: {} }, 'topics'],
  ['a negative retention', { retentionSeconds: -1 }, 'retentionSeconds'],
  ['a retention with a unit', { retentionSeconds: '1d' }, 'retentionSeconds'],
  ['half a second', { retentionSeconds: 0.5 }, 'retentionSeconds'],
  [
    'a cluster ARN that nothing asks for',
    { auth: 'none', bootstrapBrokers: 'b:9092', clusterArn: CLUSTER_ARN },
    'clusterArn',
  ],
  ['a table without its stream', { tableArn: 'arn:aws:dynamodb:eu-west-1:1:table/orders' }, 'tableStreamArn'],
  ['a secret that nothing asks for', { secretArn: SECRET_ARN }, 'secretArn'],
  ['the key of no secret', { auth: 'tls', secretKeyArn: 'arn:aws:kms:eu-west-1:1:key/1' }, 'secretKeyArn'],
  ['the key of no table', { tableKeyArn: 'arn:aws:kms:eu-west-1:1:key/1' }, 'tableKeyArn'],
  ['subnets of no VPC', { privateSubnetIds: 'subnet-1' }, 'privateSubnetIds'],
  ['security groups outside any VPC', { vpcId: 'none', securityGroupIds: 'sg-1' }, 'securityGroupIds'],
  [
    'fewer zones than subnets',
    { vpcId: 'vpc-1', privateSubnetIds: 'subnet-1,subnet-2', availabilityZones: 'eu-west-1a' },
    'availabilityZones',
  ],
])('%s: refused', (_, context, option) => {
  const refused = (): unknown => {
    try {
      return parseExistingClusterContext(context);
    } catch (error) {
      return error;
    }
  };
  expect(refused()).toBeInstanceOf(OutboxError);
  expect(refused()).toMatchObject({ code: 'invalid-option', details: { option } });
});
