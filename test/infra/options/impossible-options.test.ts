import { App, CfnParameter, Fn, Stack, Stage, type StackProps } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { AttributeType, StreamViewType, Table, TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnEventSourceMapping, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import {
  ConsumerInbox,
  KafkaAuthentication,
  Outbox,
  OutboxCluster,
  OutboxConsumer,
  OutboxNetwork,
  OutboxReplica,
  OutboxTopics,
  type OutboxConsumerProps,
  type OutboxNetworkProps,
  type OutboxProps,
} from '../../../lib/cdk';
import { CLUSTER_ARN, outboxProps, relayCode } from '../stack';

const env = { account: '111122223333', region: 'eu-west-1' };
const ELSEWHERE = 'us-east-1';
const OTHER_ACCOUNT = '999999999999';
const STREAM = 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders-outbox/stream/2026-01-01T00:00:00.000';

const stackIn = (app = new App(), id = 'S', props: StackProps = { env }): Stack => new Stack(app, id, props);
const synthesis = (stack: Stack) => () => Stage.of(stack)?.synth();

/** The error message of the construct or of the synthesis; `accepted` if both succeed. */
function refusal(make: (stack: Stack) => void, props?: StackProps): string {
  const stack = stackIn(new App(), 'S', props);
  try {
    make(stack);
    synthesis(stack)();
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

const outbox = (stack: Stack, changed: Partial<OutboxProps> = {}, id = 'O'): Outbox =>
  new Outbox(stack, id, outboxProps({ monitoring: false, ...changed }));
const network = (stack: Stack, props: OutboxNetworkProps = {}): OutboxNetwork => new OutboxNetwork(stack, 'N', props);
const serverless = (stack: Stack): OutboxCluster =>
  OutboxCluster.serverless(stack, 'C', { network: network(stack, { consumerMappings: 'provisioned' }) });
const onCluster = (stack: Stack, cluster: OutboxCluster, changed: Partial<OutboxProps> = {}): Outbox =>
  outbox(stack, { bootstrapBrokers: undefined, authentication: undefined, cluster, ...changed });
const consumer = (stack: Stack, changed: Partial<OutboxConsumerProps> = {}, id = 'X'): OutboxConsumer =>
  new OutboxConsumer(stack, id, {
    consumerName: 'shipping',
    cluster: (stack.node.tryFindChild('C') as OutboxCluster | undefined) ?? serverless(stack),
    topics: ['orders'],
    code: relayCode(),
    topicsCode: relayCode(),
    monitoring: false,
    ...changed,
  });

const imported = (stack: Stack, id: string, tableName = 'orders-outbox'): ITable =>
  TableV2.fromTableAttributes(stack, id, { tableName, tableStreamArn: STREAM.replace('orders-outbox', tableName) });

describe('one table of two outboxes is refused', () => {
  const shared = /Option "table" is "the table of 2 outboxes \(.*\)"; it must be the table of one outbox\./;

  test('made by the first', () => {
    expect(refusal((s) => outbox(s, { table: outbox(s, {}, 'A').table }, 'B'))).toMatch(shared);
  });

  test('imported by the tokens of the first', () => {
    expect(
      refusal((s) => {
        const { tableArn, tableStreamArn } = outbox(s, {}, 'A').table;
        outbox(s, { table: TableV2.fromTableAttributes(s, 'T', { tableArn, tableStreamArn }) }, 'B');
      }),
    ).toMatch(shared);
  });

  test('imported twice by name', () => {
    expect(refusal((s) => ['A', 'B'].forEach((id) => void outbox(s, { table: imported(s, `T${id}`) }, id)))).toMatch(
      shared,
    );
  });

  test('imported by name and by ARN', () => {
    expect(
      refusal((s) => {
        const tableArn = 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders-outbox';
        outbox(s, { table: imported(s, 'T1') }, 'A');
        outbox(s, { table: Table.fromTableAttributes(s, 'T2', { tableArn, tableStreamArn: STREAM }) }, 'B');
      }),
    ).toMatch(shared);
  });

  test('made under a name here, imported by it in another stack', () => {
    const app = new App();
    outbox(stackIn(app, 'One'), { tableName: 'orders-outbox' });
    const other = stackIn(app, 'Two');
    outbox(other, { table: imported(other, 'T') });
    expect(synthesis(other)).toThrow(shared);
  });

  test('passed to another stack', () => {
    const app = new App();
    const { table } = outbox(stackIn(app, 'One'));
    const other = stackIn(app, 'Two');
    outbox(other, { table });
    expect(synthesis(other)).toThrow(shared);
  });

  test('imported by one export in two stacks', () => {
    const app = new App();
    const stacks = ['One', 'Two'].map((id) => stackIn(app, id));
    for (const stack of stacks) {
      const [tableArn, tableStreamArn] = ['Arn', 'Stream'].map((name) => Fn.importValue(`Table${name}`));
      outbox(stack, {
        table: TableV2.fromTableAttributes(stack, 'T', { tableArn: String(tableArn), tableStreamArn }),
      });
    }
    expect(() => app.synth()).toThrow(shared);
  });

  test('imported in stacks without env', () => {
    expect(
      refusal((s) => ['A', 'B'].forEach((id) => void outbox(s, { table: imported(s, `T${id}`) }, id)), {}),
    ).toMatch(shared);
  });

  test('not for possibly two tables', () => {
    const app = new App();
    const [here, there] = [stackIn(app, 'Here'), stackIn(app, 'There', { env: { ...env, region: 'eu-central-1' } })];
    outbox(here, { replicas: ['eu-central-1'], tableName: 'outbox' });
    const { table } = new OutboxReplica(there, 'R', { tableName: 'outbox' });
    const authentication = KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN.replace('eu-west-1', 'eu-central-1') });
    outbox(there, { table, publishesFor: ['eu-central-1'], authentication });
    for (const id of ['Dev', 'Prod']) outbox(stackIn(app, id, {}), { tableName: 'orders', outboxName: id });
    for (const id of ['P1', 'P2']) {
      const stack = stackIn(app, id);
      const [tableArn, tableStreamArn] = ['Arn', 'Stream'].map(
        (name) => new CfnParameter(stack, `Table${name}`).valueAsString,
      );
      outbox(stack, {
        table: TableV2.fromTableAttributes(stack, 'T', { tableArn: String(tableArn), tableStreamArn }),
      });
    }
    expect(() => app.synth()).not.toThrow();
  });
});

describe('the stream of another table is refused', () => {
  const other = /Option "table" is .* with the stream of .*it must be a table with its own stream/;
  const own = (stack: Stack, id: string, tableName?: string): TableV2 =>
    new TableV2(stack, id, {
      tableName,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      localSecondaryIndexes: [{ indexName: 'pin', sortKey: { name: 'pin', type: AttributeType.STRING } }],
      dynamoStream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'expiresAt',
    });

  test.each<[string, (stack: Stack) => ITable]>([
    ['another name', (s) => TableV2.fromTableAttributes(s, 'T', { tableName: 'other', tableStreamArn: STREAM })],
    [
      'another region',
      (s) =>
        TableV2.fromTableAttributes(s, 'T', {
          tableName: 'orders-outbox',
          tableStreamArn: STREAM.replace('eu-west-1', ELSEWHERE),
        }),
    ],
    [
      'another table of the app',
      (s) =>
        TableV2.fromTableAttributes(s, 'T', {
          tableArn: own(s, 'One').tableArn,
          tableStreamArn: own(s, 'Two').tableStreamArn,
        }),
    ],
    [
      'a table of the app under another name',
      (s) =>
        TableV2.fromTableAttributes(s, 'T', {
          tableName: 'orders-outbox',
          tableStreamArn: own(s, 'Two', 'payments').tableStreamArn,
        }),
    ],
  ])('%s', (_, table) => {
    expect(refusal((s) => outbox(s, { table: table(s) }))).toMatch(other);
  });

  test('not its own, nor one that only the deployment knows', () => {
    expect(refusal((s) => outbox(s, { table: imported(s, 'T') }))).toBe('accepted');
    expect(
      refusal((s) => {
        const tableStreamArn = new CfnParameter(s, 'Stream').valueAsString;
        outbox(s, { table: TableV2.fromTableAttributes(s, 'T', { tableName: 'orders', tableStreamArn }) });
      }),
    ).toBe('accepted');
  });
});

describe('a resource of another region or account is refused', () => {
  const tableArn = 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders';
  const table = (s: Stack, changed: [string, string]) =>
    TableV2.fromTableAttributes(s, 'T', {
      tableArn: tableArn.replace(...changed),
      tableStreamArn: `${tableArn.replace(...changed)}/stream/1`,
    });
  const existing = (s: Stack, changed: [string, string]) =>
    OutboxCluster.existing(s, 'C', {
      clusterArn: CLUSTER_ARN.replace(...changed),
      network: network(s, { vpc: new Vpc(s, 'V') }),
    });
  const region: [string, string] = ['eu-west-1', ELSEWHERE];
  const account: [string, string] = ['111122223333', OTHER_ACCOUNT];
  const key = (s: Stack, id = 'K') =>
    Key.fromKeyArn(s, id, `arn:aws:kms:${ELSEWHERE}:111122223333:key/0f9d1b0e-6a41-4f0e-9c0a-3f1f6a2b7c8d`);

  test.each<[string, string, (stack: Stack) => unknown]>([
    ['table', `of the region ${ELSEWHERE}`, (s) => outbox(s, { table: table(s, region) })],
    ['table', `of the account ${OTHER_ACCOUNT}`, (s) => outbox(s, { table: table(s, account) })],
    ['cluster', `of the region ${ELSEWHERE}`, (s) => onCluster(s, existing(s, region))],
    ['cluster', `of the account ${OTHER_ACCOUNT}`, (s) => onCluster(s, existing(s, account))],
    [
      'authentication',
      `of the region ${ELSEWHERE}`,
      (s) => outbox(s, { authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN.replace(...region) }) }),
    ],
    [
      'bootstrapBrokers',
      `brokers of the region ${ELSEWHERE}`,
      (s) =>
        outbox(s, { vpc: new Vpc(s, 'V'), bootstrapBrokers: `b-1.orders.a1.c2.kafka.${ELSEWHERE}.amazonaws.com:9098` }),
    ],
    [
      'authentication',
      `a login in a secret of the region ${ELSEWHERE}`,
      (s) =>
        outbox(s, {
          authentication: KafkaAuthentication.scram(
            Secret.fromSecretCompleteArn(
              s,
              'Secret',
              `arn:aws:secretsmanager:${ELSEWHERE}:111122223333:secret:AmazonMSK_x-AbCdEf`,
            ),
          ),
        }),
    ],
    ['encryptionKey', `of the region ${ELSEWHERE}`, (s) => outbox(s, { encryptionKey: key(s) })],
    ['environmentEncryptionKey', `of the region ${ELSEWHERE}`, (s) => outbox(s, { environmentEncryptionKey: key(s) })],
    ['logEncryptionKey', `of the region ${ELSEWHERE}`, (s) => consumer(s, { logEncryptionKey: key(s) })],
    ['encryptionKey', `of the region ${ELSEWHERE}`, (s) => new ConsumerInbox(s, 'I', { encryptionKey: key(s) })],
    ['inbox', `of the region ${ELSEWHERE}`, (s) => consumer(s, { inbox: table(s, region) })],
    [
      'monitoring.pageTopic',
      `of the region ${ELSEWHERE}`,
      (s) =>
        outbox(s, {
          monitoring: { pageTopic: Topic.fromTopicArn(s, 'P', `arn:aws:sns:${ELSEWHERE}:111122223333:page`) },
        }),
    ],
    [
      'availabilityZones',
      `${ELSEWHERE}a`,
      (s) => network(s, { availabilityZones: [`${ELSEWHERE}a`, `${ELSEWHERE}b`] }),
    ],
  ])('%s %s', (option, what, make) => {
    const message = refusal(make);
    expect(message).toContain(`Option "${option}" is `);
    expect(message).toContain(what);
    // In a stack without env, ARNs and regions cannot be compared.
    if (option !== 'encryptionKey') expect(refusal(make, {})).toBe('accepted');
  });
});

