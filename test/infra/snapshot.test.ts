import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { KafkaAuthentication } from '../../lib/infra/cluster/kafka-authentication';
import type { OutboxProps } from '../../lib/infra/outbox/outbox-props';
import { isolatedVpc } from './isolated-vpc';
import { SECRET_ARN, masked, outboxStack, relayCode } from './stack';

const everything: Parameters<typeof outboxStack>[0] = (
  stack,
): Required<Omit<OutboxProps, 'table' | 'cluster' | 'replicas' | 'publishesFor'>> => ({
  topics: ['orders', 'payments'],
  bootstrapBrokers: 'b-1.orders:9096',
  authentication: KafkaAuthentication.scram(Secret.fromSecretCompleteArn(stack, 'Secret', SECRET_ARN)),
  vpc: isolatedVpc(stack),
  vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
  securityGroups: [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0')],
  compression: 'gzip',
  publisher: 'platformatic',
  order: 'relaxed',
  fullSweepInterval: Duration.hours(6),
  retention: Duration.seconds(0),
  replayWindow: Duration.seconds(0),
  maxBatchBytes: 500_000,
  requestTimeout: Duration.seconds(2),
  partitionPatience: Duration.seconds(90),
  maxPartitionHolds: 500,
  outboxName: 'orders',
  tableName: 'orders-outbox',
  encryptionKey: new Key(stack, 'Key'),
  environmentEncryptionKey: new Key(stack, 'EnvironmentKey'),
  logEncryptionKey: new Key(stack, 'LogKey'),
  deletionProtection: false,
  removalPolicy: RemovalPolicy.DESTROY,
  relayMemorySize: 2048,
  relayTimeout: Duration.minutes(2),
  relayCode: relayCode(),
  expectedShards: 20,
  relayConcurrency: 30,
  sweepInterval: Duration.minutes(30),
  overdueAfter: Duration.hours(2),
  sweepReadUnitsPerSecond: 200,
  sweeperCode: relayCode(),
  logRetention: RetentionDays.ONE_WEEK,
  monitoring: {
    slo: { publishWithin: Duration.seconds(30), objective: 0.99, minLateEvents: 1, maxLag: Duration.minutes(15) },
    pageTopic: new Topic(stack, 'Page'),
    ticketTopic: new Topic(stack, 'Ticket'),
    runbookBaseUrl: 'https://example.com/runbooks',
    mskClusterName: 'orders',
    dashboard: true,
  },
});

test('the template of the defaults', () => {
  const synthesized = outboxStack();
  expect(masked(synthesized.template())).toMatchSnapshot();
});

test('the template with every option set', () => {
  const synthesized = outboxStack(everything);
  synthesized.outbox.grantWrite(synthesized.outbox.relay);
  expect(masked(synthesized.template())).toMatchSnapshot();
});

test('synthesizing twice gives the same template', () => {
  expect(outboxStack(everything).template().toJSON()).toEqual(outboxStack(everything).template().toJSON());
});
