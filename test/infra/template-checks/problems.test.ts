import { Lazy } from 'aws-cdk-lib';
import { compositeAlarmProblem } from '../../../lib/infra/monitoring/gathered-alarms';
import { keyPolicyProblem, type KeyStatement } from '../../../lib/infra/template-checks/service-policy';
import {
  mappingProblems,
  sharedNameProblem,
  type StreamMapping,
} from '../../../lib/infra/template-checks/outbox-checks';
import { routeProblem } from '../../../lib/infra/template-checks/service-route';
import { tableProblems, type TableProperties } from '../../../lib/infra/template-checks/table-shape';

const LATER = Lazy.string({ produce: () => 'known at deployment' });

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
    ['no TTL', { TimeToLiveSpecification: undefined }, /^The table has no TTL\. .* would stay forever/],
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

describe('mappings that read the stream', () => {
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
  expect(sharedNameProblem('orders', ['A/Outbox'])).toEqual([]);
  expect(sharedNameProblem('orders', ['A/Outbox', 'B/Outbox'])).toEqual([
    expect.stringMatching(
      /^The outboxes A\/Outbox and B\/Outbox have the outboxName "orders"\. .* Give each outbox its own name/,
    ),
  ]);
  // Names that are known only at deployment cannot be compared.
  expect(sharedNameProblem(LATER, ['A/Outbox', 'B/Outbox'])).toEqual([]);
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
