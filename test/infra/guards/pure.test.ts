import { Duration, Lazy } from 'aws-cdk-lib';
import { checkBrokerReach } from '../../../lib/infra/guards/broker-reach';
import { compositeAlarmProblem } from '../../../lib/infra/guards/composite-alarm';
import { checkConnections } from '../../../lib/infra/guards/connections';
import { routeProblem } from '../../../lib/infra/guards/service-route';
import { keyPolicyProblem, type KeyStatement } from '../../../lib/infra/guards/key-policy';
import { checkBatchLimit, checkWriterLimit } from '../../../lib/infra/guards/message-size';
import { checkNames, sharedNameProblem } from '../../../lib/infra/guards/names';
import { checkReplayWindow } from '../../../lib/infra/guards/replay-window';
import { checkServerlessQuotas, type SizedTopic } from '../../../lib/infra/guards/serverless-quotas';
import { mappingProblems, type StreamMapping } from '../../../lib/infra/guards/stream-mappings';
import { tableProblems, type TableProperties } from '../../../lib/infra/guards/table-shape';

describe('connections', () => {
  const iam = { authentication: 'iam', expectedShards: 100 };

  test('as many as the brokers let in at once are accepted', () => {
    expect(() => checkConnections(iam)).not.toThrow();
    expect(() => checkConnections({ ...iam, clusterKind: 'serverless' })).not.toThrow();
  });

  test('more new ones in a second than IAM allows are refused, with the way out', () => {
    expect(() => checkConnections({ ...iam, expectedShards: 101 })).toThrow(
      'Option "expectedShards" is 101; it must be at most 100 with authentication by IAM. Each broker takes 100 new connections a second, and after a deployment or an outage the relays of all shards connect at once. Use SCRAM, or larger brokers where they are t3.',
    );
  });

  test('more at the same time than a broker takes are refused', () => {
    expect(() => checkConnections({ ...iam, expectedShards: 1_501 })).toThrow(
      /at most 1500 .* takes 3000 connections, and a relay has up to 2/,
    );
  });

  test('small brokers take fewer', () => {
    expect(() => checkConnections({ ...iam, instanceType: 'kafka.t3.small', expectedShards: 5 })).toThrow(
      /Each broker of type t3 takes 4 new connections a second/,
    );
  });

  test('other logins have no such limit', () => {
    expect(() => checkConnections({ authentication: 'scram', expectedShards: 2_000 })).not.toThrow();
  });

  test('fewer relays than shards are refused', () => {
    expect(() => checkConnections({ ...iam, relayConcurrency: 99 })).toThrow(/"relayConcurrency" is 99; .* \(100\)/);
    expect(() => checkConnections({ ...iam, relayConcurrency: 100 })).not.toThrow();
  });
});

describe('the table', () => {
  const table = (changed: Partial<TableProperties> = {}): TableProperties => ({
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
    LocalSecondaryIndexes: [{}],
    StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    ...changed,
  });

  test('that is like an outbox is accepted', () => {
    expect(tableProblems(table())).toEqual([]);
    expect(tableProblems(table({ StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } }))).toEqual([]);
  });

  test.each<[string, Partial<TableProperties>, RegExp]>([
    ['no stream', { StreamSpecification: undefined }, /^The table has no stream\. .* Give the table a stream/],
    ['keys in its stream', { StreamSpecification: { StreamViewType: 'KEYS_ONLY' } }, /has a stream of KEYS_ONLY/],
    ['no TTL', { TimeToLiveSpecification: undefined }, /^The table has no TTL\. .* would stay for ever/],
    [
      'a TTL that is switched off',
      { TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: false } },
      /has no TTL/,
    ],
    ['another TTL', { TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } }, /the TTL attribute "ttl"/],
    ['no index', { LocalSecondaryIndexes: undefined }, /no local secondary index\. .* the order of the key breaks/],
    ['other keys', { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] }, /other keys than an outbox/],
    [
      'numbers as keys',
      { AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'N' }] },
      /other keys than an outbox/,
    ],
    ['strong consistency', { MultiRegionConsistency: 'STRONG' }, /MRSC\), which supports neither transactions/],
  ])('with %s is refused', (_, changed, message) => {
    expect(tableProblems(table(changed))).toEqual([expect.stringMatching(message)]);
  });
});

