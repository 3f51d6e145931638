import { App, Duration, Stack } from 'aws-cdk-lib';
import { AttributeType, StreamViewType, TableV2, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { OutboxError } from '../../../lib';
import {
  ConsumerInbox,
  KafkaAuthentication,
  Outbox,
  OutboxCluster,
  OutboxConsumer,
  OutboxNetwork,
  OutboxReplica,
  OutboxTopics,
} from '../../../lib/cdk';
import { CLUSTER_ARN, outboxProps, relayCode } from '../stack';

/** A caller without types may pass a number, a text or null of the wrong kind. The error names the option. */

const env = { account: '111122223333', region: 'eu-west-1' };
const stackIn = (): Stack => new Stack(new App(), 'S', { env });
const untyped = (value: unknown): never => value as never;

const refusal = (make: () => unknown): OutboxError<'invalid-option'> => {
  try {
    make();
  } catch (error) {
    if (error instanceof OutboxError && error.is('invalid-option')) return error;
    throw error;
  }
  throw new Error('accepted');
};

const outbox = (changed: object): (() => Outbox) => {
  const props = { ...outboxProps({ monitoring: false }), ...changed };
  return () => new Outbox(stackIn(), 'O', untyped(props));
};
const consumer = (changed: object): (() => OutboxConsumer) => {
  const props = {
    consumerName: 'shipping',
    topics: ['orders'],
    code: relayCode(),
    topicsCode: relayCode(),
    bootstrapBrokers: 'b-1.orders:9098',
    authentication: KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN }),
    monitoring: false,
    ...changed,
  };
  return () => new OutboxConsumer(stackIn(), 'C', untyped(props));
};

test.each<[string, unknown, () => unknown]>([
  ...[
    'retention',
    'requestTimeout',
    'partitionPatience',
    'replayWindow',
    'relayTimeout',
    'sweepInterval',
    'overdueAfter',
  ].flatMap((option): [string, unknown, () => unknown][] =>
    [90, '90s', true, {}].map((value) => [option, value, outbox({ [option]: value })]),
  ),
  ...['timeout', 'maxBatchingWindow', 'deadLetterRetention'].flatMap((option): [string, unknown, () => unknown][] =>
    [30, '30s'].map((value) => [option, value, consumer({ [option]: value })]),
  ),
])('%s of %j is no Duration', (option, _, make) => {
  expect(refusal(make).details.option).toBe(option);
  expect(refusal(make).message).toContain('it must be a Duration of aws-cdk-lib');
});

test.each([
  ['relayTimeout', Duration.millis(90_500), 'whole seconds'],
  ['sweepInterval', Duration.millis(60_001), 'whole minutes'],
  ['retention', Duration.millis(1_500), 'whole seconds'],
])('%s has no fraction of its unit', (option, value, allowed) => {
  const { details, message } = refusal(outbox({ [option]: value }));
  expect(details.option).toBe(option);
  expect(message).toContain(allowed);
});

test.each<[string, () => unknown]>([
  ['retention', outbox({ retention: null })],
  ['monitoring', outbox({ monitoring: null })],
  ['table', outbox({ table: null })],
  ['replicas', outbox({ replicas: 'eu-central-1' })],
  ['publishesFor', outbox({ publishesFor: 'eu-west-1' })],
  ['securityGroups', outbox({ securityGroups: {} })],
  ['logRetention', outbox({ logRetention: 4 })],
  ['logRetention', consumer({ logRetention: 2 })],
  ['filters', consumer({ filters: 'a' })],
  ['inbox', consumer({ inbox: null })],
  ['props of Outbox', () => new Outbox(stackIn(), 'O', untyped(null))],
  ['props of Outbox', () => new Outbox(stackIn(), 'O', untyped(undefined))],
  ['props of OutboxConsumer', () => new OutboxConsumer(stackIn(), 'C', untyped('x'))],
  ['props of OutboxTopics', () => new OutboxTopics(stackIn(), 'T', untyped(null))],
  ['props of ConsumerInbox', () => new ConsumerInbox(stackIn(), 'I', untyped(null))],
  ['props of OutboxReplica', () => new OutboxReplica(stackIn(), 'R', untyped(null))],
  ['props of OutboxNetwork', () => new OutboxNetwork(stackIn(), 'N', untyped(null))],
  ['tableName', () => new OutboxReplica(stackIn(), 'R', untyped({}))],
  ['tableName', () => new OutboxReplica(stackIn(), 'R', { tableName: 'a' })],
  ['tableName', () => new OutboxReplica(stackIn(), 'R', { tableName: 'arn:aws:dynamodb:eu-west-1:1:table/a' })],
])('%s is refused by its name', (option, make) => {
  expect(refusal(make).details.option).toBe(option);
});

