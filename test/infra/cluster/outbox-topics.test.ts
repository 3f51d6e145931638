import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';
import { defineEvents } from '../../../lib/event/catalogue';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { OutboxCluster } from '../../../lib/infra/cluster/outbox-cluster';
import { OutboxNetwork } from '../../../lib/infra/cluster/outbox-network';
import { OutboxTopics } from '../../../lib/infra/cluster/outbox-topics';
import type { OutboxTopicsProps } from '../../../lib/infra/cluster/outbox-topics-props';
import { decodeTopicsConfig } from '../../../lib/topics/environment';
import { decodeTopicRequest, type TopicRequest } from '../../../lib/topics/request';
import { masked, propertiesOf, relayCode, statements, templateOf } from '../stack';

const ASKED = 'Custom::KafkaTopic';
const CHECKED = 'Custom::KafkaTopicCheck';
const MADE = 'AWS::MSK::Topic';

const kinds = { serverless: OutboxCluster.serverless, express: OutboxCluster.express } as const;

interface Made {
  readonly stack: Stack;
  readonly cluster: OutboxCluster;
}

function topicsStack(
  kind: keyof typeof kinds,
  props: (made: Made) => OutboxTopicsProps = () => ({ topics: ['orders'] }),
): { topics: OutboxTopics; made: Made; template: () => Template } {
  const stack = new Stack(new App(), 'Orders', { env: { region: 'eu-west-1' } });
  const cluster = kinds[kind](stack, 'Cluster', { network: new OutboxNetwork(stack, 'Network') });
  const made = { stack, cluster };
  const topics = new OutboxTopics(stack, 'Topics', { cluster, topicsCode: relayCode(), ...props(made) });
  return { topics, made, template: templateOf(stack) };
}

/** The requests to the topics function, decoded as the function decodes them. */
const requests = (template: Template, type = ASKED): TopicRequest[] =>
  propertiesOf(template, type).map((properties) => decodeTopicRequest({ ...properties, Cluster: 'a token' }));

/** Every allowed `kafka-cluster` action, without the prefix. */
const allowed = (template: Template) =>
  statements(template)
    .filter(({ actions }) => actions.some((action) => action.startsWith('kafka-cluster:')))
    .map(({ actions }) => actions.map((action) => action.replace('kafka-cluster:', '')));

test('on another kind of cluster they are other resources: CloudFormation changes none into one of another type', () => {
  const asked = Object.keys(topicsStack('serverless').template().findResources(ASKED));
  const made = Object.keys(topicsStack('express').template().findResources(MADE));
  expect([...asked, ...made]).toHaveLength(2);
  expect(made).not.toEqual(asked);
});

describe('on MSK Serverless', () => {
  test('a function in the VPC makes each topic', () => {
    const template = topicsStack('serverless', () => ({
      topics: ['payments', { topic: 'orders', partitions: 24, configs: { 'retention.ms': '1000' } }],
    })).template();
    expect(requests(template)).toEqual([
      {
        cluster: 'a token',
        topic: 'payments',
        partitions: 12,
        configs: {},
        keyed: true,
        mode: 'apply',
        onRemoval: 'retain',
      },
      expect.objectContaining({ topic: 'orders', partitions: 24, configs: { 'retention.ms': '1000' } }),
    ]);
    template.resourceCountIs(MADE, 0);
  });

  test('the function understands how it is configured', () => {
    const [variables] = propertiesOf(topicsStack('serverless').template(), 'AWS::Lambda::Function')
      .map(({ Environment }) => (Environment as { Variables: Record<string, string> } | undefined)?.Variables)
      .filter((found) => found?.['OUTBOX_CLUSTER'] !== undefined);
    expect(decodeTopicsConfig({ ...variables, OUTBOX_CLUSTER: 'arn', OUTBOX_KAFKA_BROKERS: 'b-1:9098' })).toMatchObject(
      { auth: { kind: 'iam' }, requestTimeoutMs: 10_000 },
    );
  });

  test('the function may make and change these topics, and delete none', () => {
    expect(allowed(topicsStack('serverless').template())).toEqual([
      ['Connect'],
      [
        'DescribeTopic',
        'DescribeTopicDynamicConfiguration',
        'CreateTopic',
        'AlterTopic',
        'AlterTopicDynamicConfiguration',
      ],
    ]);
  });

  test('the function runs after the ports are open', () => {
    topicsStack('serverless')
      .template()
      .hasResource(ASKED, { DependsOn: Match.arrayWith([Match.stringLikeRegexp('^NetworkBrokersfrom')]) });
  });

  test('its answer reaches CloudFormation from outside the VPC, which has no way there', () => {
    const inVpc = propertiesOf(topicsStack('serverless').template(), 'AWS::Lambda::Function').map(
      ({ VpcConfig, Handler }) => [Handler, VpcConfig !== undefined],
    );
    expect(inVpc).toContainEqual(['framework.onEvent', false]);
    expect(inVpc).toContainEqual(['index.handler', true]);
  });
});