describe('what reads the stream', () => {
  const INSERTS = '{"eventName":["INSERT"]}';
  const relay = (changed: Partial<StreamMapping> = {}): StreamMapping => ({
    path: 'Orders/Outbox/Relay/Stream',
    isOfRelay: true,
    parallelizationFactor: 1,
    filters: [INSERTS],
    ...changed,
  });
  const other: StreamMapping = { path: 'Orders/Audit', isOfRelay: false, parallelizationFactor: 10, filters: [] };

  test('may be the relay and one more function, as it likes', () => {
    expect(mappingProblems([relay(), other], false)).toEqual([]);
  });

  test('must not be three, nor two of a global table', () => {
    const third = { ...other, path: 'Orders/Search' };
    expect(mappingProblems([relay(), other, third], false)).toEqual([
      expect.stringMatching(
        /^3 event source mappings read .* \(.*Audit, Orders\/Search\)\. DynamoDB supports 2 .* a table/,
      ),
    ]);
    expect(mappingProblems([relay(), other], true)).toEqual([
      expect.stringMatching(/^2 event source mappings .* DynamoDB supports 1 .* a global table/),
    ]);
  });

  test('must hand the relay one batch of a shard after the other', () => {
    expect(mappingProblems([relay({ parallelizationFactor: 2 })], false)).toEqual([
      expect.stringMatching(/has a parallelization factor of 2\. .* their order breaks\. Set it to 1/),
    ]);
  });

  test.each([
    ['nothing', []],
    ['a filter of more', ['{"eventName":["INSERT","MODIFY"]}']],
    ['one of two filters', [INSERTS, '{"dynamodb":{}}']],
  ])('must not wake the relay by its own marks: %s', (_, filters) => {
    expect(mappingProblems([relay({ filters })], false)).toEqual([
      expect.stringMatching(/lets more than inserts through\. The relay's own marks would invoke it/),
    ]);
  });
});

describe('brokers inside a VPC', () => {
  const reach = {
    inVpc: false,
    bootstrapBrokers: 'b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098',
    areLookedUp: false,
  };

  test('are reached from a VPC only', () => {
    expect(() => checkBrokerReach({ ...reach, inVpc: true })).not.toThrow();
    expect(() => checkBrokerReach(reach)).toThrow(
      'Option "vpc" is not set; it must be given, from where the brokers are reached. From outside of the cluster\'s VPC nothing leads to b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9098: every connection would time out. Give vpc, or the cluster its network;',
    );
    expect(() => checkBrokerReach({ ...reach, bootstrapBrokers: 'any:1', areLookedUp: true })).toThrow(
      /nothing leads to the addresses that the cluster is asked for/,
    );
  });

  test.each([
    'b-1-public.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:9198',
    'kafka.example.com:9092',
    'kafka.eu-west-1.amazonaws.com.example.com:9098',
  ])('are not meant by %s', (bootstrapBrokers) => {
    expect(() => checkBrokerReach({ ...reach, bootstrapBrokers })).not.toThrow();
  });
});

test('a VPC must lead to DynamoDB', () => {
  const route = { service: 'dynamodb' as const, vpc: 'Orders/Vpc', hasEndpoint: false, hasEgress: false };
  const user = { who: 'The relay', without: 'it would publish nothing' };
  expect(routeProblem({ ...route, hasEndpoint: true }, user)).toBeUndefined();
  expect(routeProblem({ ...route, hasEgress: true }, user)).toBeUndefined();
  expect(routeProblem(route, user)).toMatch(
    /^The relay runs in Orders\/Vpc, from where nothing leads to DynamoDB: it would publish nothing\. Add a gateway endpoint, which is free/,
  );
});

describe('the policy of a key', () => {
  const ROLE = { 'Fn::GetAtt': ['Role', 'Arn'] };
  const ROOT = { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'AWS::AccountId' }, ':root']] };
  const problem = (...statements: KeyStatement[]) =>
    keyPolicyProblem(statements, ROLE, { key: 'Orders/Key', who: 'relay', without: 'would publish nothing' });
  const allow = (AWS: unknown, Action: string | string[] = 'kms:*'): KeyStatement => ({
    Effect: 'Allow',
    Action,
    Principal: { AWS },
  });

  test.each<[string, KeyStatement]>([
    ['the account', allow(ROOT)],
    ['the account by its number', allow('111122223333')],
    ['the account by its number, known at deployment', allow({ Ref: 'AWS::AccountId' })],
    ['the role', allow(ROLE, ['kms:Encrypt', 'kms:Decrypt'])],
    ['one of several principals', allow([{ Ref: 'Other' }, ROLE], 'kms:De*')],
    ['everyone', { ...allow('*'), Principal: '*' }],
  ])('that allows %s is accepted', (_, statement) => {
    expect(problem(statement)).toBeUndefined();
  });

  test.each<[string, KeyStatement[]]>([
    ['says nothing', []],
    ['allows another role', [allow({ 'Fn::GetAtt': ['Another', 'Arn'] })]],
    ['allows the account something else', [allow(ROOT, ['kms:Describe*', 'kms:Put*'])]],
  ])('that %s is refused', (_, statements) => {
    expect(problem(...statements)).toMatch(
      /^The policy of the key Orders\/Key does not allow kms:Decrypt to the relay, .* Allow the account/,
    );
  });

  test('that denies is refused, unless under a condition', () => {
    const deny: KeyStatement = { Effect: 'Deny', Action: 'kms:*', Principal: '*' };
    expect(problem(allow(ROOT), deny)).toMatch(/denies kms:Decrypt/);
    expect(problem(allow(ROOT), { ...deny, Condition: { Bool: {} } })).toBeUndefined();
  });
});