it('an existing cluster is logged in to by a secret that MSK associates', () => {
  const stack = stackIn();
  const existing = (secret: Secret) => () =>
    OutboxCluster.existing(stack, 'C', { clusterArn: CLUSTER_ARN, access: ['scram'], secret, brokers: 3 });

  expect(refusal(existing(new Secret(stack, 'Own', { secretName: 'login' }))).details.option).toBe('secret');
});

it('variables that Lambda would not take are refused with their size', () => {
  const brokers = Array.from({ length: 80 }, (_, n) => `b-${n}.kafka.of-our-own-data-centre.example.com:9098`);
  const { message } = refusal(outbox({ bootstrapBrokers: brokers.join(',') }));

  expect(message).toMatch(/variables of \d+ bytes/);
  expect(message).toContain('three or four brokers are enough');
});

describe('a table that is imported by the ARN of another stack', () => {
  const imported = (): { readonly own: Stack; readonly table: ITable } => {
    const app = new App();
    const made = new TableV2(new Stack(app, 'Other', { env }), 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      dynamoStream: StreamViewType.NEW_IMAGE,
    });
    const own = new Stack(app, 'S', { env });
    const [tableArn, tableStreamArn] = [made.tableArn, made.tableStreamArn ?? ''];
    return { own, table: TableV2.fromTableAttributes(own, 'Imported', { tableArn, tableStreamArn }) };
  };

  it('can be monitored', () => {
    const { own, table } = imported();
    expect(() => new Outbox(own, 'O', { ...outboxProps({}), table })).not.toThrow();
  });
});

describe('two regions that publish for one', () => {
  const region = (app: App, name: string, publishesFor: string[], tableName = 'outbox') => {
    const stack = new Stack(app, name, { env: { ...env, region: name } });
    const { table } = new OutboxReplica(stack, 'Replica', { tableName });
    const authentication = KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN.replace('eu-west-1', name) });
    new Outbox(stack, 'O', outboxProps({ authentication, monitoring: false, table, publishesFor }));
  };
  const synthesis = (...regions: [string, string[], string?][]) => {
    const app = new App();
    for (const [name, publishesFor, tableName] of regions) region(app, name, publishesFor, tableName);
    return () => app.synth();
  };

  it('are refused: each event would be published twice', () => {
    const both = synthesis(['eu-west-1', ['eu-west-1', 'us-east-1']], ['us-east-1', ['us-east-1']]);
    expect(both).toThrow(/publishesFor" is .* it must be a list without us-east-1/);
  });

  it.each<[string, [string, string[], string?][]]>([
    [
      'each publishes its own',
      [
        ['eu-west-1', ['eu-west-1']],
        ['us-east-1', ['us-east-1']],
      ],
    ],
    [
      'one has taken the other over',
      [
        ['eu-west-1', ['eu-west-1', 'us-east-1']],
        ['us-east-1', []],
      ],
    ],
    [
      'they are of two tables',
      [
        ['eu-west-1', ['eu-west-1', 'us-east-1']],
        ['us-east-1', ['us-east-1'], 'others'],
      ],
    ],
  ])('are right when %s', (_, regions) => {
    expect(synthesis(...regions)).not.toThrow();
  });
});