describe('on brokers of one’s own', () => {
  test('CloudFormation makes the topics, after a function has checked their partitions', () => {
    const template = topicsStack('express', () => ({
      topics: [{ topic: 'orders', configs: { 'retention.ms': '1000', 'cleanup.policy': 'delete' } }],
    })).template();
    template.hasResourceProperties(MADE, {
      TopicName: 'orders',
      PartitionCount: 12,
      ReplicationFactor: 3,
      Configs: { 'Fn::Base64': 'retention.ms=1000\ncleanup.policy=delete' },
    });
    template.hasResource(MADE, { DependsOn: [Match.stringLikeRegexp('^TopicsCheckorders')] });
    expect(requests(template, CHECKED)).toEqual([expect.objectContaining({ topic: 'orders', mode: 'check' })]);
  });

  test('the function may read, and change nothing', () => {
    expect(allowed(topicsStack('express').template())).toEqual([
      ['Connect'],
      ['DescribeTopic', 'DescribeTopicDynamicConfiguration'],
    ]);
  });

  test('no function checks if checkGrowth is false', () => {
    const template = topicsStack('express', () => ({ topics: ['orders'], checkGrowth: false })).template();
    template.resourceCountIs(CHECKED, 0);
    template.resourceCountIs(MADE, 1);
  });

  test('the function can make them instead', () => {
    const template = topicsStack('express', () => ({ topics: ['orders'], madeBy: 'function' })).template();
    template.resourceCountIs(ASKED, 1);
    template.resourceCountIs(MADE, 0);
  });
});