describe('options that cannot work together are refused', () => {
  const wide = (s: Stack, id = 'V') => new Vpc(s, id);
  const other = (s: Stack) => new Vpc(s, 'Other');

  test.each<[string, (stack: Stack) => unknown, RegExp]>([
    [
      'metrics of a cluster that has none',
      (s) => onCluster(s, serverless(s), { monitoring: { mskClusterName: 'nope' } }),
      /Option "monitoring.mskClusterName" is "nope"; it must be left out on MSK Serverless/,
    ],
    [
      'metrics of a serverless cluster that is known by its ARN',
      (s) =>
        outbox(s, {
          authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN.replace(/-2$/, '-s2') }),
          monitoring: { mskClusterName: 'orders' },
        }),
      /must be left out on MSK Serverless/,
    ],
    [
      'metrics of another cluster',
      (s) => outbox(s, { monitoring: { mskClusterName: 'payments' } }),
      /it must be the name of the outbox's cluster \(orders\)/,
    ],
    [
      'a serverless cluster as another kind',
      (s) => OutboxCluster.existing(s, 'C', { clusterArn: CLUSTER_ARN.replace(/-2$/, '-s2') }),
      /Option "kind" is "standard"; it must be serverless/,
    ],
    [
      'brokers of the other kind',
      (s) => OutboxCluster.express(s, 'C', { network: network(s), instanceType: 'kafka.m7g.large' }),
      /Option "instanceType" is "kafka.m7g.large"; .* begins with "express\."/,
    ],
    [
      'an authentication method that the network does not open',
      (s) => {
        const secret = Secret.fromSecretNameV2(s, 'Secret', 'AmazonMSK_x');
        OutboxCluster.existing(s, 'C', { clusterArn: CLUSTER_ARN, access: ['scram'], secret, network: network(s) });
      },
      /Option "access" is "scram"; it must be among the authentication methods of the network \(iam\)/,
    ],
    [
      'an authentication method that the cluster does not offer',
      (s) => onCluster(s, serverless(s), { authentication: KafkaAuthentication.none() }),
      /Option "authentication" is "none"; it must be one of the authentication methods of the cluster \(iam\)/,
    ],
    [
      'a login of another cluster',
      (s) =>
        onCluster(s, OutboxCluster.existing(s, 'C', { clusterArn: CLUSTER_ARN }), {
          vpc: wide(s),
          authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN.replace('orders', 'payments') }),
        }),
      /Option "authentication" is "IAM of .*payments.*it must be IAM of the cluster that is given/,
    ],
    [
      'a login at the port of another one',
      (s) => outbox(s, { vpc: wide(s), bootstrapBrokers: 'b-1.o.a1.c2.kafka.eu-west-1.amazonaws.com:9096' }),
      /Option "bootstrapBrokers" is .* listens on 9096 for scram/,
    ],
    [
      'topics of another cluster',
      (s) => {
        const [one, two] = ['One', 'Two'].map((id) =>
          OutboxCluster.serverless(s, id, { network: new OutboxNetwork(s, `${id}N`) }),
        );
        onCluster(s, one!, {
          topics: new OutboxTopics(s, 'T', { cluster: two, topics: ['orders'], topicsCode: relayCode() }),
        });
      },
      /Option "topics" is "the topics of S\/T, on another cluster"/,
    ],
    [
      'a topic that two make',
      (s) => {
        const cluster = serverless(s);
        for (const id of ['A', 'B']) new OutboxTopics(s, id, { cluster, topics: ['orders'], topicsCode: relayCode() });
      },
      /Option "topics" is "orders"; it must be made by one OutboxTopics. S\/B makes it/,
    ],
    [
      'subnets of another VPC',
      (s) => outbox(s, { vpc: wide(s), vpcSubnets: { subnets: other(s).privateSubnets } }),
      /Option "vpcSubnets" is "one with the subnet S\/Other\/PrivateSubnet1"; it must be subnets of the VPC S\/V/,
    ],
    [
      'a security group of another VPC',
      (s) => outbox(s, { vpc: wide(s), securityGroups: [new SecurityGroup(s, 'G', { vpc: other(s) })] }),
      /Option "securityGroups" is "one with the group S\/G"/,
    ],
    [
      'a security group without a VPC',
      (s) => outbox(s, { securityGroups: [new SecurityGroup(s, 'G', { vpc: other(s) })] }),
      /Option "securityGroups" is "given without vpc"/,
    ],
    [
      'a login in a secret that nothing leads to',
      (s) => {
        const vpc = new Vpc(s, 'V', {
          natGateways: 0,
          subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
        });
        const secret = Secret.fromSecretNameV2(s, 'Secret', 'AmazonMSK_x');
        outbox(s, {
          vpc,
          vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
          authentication: KafkaAuthentication.scram(secret),
        });
      },
      /nothing leads to Secrets Manager: it could not log in at the brokers/,
    ],
    ['zones twice', (s) => network(s, { availabilityZones: ['eu-west-1a', 'eu-west-1a'] }), /"availabilityZones"/],
    [
      'a region twice',
      (s) => outbox(s, { replicas: ['eu-west-2', 'eu-west-2'] }),
      /Option "replicas" is "eu-west-2"; it must be a list without repetitions/,
    ],
    ['memory that Lambda lacks', (s) => outbox(s, { relayMemorySize: 64 }), /"relayMemorySize" is 64; .* from 128/],
    [
      'the outbox table as inbox',
      (s) => consumer(s, { inbox: outbox(s).table }),
      /Option "inbox" is "the table of the outbox S\/O"/,
    ],
    ['memory of a consumer', (s) => consumer(s, { memorySize: 20_000 }), /"memorySize" is 20000/],
    [
      'no invocation of a consumer',
      (s) => consumer(s, { reservedConcurrency: 0 }),
      /Option "reservedConcurrency" is 0; it must be an integer of at least 1/,
    ],
    ['no topic', (s) => consumer(s, { topics: [] }), /Option "topics" is/],
    ['a topic twice', (s) => consumer(s, { topics: ['orders', 'orders'] }), /a list without repetitions/],
    [
      'the dead letters of a consumer',
      (s) => consumer(s, { topics: ['orders', 'orders.shipping.dlt'] }),
      /topics other than the dead-letter topics of this consumer/,
    ],
    [
      'a variable of Lambda',
      (s) => consumer(s, { environment: { AWS_REGION: 'eu-west-2' } }),
      /Option "environment" is "AWS_REGION"/,
    ],
    ['too many variables', (s) => consumer(s, { environment: { LONG: 'x'.repeat(5_000) } }), /at most 4096 bytes/],
    [
      'a pattern that is not one of Lambda',
      (s) => consumer(s, { filters: [{ value: { type: ['x'] } }] }),
      /a list of what FilterCriteria.filter/,
    ],
    [
      'a time in milliseconds',
      (s) =>
        consumer(s, {
          startingPosition: StartingPosition.AT_TIMESTAMP,
          startingPositionTimestamp: 1_767_225_600_000,
        }),
      /It is in seconds since 1970/,
    ],
  ])('%s', (_, make, message) => {
    expect(refusal(make)).toMatch(message);
  });

  test('each further authentication method gets its own addresses', () => {
    const stack = stackIn();
    const cluster = OutboxCluster.standard(stack, 'C', {
      network: network(stack, { access: ['iam', 'scram'] }),
      access: ['iam', 'scram'],
    });
    const { relay } = onCluster(stack, cluster, { authentication: cluster.authenticationFor('scram') });
    const [json] = [
      JSON.stringify(stack.resolve((relay.node.defaultChild as unknown as { environment: unknown }).environment)),
    ];
    expect(json).toContain('BootstrapBrokerStringSaslScram');
    expect(json).not.toContain('BootstrapBrokerStringSaslIam');
  });
});