test('two outboxes must not report under one name', () => {
  expect(sharedNameProblem('orders', ['A/Outbox'])).toBeUndefined();
  expect(sharedNameProblem('orders', ['A/Outbox', 'B/Outbox'])).toMatch(
    /^The outboxes A\/Outbox and B\/Outbox have the outboxName "orders"\. .* Give each a name/,
  );
});

const LATER = Lazy.string({ produce: () => 'known at deployment' });

describe('MSK Serverless', () => {
  const topic = (changed: Partial<SizedTopic> = {}): SizedTopic => ({
    topic: 'orders',
    partitions: 12,
    configs: {},
    ...changed,
  });

  test('takes what is within its quotas, and what is known at deployment', () => {
    const largest = topic({ partitions: 2_400, configs: { 'max.message.bytes': String(8 * 1024 * 1024) } });
    expect(() => checkServerlessQuotas([largest])).not.toThrow();
    expect(() => checkServerlessQuotas([topic({ configs: { 'max.message.bytes': LATER } })])).not.toThrow();
  });

  test('has no more partitions', () => {
    expect(() => checkServerlessQuotas([topic({ partitions: 2_000 }), topic({ partitions: 401 })])).toThrow(
      'Option "topics" is "2 topics with 2401 partitions"; it must be at most 2400 partitions together. That is the quota of a cluster of MSK Serverless. Lower their partitions, or use OutboxCluster.express.',
    );
    expect(() => checkServerlessQuotas([topic({ partitions: 121, configs: { 'cleanup.policy': 'compact' } })])).toThrow(
      /at most 120 partitions of compacted topics together/,
    );
  });

  test('takes no larger messages', () => {
    expect(() => checkServerlessQuotas([topic({ configs: { 'max.message.bytes': '9000000' } })])).toThrow(
      'Option "topics["orders"].configs["max.message.bytes"]" is 9000000; it must be at most 8388608. MSK Serverless takes messages of up to 8 MiB. Send a reference',
    );
  });
});