describe('a topic that leaves the stack', () => {
  test.each([
    ['serverless', ASKED, 'Retain'],
    // A topic of CloudFormation has a fixed name. If it stayed after a rollback, the next creation would fail.
    ['express', MADE, 'RetainExceptOnCreate'],
  ] as const)('stays on %s, unless it was told to go', (kind, type, DeletionPolicy) => {
    topicsStack(kind).template().hasResource(type, { DeletionPolicy, UpdateReplacePolicy: 'Retain' });
    topicsStack(kind, () => ({ topics: [{ topic: 'orders', onRemoval: 'delete' }] }))
      .template()
      .hasResource(type, { DeletionPolicy: 'Delete' });
  });

  test('may be deleted by the function only with onRemoval delete', () => {
    const template = topicsStack('serverless', () => ({
      topics: ['orders', { topic: 'old', onRemoval: 'delete' }],
    })).template();
    const deleting = statements(template).filter(({ actions }) => actions.includes('kafka-cluster:DeleteTopic'));
    expect(JSON.stringify(deleting.map(({ resource }) => resource))).toMatch(/\/old"\]\]\}\]$/);
  });
});

describe('from the catalogue of a service', () => {
  const schema = z.object({});
  const events = defineEvents({
    'order.placed': { schema, topic: 'orders' },
    'order.shipped': { schema, topic: 'orders', maxMessageBytes: 2_000_000 },
    'payment.made': { schema, topic: 'payments' },
  });

  test('every topic is made, and accepts its largest event', () => {
    const { topics } = topicsStack('serverless', () => ({ events }));
    expect(topics.topics.map(({ topic, configs }) => ({ topic, configs }))).toEqual([
      { topic: 'orders', configs: { 'max.message.bytes': '2000000' } },
      { topic: 'payments', configs: {} },
    ]);
  });

  test('the options of a topic take precedence', () => {
    const { topics } = topicsStack('serverless', () => ({ events, topics: [{ topic: 'orders', partitions: 3 }] }));
    expect(topics.topics).toContainEqual(
      expect.objectContaining({ topic: 'orders', partitions: 3, configs: { 'max.message.bytes': '2000000' } }),
    );
    expect(topics.names).toEqual(['orders', 'payments']);
  });

  test('a topic that would refuse events of its services is refused', () => {
    const topics = [{ topic: 'orders', configs: { 'max.message.bytes': '1500000' } }];
    expect(() => topicsStack('serverless', () => ({ events, topics }))).toThrow(
      'Option "topics["orders"].configs["max.message.bytes"]" is 1500000; it must be at least 2000000, the maxMessageBytes of its events. A larger event would be committed and then refused by the topic, which parks its key.',
    );
  });
});

describe('an outbox with these topics', () => {
  const outboxOn = (props: OutboxTopicsProps, maxBatchBytes?: number) => {
    const { topics, made, template } = topicsStack('serverless', () => props);
    new Outbox(made.stack, 'Outbox', {
      cluster: made.cluster,
      topics,
      maxBatchBytes,
      relayCode: relayCode(),
      sweeperCode: relayCode(),
    });
    return template;
  };

  test('may write to them, and begins when they are there', () => {
    const template = outboxOn({ topics: ['orders', 'payments'] })();
    expect(allowed(template)).toContainEqual(['DescribeTopic', 'WriteData']);
    template.hasResource('AWS::Lambda::EventSourceMapping', {
      DependsOn: Match.arrayWith([
        Match.stringLikeRegexp('^TopicsTopicorders'),
        Match.stringLikeRegexp('^TopicsTopicpayments'),
      ]),
    });
  });

  test('makes no batch that a topic refuses as a whole', () => {
    const topics = [{ topic: 'orders', configs: { 'max.message.bytes': '500000' } }];
    expect(() => outboxOn({ topics })).toThrow(
      'Option "maxBatchBytes" is 1000000; it must be at most 500000, the max.message.bytes of topic "orders".',
    );
    expect(() => outboxOn({ topics }, 400_000)).not.toThrow();
  });
});

test('brokers of a cluster outside of MSK are reached as they are given', () => {
  const stack = new Stack(new App(), 'Orders');
  new OutboxTopics(stack, 'Topics', {
    topics: ['orders'],
    bootstrapBrokers: 'kafka.example:9092',
    authentication: KafkaAuthentication.none(),
    topicsCode: relayCode(),
  });
  expect(propertiesOf(Template.fromStack(stack), ASKED)).toEqual([
    expect.objectContaining({ Cluster: 'kafka.example:9092', Topic: 'orders' }),
  ]);
});

test('the template of the defaults', () => {
  expect(masked(topicsStack('serverless').template())).toMatchSnapshot();
});

test('the template with every option set', () => {
  const template = topicsStack('express', ({ cluster }) => {
    const options: Required<Omit<OutboxTopicsProps, 'bootstrapBrokers' | 'vpc' | 'vpcSubnets' | 'events'>> = {
      cluster,
      authentication: cluster.authentication,
      securityGroups: [cluster.network!.clientSecurityGroup],
      topics: [
        {
          topic: 'orders',
          partitions: 24,
          acknowledgedPartitions: 24,
          replicationFactor: 3,
          configs: { 'retention.ms': '604800000' },
          keyed: true,
          onRemoval: 'delete',
        },
      ],
      partitions: 6,
      maxMessageBytes: 2_000_000,
      madeBy: 'cloudformation',
      checkGrowth: true,
      topicsCode: relayCode(),
      logRetention: RetentionDays.ONE_WEEK,
    };
    return options;
  }).template();
  expect(masked(template)).toMatchSnapshot();
});

test.each<[string, OutboxTopicsProps, string]>([
  ['no topic', { topics: [] }, 'topics'],
  ['a topic twice', { topics: ['orders', { topic: 'orders' }] }, 'topics'],
  ['a wildcard', { topics: ['orders.*'] }, 'topics'],
  ['no partition', { topics: [{ topic: 'orders', partitions: 0 }] }, 'topics["orders"].partitions'],
  [
    'an acknowledgement of another number',
    { topics: [{ topic: 'orders', partitions: 12, acknowledgedPartitions: 24 }] },
    'topics["orders"].acknowledgedPartitions',
  ],
  ['more partitions than MSK Serverless has', { topics: [{ topic: 'orders', partitions: 2_401 }] }, 'topics'],
  [
    'more compacted partitions than MSK Serverless has',
    { topics: [{ topic: 'orders', partitions: 121, configs: { 'cleanup.policy': 'compact' } }] },
    'topics',
  ],
  [
    'messages larger than MSK Serverless takes',
    { topics: [{ topic: 'orders', configs: { 'max.message.bytes': '9000000' } }] },
    'topics["orders"].configs["max.message.bytes"]',
  ],
  ['CloudFormation on MSK Serverless', { topics: ['orders'], madeBy: 'cloudformation' }, 'madeBy'],
  ['brokers next to a cluster', { topics: ['orders'], bootstrapBrokers: 'b:9098' }, 'bootstrapBrokers'],
])('%s: refused', (_, props, option) => {
  expect(() => topicsStack('serverless', () => props)).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
  );
});

test('a check of partitions without a VPC is refused', () => {
  const stack = new Stack();
  const cluster = OutboxCluster.existing(stack, 'Cluster', {
    clusterArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/orders/6f1c1a52-7c3e-4a1e-9a53-0b3d2f1b6a77-2',
  });
  expect(() => new OutboxTopics(stack, 'Topics', { cluster, topics: ['orders'] })).toThrow(/set checkGrowth to false/);
});