describe('a Kafka group of two mappings is refused', () => {
  test('of the topic of one consumer, and the name of another', () => {
    expect(
      refusal((s) => {
        consumer(s, { consumerName: 'a', topics: ['orders', 'bc'] });
        consumer(s, { consumerName: 'a.bc', topics: ['orders'] }, 'Y');
      }),
    ).toMatch(
      /Option "consumerName" is "a"; it must be one whose Kafka groups belong to it alone\. .*S\/Y\/Mapping-orders/,
    );
  });

  test('of a mapping that another construct makes', () => {
    expect(
      refusal((s) => {
        const { function: target } = consumer(s);
        const cluster = s.node.findChild('C');
        if (!(cluster instanceof OutboxCluster)) throw new Error('The stack has no cluster.');
        new CfnEventSourceMapping(s, 'Own', {
          functionName: target.functionName,
          eventSourceArn: cluster.clusterArn,
          topics: ['payments'],
          amazonManagedKafkaEventSourceConfig: { consumerGroupId: 'shipping' },
        });
      }),
    ).toMatch(/has the group and the cluster of S\/Own/);
  });
});

test.each([
  ['us-west-1', 1],
  ['us-gov-west-1', 1],
  ['eu-west-1', 0],
  [undefined, 0],
])('a serverless cluster in %s gets %d warnings', (region, count) => {
  const stack = stackIn(new App(), 'S', { env: { region } });
  serverless(stack);
  const found = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('MSK Serverless was not offered'));
  expect(found).toHaveLength(count);
});
