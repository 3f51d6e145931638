/**
 * The CDK numbers its tokens, and divides statements among policies by the length of these numbers. A CDK of its own
 * counts from the start here, whichever files ran before.
 *
 * @jest-environment node
 */
import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import { OutboxNetwork } from '../../../lib/infra/cluster/outbox-network';
import { OutboxTopics } from '../../../lib/infra/cluster/outbox-topics';
import { OutboxConsumer } from '../../../lib/infra/consumer/outbox-consumer';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { consumerProps, readableNetwork, stackInRegion } from '../consumer-stack';
import { CLUSTER_ARN, outboxProps, relayCode } from '../stack';

const name = (index: number): string => `shop.checkout.order-lifecycle.events.v${index}`;
const named = (count: number, length = 0): string[] =>
  Array.from({ length: count }, (_, index) => name(index).padEnd(length, 'x'));
const existing = KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN });
const synthesized = (stack: Stack): unknown => Template.fromStack(stack).toJSON();
const vpcIn = (stack: Stack): Vpc => new Vpc(stack, 'Vpc', { natGateways: 1 });
/** A role with an inline policy of its own that names `objects` objects. */
const userRole = (stack: Stack, objects = 1): Role =>
  new Role(stack, 'User', {
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    inlinePolicies: {
      Own: new PolicyDocument({
        statements: [
          new PolicyStatement({
            actions: ['s3:GetObject'],
            resources: named(objects, 110).map((object) => `arn:aws:s3:::shop/${object}`),
          }),
        ],
      }),
    },
  });

describe('300 topics of usual names', () => {
  test.each([
    ['in a VPC', true],
    ['in none', false],
  ])('a relay on an existing cluster, %s', (_, inVpc) => {
    const stack = stackInRegion();
    const vpc = inVpc ? vpcIn(stack) : undefined;
    new Outbox(stack, 'Outbox', outboxProps({ topics: named(300), authentication: existing, vpc, monitoring: false }));
    expect(() => synthesized(stack)).not.toThrow();
  });

  test('a relay and topics on a cluster of the app, whose ARN only the deployment knows', () => {
    const stack = stackInRegion();
    const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: new OutboxNetwork(stack, 'Network') });
    const topics = new OutboxTopics(stack, 'Topics', {
      cluster,
      topics: named(300).map((topic) => ({ topic, partitions: 1 })),
      topicsCode: relayCode(),
    });
    new Outbox(stack, 'Outbox', {
      cluster,
      topics,
      relayCode: relayCode(),
      sweeperCode: relayCode(),
      monitoring: false,
    });
    expect(() => synthesized(stack)).not.toThrow();
  });

  test('a consumer, with a group and a dead-letter topic for each', () => {
    const stack = stackInRegion();
    const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: readableNetwork(stack) });
    new OutboxConsumer(
      stack,
      'Shipping',
      consumerProps({ cluster, topics: named(300), makeDeadLetterTopics: false, monitoring: false }),
    );
    expect(() => synthesized(stack)).not.toThrow();
  });

  test('a role of the caller that reads each as a member of one group', () => {
    const stack = stackInRegion();
    const outbox = new Outbox(stack, 'Outbox', outboxProps({ topics: named(300), authentication: existing }));
    const role = userRole(stack);
    for (const topic of named(300)) outbox.grantConsume(role, topic, 'billing');
    outbox.grantWrite(role);
    outbox.grantOperate(role);
    expect(() => synthesized(stack)).not.toThrow();
  });

  test('a role of the caller that reads one as a member of 300 groups', () => {
    const stack = stackInRegion();
    const outbox = new Outbox(stack, 'Outbox', outboxProps({ authentication: existing }));
    const role = userRole(stack);
    for (const group of named(300)) outbox.grantConsume(role, 'orders', group);
    expect(() => synthesized(stack)).not.toThrow();
  });
});

test('long names on a cluster of the app are packed by their true length', () => {
  const stack = stackInRegion();
  const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: new OutboxNetwork(stack, 'Network') });
  new Outbox(stack, 'Outbox', {
    cluster,
    topics: named(100, 249),
    relayCode: relayCode(),
    sweeperCode: relayCode(),
    monitoring: false,
  });
  expect(() => synthesized(stack)).not.toThrow();
});

describe('refuses', () => {
  test('more topics than 10 managed policies hold', () => {
    const stack = stackInRegion();
    new Outbox(stack, 'Outbox', outboxProps({ topics: named(300, 249), authentication: existing, monitoring: false }));
    expect(() => synthesized(stack)).toThrow(
      /Option "topics" is "so large that the role Shop\/Outbox\/Relay\/Role has \d+ managed policies"; it must be small enough for 10 in a role\. That is the limit of IAM\. Divide the topics/,
    );
  });

  test('long ARNs of a token in a role of the caller, with the context that cures it', () => {
    const topics = named(60, 249);
    const grantAll = (context: Record<string, unknown>): Stack => {
      const stack = new Stack(new App({ context }), 'Shop', { env: { region: 'eu-west-1' } });
      const clusterArn = new CfnParameter(stack, 'ClusterArn').valueAsString;
      const authentication = KafkaAuthentication.iam({ clusterArn });
      const outbox = new Outbox(stack, 'Outbox', outboxProps({ topics, authentication, monitoring: false }));
      const role = userRole(stack);
      for (const topic of topics) outbox.grantConsume(role, topic, 'billing');
      return stack;
    };
    expect(() => synthesized(grantAll({}))).toThrow(
      /the role Shop\/User has inline policies of \d+ characters"; it must be small enough for 10240 characters in a role\..*set the context "@aws-cdk\/aws-iam.arnSizeEstimate"/s,
    );
    expect(() => synthesized(grantAll({ '@aws-cdk/aws-iam.arnSizeEstimate': 390 }))).not.toThrow();
  });

  test('policies in the role’s own resource, together with the rest', () => {
    const stack = stackInRegion();
    const outbox = new Outbox(stack, 'Outbox', outboxProps({ authentication: existing }));
    outbox.grantConsume(userRole(stack, 80), 'orders', 'billing');
    expect(() => synthesized(stack)).toThrow(/the role Shop\/User has inline policies of 1\d{4} characters/);
  });

  test('nothing of roles that have nothing to do with Kafka', () => {
    const stack = stackInRegion();
    const outbox = new Outbox(stack, 'Outbox', outboxProps({ authentication: existing }));
    outbox.grantWrite(userRole(stack, 200));
    expect(() => synthesized(stack)).not.toThrow();
  });
});
