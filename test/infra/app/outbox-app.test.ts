import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { outboxStacks } from '../../../bin/app/outbox-stacks';
import { VARIANTS } from '../../../scripts/infra-variants';
import { CLUSTER_ARN, propertiesOf, relayCode } from '../stack';

/** The feature flags of a deployment: they change templates. */
const { context: flags } = JSON.parse(readFileSync(join(__dirname, '../../../cdk.json'), 'utf8')) as {
  context: Record<string, unknown>;
};

/** The templates of an app, by the names of its stacks. */
function synthesized(context: Record<string, unknown>): Record<string, Template> {
  const app = new App({ context: { ...flags, ...context } });
  const code = {
    relayCode: relayCode(),
    sweeperCode: relayCode(),
    topicsCode: relayCode(),
    exampleConsumerCode: relayCode(),
  };
  outboxStacks(app, app.node.getAllContext() as Record<string, unknown>, code);
  const stacks = app.node.children.filter((child): child is Stack => child instanceof Stack);
  return Object.fromEntries(stacks.map((stack) => [stack.stackName, Template.fromStack(stack)]));
}

const NEW = ['OutboxNetwork', 'OutboxCluster', 'Outbox'];
const MSK = 'AWS::MSK::';
const PAGE = VARIANTS.notified.pageTopicArn;
const types = (template: Template): string[] => [
  ...new Set(Object.values(template.toJSON()['Resources'] as Record<string, { Type: string }>).map(({ Type }) => Type)),
];

test('without any context everything is made, on MSK Serverless', () => {
  const stacks = synthesized(VARIANTS.default);
  expect(Object.keys(stacks)).toEqual(NEW);
  stacks['OutboxCluster']!.resourceCountIs(`${MSK}ServerlessCluster`, 1);
  stacks['OutboxNetwork']!.resourceCountIs('AWS::EC2::VPC', 1);
  stacks['Outbox']!.resourceCountIs('AWS::DynamoDB::GlobalTable', 1);
  stacks['Outbox']!.hasResourceProperties('Custom::KafkaTopic', { Topic: 'orders', Mode: 'apply' });
  expect(Object.keys(stacks['Outbox']!.findParameters('*'))).toEqual(['BootstrapVersion']);
});

test.each(['express', 'standard'] as const)('on MSK %s, CloudFormation makes the topics', (cluster) => {
  const sizes = { brokers: '6', kafkaVersion: '3.8.x', topics: 'orders,payments', partitions: '24' };
  const stacks = synthesized({ ...VARIANTS[cluster], ...sizes });
  stacks['OutboxCluster']!.hasResourceProperties(`${MSK}Cluster`, { NumberOfBrokerNodes: 6, KafkaVersion: '3.8.x' });
  expect(propertiesOf(stacks['Outbox']!, `${MSK}Topic`)).toMatchObject([
    { TopicName: 'orders', PartitionCount: 24 },
    { TopicName: 'payments', PartitionCount: 24 },
  ]);
});

test('alarms notify the topics that are named, and lead to the runbooks', () => {
  const { pageTopicArn, ticketTopicArn, runbookBaseUrl } = VARIANTS.notified;
  const outbox = synthesized(VARIANTS.notified)['Outbox']!;
  for (const [severity, topic] of Object.entries({ page: pageTopicArn, ticket: ticketTopicArn })) {
    outbox.hasResourceProperties('AWS::CloudWatch::CompositeAlarm', {
      AlarmName: `Outbox-Outbox-${severity}`,
      AlarmActions: [topic],
      OKActions: [topic],
    });
  }
  outbox.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmDescription: Match.stringLikeRegexp(`Runbook: ${runbookBaseUrl}/relay-silent.md$`),
  });
});