describe('the size of messages', () => {
  const topic = (bytes: string) => ({ topic: 'orders', configs: { 'max.message.bytes': bytes } });

  test('must fit what the service may write', () => {
    expect(() => checkWriterLimit(topic('2000'), 2_000)).not.toThrow();
    expect(() => checkWriterLimit(topic('1999'), 2_000)).toThrow(
      /is 1999; it must be at least 2000, the maxMessageBytes of its events\. .* which parks its key\. Raise it/,
    );
  });

  test('must fit the batches of the relay', () => {
    expect(() => checkBatchLimit([topic('2000')], 2_000)).not.toThrow();
    expect(() => checkBatchLimit([topic('1999')], 2_000)).toThrow(
      /"maxBatchBytes" is 2000; it must be at most 1999, .* Kafka applies that limit to a whole batch: .* Lower maxBatchBytes/,
    );
  });

  test('is not judged when it is known only at deployment', () => {
    expect(() => checkWriterLimit(topic(LATER), 2_000)).not.toThrow();
    expect(() => checkBatchLimit([topic(LATER)], 2_000)).not.toThrow();
  });
});

test('what is to be replayed must be there still', () => {
  expect(() => checkReplayWindow(Duration.days(1), undefined)).not.toThrow();
  expect(() => checkReplayWindow(Duration.days(2), Duration.days(2))).not.toThrow();
  expect(() => checkReplayWindow(Duration.days(1), Duration.days(2))).toThrow(
    'it must be at least the replayWindow of Duration.days(2). A replay publishes processed items, and DynamoDB deletes them after the retention. Raise it, or lower replayWindow.',
  );
});

describe('a composite alarm', () => {
  const names = (count: number, length = 30): string[] => Array.from({ length: count }, () => 'n'.repeat(length));
  const problem = (alarms: string[]) => compositeAlarmProblem('Orders/Outbox/Monitoring/page', alarms, 'eu-west-1');

  test('of a hundred alarms is taken', () => {
    expect(problem(names(100))).toBeUndefined();
    expect(compositeAlarmProblem('page', names(100), LATER)).toBeUndefined();
  });

  test('of more, or of a rule that is too long, is refused, with the way out', () => {
    expect(problem(names(101))).toMatch(
      /^The composite alarm Orders\/Outbox\/Monitoring\/page gathers 101 alarms .* Leave "outbox" out of/,
    );
    expect(problem(names(60, 120))).toMatch(/60 alarms in a rule of about 10856 characters/);
  });
});

describe('names', () => {
  test('that AWS takes, or that are known at deployment, are taken', () => {
    expect(() => checkNames({ outboxName: 'Orders-Outbox', tableName: 'orders.outbox' })).not.toThrow();
    expect(() => checkNames({ outboxName: LATER, tableName: LATER })).not.toThrow();
  });

  test('that AWS refuses are refused before', () => {
    expect(() => checkNames({ outboxName: 'my orders' })).toThrow(
      'Option "outboxName" is "my orders"; it must be 1 to 128 letters, digits, ".", "_", "/" or "-", the first a letter or digit. It becomes a metrics dimension',
    );
    expect(() => checkNames({ tableName: 'a/b' })).toThrow(
      'Option "tableName" is "a/b"; it must be 3 to 255 letters, digits, "_", "." or "-". That is what DynamoDB allows. Leave it out',
    );
  });

  test('that two outboxes share are not judged before they are known', () => {
    expect(sharedNameProblem(LATER, ['A/Outbox', 'B/Outbox'])).toBeUndefined();
  });
});
