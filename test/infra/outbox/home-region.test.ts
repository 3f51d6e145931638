import { App, Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { AttributeType, StreamViewType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { homeRegionOf } from '../../../lib/infra/outbox/home-region';
import { Outbox } from '../../../lib/infra/outbox/outbox';
import { OutboxReplica } from '../../../lib/infra/outbox/outbox-replica';
import { decodeRelayConfig } from '../../../lib/relay/environment';
import { parseFilter, passesFilters } from '../../../local/event-source-mapping/filter';
import { KafkaAuthentication } from '../../../lib/infra/cluster/kafka-authentication';
import { CLUSTER_ARN, outboxProps, outboxStack, propertiesOf, templateOf } from '../stack';

const MAPPING = 'AWS::Lambda::EventSourceMapping';
const RULE = 'AWS::Events::Rule';

const global = outboxStack(() => ({ replicas: ['eu-central-1'] }));

/** A relay's cluster is in its own region. */
const inFrankfurt = KafkaAuthentication.iam({ clusterArn: CLUSTER_ARN.replace('eu-west-1', 'eu-central-1') });

/** An outbox on the replica in Frankfurt. */
function onReplica(publishesFor: string[]): () => Template {
  const stack = new Stack(new App(), 'Frankfurt', { env: { region: 'eu-central-1' } });
  const { table } = new OutboxReplica(stack, 'Replica', { tableName: 'orders-outbox' });
  new Outbox(stack, 'Outbox', outboxProps({ table, publishesFor, authentication: inFrankfurt }));
  return templateOf(stack);
}

/** Whether the event source mapping of a template passes a record on. */
function delivers(template: Template, dynamodb: object, eventName = 'INSERT'): boolean {
  const [{ FilterCriteria } = {}] = propertiesOf(template, MAPPING);
  const { Filters } = FilterCriteria as { Filters: { Pattern: string }[] };
  return passesFilters(
    { eventName, dynamodb },
    Filters.map(({ Pattern }) => parseFilter(Pattern)),
  );
}

const item = (region?: string) => ({
  Keys: { pk: { S: 'order#42' }, sk: { S: '0000000000000001' } },
  NewImage: region === undefined ? {} : { region: { S: region } },
});
const signal = {
  Keys: { pk: { S: 'order#42' }, sk: { S: '~signal#019b0a0a-3600-7a1b-8c2d-3e4f5a6b7c8d' } },
  NewImage: { kind: { S: 'drain' } },
};
const hold = { Keys: { pk: { S: '$outbox#control@eu-west-1' }, sk: { S: 'hold#order#42' } }, NewImage: {} };

test('the table has a replica in each region, and a stream that replicates', () => {
  global.template().hasResourceProperties('AWS::DynamoDB::GlobalTable', {
    Replicas: [Match.objectLike({ Region: 'eu-central-1' }), Match.objectLike({ Region: 'eu-west-1' })],
    StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
  });
});

test.each(['eu-west-1', 'us-gov-west-1', 'eusc-de-east-1', 'ap-southeast-7'])('%s is a region', (region) => {
  const stack = new Stack(new App(), 'Orders', { env: { region } });
  expect(homeRegionOf(stack, { publishesFor: [region] })).toEqual({ region, publishesFor: [region] });
});

describe('the relay is handed', () => {
  test.each([
    ['what was written in its region', item('eu-west-1'), true],
    ['nothing that was written elsewhere', item('eu-central-1'), false],
    ['signals, which carry no region', signal, true],
    ['nothing that an outbox keeps about itself', hold, false],
  ])('%s', (_, record, expected) => {
    expect(delivers(global.template(), record)).toBe(expected);
    expect(delivers(global.template(), record, 'MODIFY')).toBe(false);
  });

  test('after a takeover also the events of the other region', () => {
    const template = onReplica(['eu-central-1', 'eu-west-1'])();
    expect(delivers(template, item('eu-west-1'))).toBe(true);
    expect(delivers(template, item('eu-central-1'))).toBe(true);
    expect(delivers(template, item('eu-north-1'))).toBe(false);
  });
});

test('relay and sweeper know where they are and whose events they publish', () => {
  const functions = propertiesOf(onReplica(['eu-central-1', 'eu-west-1'])(), 'AWS::Lambda::Function')
    .map(({ Environment }) => (Environment as { Variables: Record<string, string> } | undefined)?.Variables ?? {})
    .filter((variables) => 'OUTBOX_NAME' in variables);
  expect(functions).toHaveLength(2);
  for (const variables of functions) {
    expect(variables).toMatchObject({
      OUTBOX_HOME_REGION: 'eu-central-1',
      OUTBOX_PUBLISHES_FOR: 'eu-central-1,eu-west-1',
    });
  }
  const relay = functions.find((variables) => 'OUTBOX_KAFKA_BROKERS' in variables);
  expect(decodeRelayConfig({ ...relay, OUTBOX_TABLE_NAME: 'orders-outbox' }).home).toEqual({
    region: 'eu-central-1',
    publishesFor: ['eu-central-1', 'eu-west-1'],
  });
});

test('an outbox without replicas has no home', () => {
  const [variables] = propertiesOf(outboxStack().template(), 'AWS::Lambda::Function').map(
    ({ Environment }) => Environment,
  );
  expect(JSON.stringify(variables)).not.toContain('OUTBOX_HOME_REGION');
});

test('the key of a replica is used by the relay and the sweeper there', () => {
  const stack = new Stack(new App(), 'Frankfurt', { env: { region: 'eu-central-1' } });
  const keyArn = 'arn:aws:kms:eu-central-1:111122223333:key/0f9d1b0e-6a41-4f0e-9c0a-3f1f6a2b7c8d';
  const { table } = new OutboxReplica(stack, 'Replica', {
    tableName: 'orders-outbox',
    encryptionKey: Key.fromKeyArn(stack, 'Key', keyArn),
  });
  new Outbox(stack, 'Outbox', outboxProps({ table, publishesFor: ['eu-central-1'], authentication: inFrankfurt }));
  const policies = Object.entries(templateOf(stack)().findResources('AWS::IAM::Policy'));
  const users = policies.filter(([, policy]) => JSON.stringify(policy).includes(keyArn)).map(([id]) => id);
  expect(users).toEqual([expect.stringMatching(/Relay/), expect.stringMatching(/Sweeper/)]);
});

test('the stream of a replica is looked up in its region', () => {
  const template = onReplica(['eu-central-1'])();
  template.hasResourceProperties(MAPPING, {
    EventSourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^ReplicaLookUp'), 'Table.LatestStreamArn'] },
  });
  expect(JSON.stringify(propertiesOf(template, 'Custom::ReplicaStream'))).toContain('orders-outbox');
});

test('a region that is taken over publishes nothing, and keeps its table', () => {
  const template = onReplica([])();
  template.hasResourceProperties(MAPPING, { Enabled: false });
  template.hasResourceProperties(RULE, { State: 'DISABLED' });
  onReplica(['eu-central-1'])().hasResourceProperties(MAPPING, { Enabled: Match.absent() });
});

test.each<[string, () => unknown, string]>([
  ['a region that is the stack’s own', () => outboxStack(() => ({ replicas: ['eu-west-1'] })), 'replicas'],
  ['no region', () => outboxStack(() => ({ replicas: [] })), 'replicas'],
  ['what is no region', () => outboxStack(() => ({ replicas: ['Frankfurt'] })), 'replicas'],
  ['the events of others only', () => onReplica(['eu-west-1']), 'publishesFor'],
  [
    'one key for several regions',
    () => outboxStack((stack) => ({ replicas: ['eu-central-1'], encryptionKey: new Key(stack, 'Key') })),
    'encryptionKey',
  ],
  [
    'replicas of a stack without a region',
    () => new Outbox(new Stack(), 'Outbox', outboxProps({ replicas: ['eu-central-1'] })),
    'replicas',
  ],
])('%s: refused', (_, make, option) => {
  expect(make).toThrow(
    expect.objectContaining({ code: 'invalid-option', details: expect.objectContaining({ option }) }),
  );
});

test('the table of an outbox for every region must not have replicas, wherever the app shows them', () => {
  const own = outboxStack((stack) => ({
    table: new TableV2(stack, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      localSecondaryIndexes: [{ indexName: 'pin', sortKey: { name: 'pin', type: AttributeType.STRING } }],
      dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES,
      timeToLiveAttribute: 'expiresAt',
      replicas: [{ region: 'eu-central-1' }],
    }),
  }));
  expect(own.template).toThrow(/publishesFor.*Orders\/Table, which has replicas/);

  const stack = new Stack(new App(), 'Frankfurt', { env: { region: 'eu-central-1' } });
  const { table } = new OutboxReplica(stack, 'Replica', { tableName: 'orders-outbox' });
  new Outbox(stack, 'Outbox', outboxProps({ table, authentication: inFrankfurt }));
  expect(templateOf(stack)).toThrow(/publishesFor.*Frankfurt\/Replica\/Table, which has replicas/);
});