test('by SCRAM there is a login, and a way to it', () => {
  const stacks = synthesized(VARIANTS.scram);
  stacks['OutboxCluster']!.resourceCountIs(`${MSK}BatchScramSecret`, 1);
  stacks['OutboxNetwork']!.resourceCountIs('AWS::EC2::VPCEndpoint', 2);
  stacks['Outbox']!.hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: Match.objectLike({ OUTBOX_KAFKA_AUTH: 'scram' }) },
  });
  stacks['Outbox']!.resourceCountIs('Custom::KafkaTopic', 1);
});

describe('the example consumer', () => {
  test('is a stack of its own, behind the one that makes its topics', () => {
    const stacks = synthesized({ exampleConsumer: 'true', topics: 'orders,payments' });
    expect(Object.keys(stacks)).toEqual([...NEW, 'OutboxExampleConsumer']);
    const template = stacks['OutboxExampleConsumer']!;
    expect(propertiesOf(template, 'AWS::Lambda::EventSourceMapping').map(({ Topics }) => Topics)).toEqual([
      ['orders'],
      ['payments'],
    ]);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({ ORDER_VIEW_TABLE: { Ref: Match.stringLikeRegexp('^OrderView') } }),
      },
    });
  });

  test('opens the network to the pollers of Lambda, which no other stack needs', () => {
    const ingress = (context: Record<string, unknown>) =>
      propertiesOf(synthesized(context)['OutboxNetwork']!, 'AWS::EC2::SecurityGroupIngress').map(
        ({ Description }) => Description,
      );
    expect(ingress({ exampleConsumer: 'true' })).toContain('Pollers of event source mappings, iam');
    expect(ingress({ exampleConsumer: 'false' })).toEqual(ingress({}));
    expect(ingress({})).not.toContain('Pollers of event source mappings, iam');
  });

  test('is there in each region', () => {
    const stacks = synthesized({ exampleConsumer: 'true', regions: 'eu-west-1,eu-central-1' });
    expect(Object.keys(stacks)).toEqual(
      expect.arrayContaining(['OutboxExampleConsumer-eu-west-1', 'OutboxExampleConsumer-eu-central-1']),
    );
  });
});

describe('on a cluster that exists', () => {
  test.each([
    ['said so', VARIANTS['existing-cluster']],
    ['named by brokers', { bootstrapBrokers: 'b-1:9098' }],
    ['named by its ARN', { clusterArn: CLUSTER_ARN }],
  ])('%s: only the outbox is made', (_, context) => {
    const stacks = synthesized(context);
    expect(Object.keys(stacks)).toEqual(['Outbox']);
    expect(types(stacks['Outbox']!).filter((type) => type.startsWith(MSK))).toEqual([]);
  });

  test('brokers are looked up by the ARN of the cluster', () => {
    const template = synthesized({ clusterArn: CLUSTER_ARN, topics: 'orders' })['Outbox']!;
    expect(Object.keys(template.findParameters('*')).sort()).toEqual(['BootstrapVersion', 'PrivateSubnetIds', 'VpcId']);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          OUTBOX_KAFKA_BROKERS: {
            'Fn::GetAtt': [Match.stringLikeRegexp('^Bootstrap'), 'BootstrapBrokerStringSaslIam'],
          },
        }),
      },
    });
  });

  test('with an existing network, login and table the stack has only functions, their permissions and their monitoring', () => {
    const template = synthesized(VARIANTS['imported-everything'])['Outbox']!;
    expect(Object.keys(template.findParameters('*'))).toEqual(['BootstrapVersion']);
    expect(types(template).sort()).toEqual([
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::CompositeAlarm',
      'AWS::CloudWatch::Dashboard',
      'AWS::Events::Rule',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::EventInvokeConfig',
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'Custom::BootstrapBrokers',
    ]);
  });
});

describe('in two regions', () => {
  const { regions } = VARIANTS['two-regions'];
  const mapping = 'AWS::Lambda::EventSourceMapping';

  test('each has a network, a cluster and a relay, over one table', () => {
    const stacks = synthesized(VARIANTS['two-regions']);
    expect(Object.keys(stacks)).toEqual(regions.split(',').flatMap((region) => NEW.map((name) => `${name}-${region}`)));
    stacks['Outbox-eu-west-1']!.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      TableName: 'outbox',
      Replicas: [Match.objectLike({ Region: 'eu-central-1' }), Match.objectLike({ Region: 'eu-west-1' })],
    });
    stacks['Outbox-eu-central-1']!.resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
    for (const region of regions.split(',')) {
      stacks[`Outbox-${region}`]!.hasResourceProperties('AWS::Lambda::Function', {
        Environment: { Variables: Match.objectLike({ OUTBOX_HOME_REGION: region, OUTBOX_PUBLISHES_FOR: region }) },
      });
      stacks[`Outbox-${region}`]!.hasResourceProperties(mapping, { Enabled: Match.absent() });
    }
  });

  test('each notifies its own topic', () => {
    const stacks = synthesized(VARIANTS['two-regions']);
    for (const region of regions.split(',')) {
      stacks[`Outbox-${region}`]!.hasResourceProperties('AWS::CloudWatch::CompositeAlarm', {
        AlarmName: Match.stringLikeRegexp('-page$'),
        AlarmActions: [`arn:aws:sns:${region}:111122223333:outbox-page`],
      });
    }
  });

  test('one can take the other over', () => {
    const stacks = synthesized(VARIANTS.takeover);
    stacks['Outbox-eu-west-1']!.hasResourceProperties(mapping, { Enabled: false });
    stacks['Outbox-eu-central-1']!.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ OUTBOX_PUBLISHES_FOR: 'eu-central-1,eu-west-1' }) },
    });
  });

  test('one alone is like an app without regions', () => {
    const stacks = synthesized({ regions: 'eu-west-1' });
    stacks['Outbox-eu-west-1']!.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      Replicas: [Match.objectLike({ Region: 'eu-west-1' })],
    });
  });
});

test.each<[string, Record<string, unknown>, string]>([
  [
    'a takeover of a region that is none of them',
    { regions: 'eu-west-1,eu-west-2', takenOver: 'eu-west-3' },
    'takenOver',
  ],
  ['a takeover of all', { regions: 'eu-west-1,eu-west-2', takenOver: 'eu-west-1,eu-west-2' }, 'takenOver'],
  ['an unknown kind of cluster', { cluster: 'tiny' }, 'cluster'],
  ['a misspelt key', { cluser: 'express' }, 'cluser'],
  ['brokers of MSK Serverless', { brokers: '3' }, 'brokers'],
  ['disks of Express', { cluster: 'express', storageGib: '100' }, 'storageGib'],
  ['SCRAM on MSK Serverless', { auth: 'scram' }, 'auth'],
  ['a VPC for a new cluster', { cluster: 'express', vpcId: 'vpc-1' }, 'vpcId'],
  ['partitions of topics that exist', { cluster: 'existing', partitions: '12' }, 'partitions'],
  ['two topics for one region', { pageTopicArn: `${PAGE},${PAGE}` }, 'pageTopicArn'],
  ['a queue for a topic', { ticketTopicArn: 'arn:aws:sqs:eu-west-1:111122223333:tickets' }, 'ticketTopicArn'],
  ['a region without a topic of its own', { regions: 'eu-west-1,eu-west-2', pageTopicArn: PAGE }, 'pageTopicArn'],
  ['runbooks in a folder', { runbookBaseUrl: 'docs/runbooks' }, 'runbookBaseUrl'],
  ['a consumer that is neither there nor not', { exampleConsumer: 'yes' }, 'exampleConsumer'],
  ['an example consumer on a cluster that exists', { cluster: 'existing', exampleConsumer: 'true' }, 'exampleConsumer'],
  ['brokers that are no number', { cluster: 'standard', brokers: 'three' }, 'brokers'],
])('%s: refused', (_, context, option) => {
  expect(() => synthesized(context)).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
  );
});
