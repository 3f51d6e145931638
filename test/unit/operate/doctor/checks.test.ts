import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { EventSourceMappingConfiguration, FunctionConfiguration } from '@aws-sdk/client-lambda';
import { checkDeployment } from '../../../../lib/operate/doctor/doctor';
import type { Deployment, Reader } from '../../../../lib/operate/doctor/deployment';
import { type DoctorLine, known } from '../../../../lib/operate/doctor/lookup';
import {
  aReader,
  aSweeper,
  aTable,
  FORMER_STREAM_ARN,
  otherReader,
  relayVariables,
  soundDeployment,
  STREAM_ARN,
} from '../../../builders/deployment';

const PIN = 'index that keeps a key in one shard';

function lineOf(check: string, changed: Partial<Deployment>): DoctorLine {
  const line = checkDeployment(soundDeployment(changed)).find((candidate) => candidate.check === check);
  if (line === undefined) throw new Error(`There is no check "${check}".`);
  return line;
}
const notOk = (changed: Partial<Deployment>): string[] =>
  checkDeployment(soundDeployment(changed))
    .filter(({ verdict }) => verdict !== 'ok')
    .map(({ check, verdict }) => `${verdict}: ${check}`);

const withTable = (changed: TableDescription) => ({ table: known(aTable(changed)) });
const withMapping = (changed: EventSourceMappingConfiguration) => ({ readers: known([aReader(changed)]) });
const withRelay = (changed: FunctionConfiguration) => ({ readers: known([aReader({}, changed)]) });
const withReaders = (...readers: Reader[]) => ({ readers: known(readers) });

it('finds nothing wrong with what the construct makes', () => {
  expect(notOk({})).toEqual([]);
});

it('gives every check a name of its own', () => {
  const names = checkDeployment(soundDeployment()).map(({ check }) => check);
  expect(new Set(names).size).toBe(names.length);
});

it('writes a report that survives JSON', () => {
  const lines = checkDeployment(soundDeployment(withTable({ StreamSpecification: undefined })));
  expect(JSON.parse(JSON.stringify(lines))).toEqual(lines);
});

describe('finds exactly one line wrong, and says how to fix it', () => {
  const index = aTable().LocalSecondaryIndexes?.[0];
  test.each<[check: string, Partial<Deployment>, found: string, remedy: string]>([
    [
      'keys',
      withTable({ KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }] }),
      'sort key none',
      'cannot be changed',
    ],
    [
      'keys',
      withTable({
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'N' },
        ],
      }),
      'sk (N)',
      'both strings',
    ],
    [
      'stream',
      withTable({ StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' } }),
      'KEYS_ONLY',
      'StreamEnabled=true,StreamViewType=NEW_IMAGE',
    ],
    ['time to live', { timeToLive: known({}) }, 'DISABLED', 'Enabled=true,AttributeName=expiresAt'],
    [
      'relay: concurrency',
      withReaders({ ...aReader(), concurrency: known(0) }),
      'never invoked',
      'delete-function-concurrency',
    ],
    ['sweeper: concurrency', { sweeperConcurrency: known(0) }, 'never invoked', 'delete-function-concurrency'],
    [
      'relay: permissions',
      withReaders({ ...aReader(), rights: known({ denied: ['dynamodb:Query'], undecided: [] }) }),
      'may not dynamodb:Query',
      'on the table',
    ],
    [
      'sweeper: permissions',
      { sweeperRights: known({ denied: ['dynamodb:Scan'], undecided: [] }) },
      'may not dynamodb:Scan',
      'on the table',
    ],
    [
      'time to live',
      { timeToLive: known({ TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' }) },
      'ENABLED on ttl',
      'Enabled=false,AttributeName=ttl',
    ],
    [PIN, withTable({ LocalSecondaryIndexes: undefined }), 'none', 'only be created with the table'],
    [
      PIN,
      withTable({ LocalSecondaryIndexes: [{ ...index, Projection: { ProjectionType: 'ALL' } }] }),
      'pin on pin, ALL',
      'only be created with the table',
    ],
    ['replicas', withTable({ MultiRegionConsistency: 'STRONG' }), 'no transactions', 'one Region'],
    [
      'mapping',
      withReaders(aReader(), otherReader('audit'), otherReader('search')),
      'audit (audit), search (search): more than 2 readers',
      'consume the topics',
    ],
    [
      'mappings of former streams',
      withReaders(aReader(), aReader({ UUID: 'old', EventSourceArn: FORMER_STREAM_ARN })),
      `old (relay) on ${FORMER_STREAM_ARN}`,
      '`aws lambda delete-event-source-mapping --uuid old`',
    ],
    ['mapping: state', withMapping({ State: 'Disabled' }), 'Disabled', '--uuid b1c2 --enabled'],
    ['mapping: last result', withMapping({ LastProcessingResult: 'PROBLEM: Function call failed' }), 'PROBLEM', 'log'],
    [
      'mapping: starting position',
      withMapping({ StartingPosition: 'LATEST' }),
      'LATEST',
      '--starting-position TRIM_HORIZON',
    ],
    [
      'mapping: filter',
      withMapping({ FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT","MODIFY"]}' }] } }),
      '[{"eventName":["INSERT","MODIFY"]}]',
      `--filter-criteria '{"Filters":[{"Pattern":"{\\"eventName\\":[\\"INSERT\\"]}"}]}'`,
    ],
    ['mapping: filter', withMapping({ FilterCriteria: undefined }), '[]', '--filter-criteria'],
    ['mapping: batch size', withMapping({ BatchSize: 100 }), '100', '--batch-size 1000'],
    ['mapping: parallelization factor', withMapping({ ParallelizationFactor: 10 }), '10', '--parallelization-factor 1'],
    ['mapping: bisect on error', withMapping({ BisectBatchOnFunctionError: false }), 'false', '--bisect-batch-on'],
    ['mapping: partial answers', withMapping({ FunctionResponseTypes: [] }), 'false', '--function-response-types'],
    ['mapping: retries', withMapping({ MaximumRetryAttempts: 3 }), '3', '--maximum-retry-attempts -1'],
    [
      'mapping: record age',
      withMapping({ MaximumRecordAgeInSeconds: 3600 }),
      '3600',
      '--maximum-record-age-in-seconds -1',
    ],
    ['relay', withRelay({ State: 'Failed', StateReason: 'The key was deleted' }), 'The key was deleted', 'deploy'],
    ['relay', withRelay({ LastUpdateStatus: 'Failed' }), 'last update Failed', 'deploy'],
    ['relay: runtime', withRelay({ Runtime: 'nodejs22.x' }), 'nodejs22.x', 'Node.js 24'],
    [
      'relay: owner of the table',
      { state: known({ streamArn: STREAM_ARN, owner: 'Billing/Outbox' }) },
      '"Billing/Outbox"; the relay belongs to "Shop/Outbox"',
      'outbox take-over Shop/Outbox',
    ],
    [
      'relay: configuration',
      withRelay({ Environment: { Variables: relayVariables('payments-outbox') } }),
      'payments-outbox',
      'template',
    ],
    ['relay: timeout', withRelay({ Timeout: 30 }), '30 s', 'relayTimeout'],
    ['sweeper', { sweeper: known(aSweeper({ State: 'Failed' })) }, 'Failed', 'deploy'],
    ['sweeper: runtime', { sweeper: known(aSweeper({ Runtime: 'python3.14' })) }, 'python3.14', 'Node.js 24'],
    [
      'sweeper: configuration',
      { sweeper: known(aSweeper({ Environment: { Variables: {} } })) },
      'OUTBOX_TABLE_NAME is not set',
      'template',
    ],
    [
      'permissions of the caller',
      { permissions: known({ caller: 'someone', denied: ['dynamodb:PutItem'], undecided: ['dynamodb:Scan'] }) },
      'someone may not dynamodb:PutItem (for redrive, replay, sweep)',
      'Allow',
    ],
  ])('%s: %#', (check, changed, found, remedy) => {
    expect(notOk(changed)).toEqual([`wrong: ${check}`]);
    const line = lineOf(check, changed);
    expect(line.found).toContain(found);
    expect(line.remedy).toContain(remedy);
  });
});

describe('warns of what works', () => {
  test.each<[check: string, Partial<Deployment>, found: string]>([
    ['table', withTable({ TableStatus: 'UPDATING' }), 'UPDATING'],
    [
      'stream',
      withTable({ StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } }),
      'NEW_AND_OLD_IMAGES',
    ],
    ['billing', withTable({ BillingModeSummary: undefined }), 'PROVISIONED'],
    ['point-in-time recovery', { backups: known({}) }, 'DISABLED'],
    ['deletion protection', withTable({ DeletionProtectionEnabled: false }), 'off'],
    ['replicas', withTable({ Replicas: [{ RegionName: 'eu-west-1' }, { RegionName: 'us-east-1' }] }), 'in us-east-1:'],
    [
      'trust in the stream',
      { state: known({ streamArn: STREAM_ARN, gapSuspectedSince: 0 }) },
      '1970-01-01T00:00:00.000Z',
    ],
    ['trust in the stream', { state: known({ streamArn: FORMER_STREAM_ARN }) }, FORMER_STREAM_ARN],
    ['mapping: state', withMapping({ State: 'Updating' }), 'Updating'],
    ['mapping: last result', withMapping({ LastProcessingResult: 'something new' }), 'something new'],
    ['relay', withRelay({ LastUpdateStatus: 'InProgress' }), 'InProgress'],
    ['sweeper', { sweeper: known(aSweeper({ State: 'Inactive' })) }, 'Inactive'],
  ])('%s: %#', (check, changed, found) => {
    expect(notOk(changed)).toEqual([`warn: ${check}`]);
    const line = lineOf(check, changed);
    expect(line.found).toContain(found);
    expect(line.remedy).toBeTruthy();
  });
});

describe('is content with', () => {
  test.each<[what: string, Partial<Deployment>]>([
    ['a second function on the stream', withReaders(aReader(), otherReader('audit'))],
    ['a table that no relay has published from', { state: known({}) }],
    ['a table that its own outbox owns', { state: known({ streamArn: STREAM_ARN, owner: 'Shop/Outbox' }) }],
    ['a mapping without a result yet', withMapping({ LastProcessingResult: undefined })],
    ['a mapping that had nothing to do', withMapping({ LastProcessingResult: 'No records processed' })],
    ['a replica in its own Region', withTable({ Replicas: [{ RegionName: 'eu-west-1' }] })],
    [
      'TTL that is being switched on',
      { timeToLive: known({ TimeToLiveStatus: 'ENABLING', AttributeName: 'expiresAt' }) },
    ],
    ['a later runtime', withRelay({ Runtime: 'nodejs26.x' })],
    ['a concurrency that is reserved', withReaders({ ...aReader(), concurrency: known(8) })],
  ])('%s', (_, changed) => expect(notOk(changed)).toEqual([]));
});

describe('a table that does not exist', () => {
  const changed: Partial<Deployment> = { table: known(undefined) };

  test('is the one thing wrong; what hangs on it is unknown', () => {
    expect(notOk(changed).filter((line) => line.startsWith('wrong'))).toEqual(['wrong: table']);
    expect(lineOf('mapping: filter', changed)).toMatchObject({ verdict: 'unknown', found: 'there is no such table' });
  });
});

describe('a stream that is off', () => {
  const changed = withTable({ StreamSpecification: undefined });

  test('makes its former mapping one of a former stream', () => {
    expect(notOk(changed).filter((line) => line.startsWith('wrong'))).toEqual([
      'wrong: stream',
      'wrong: mapping',
      'wrong: mappings of former streams',
    ]);
  });
});

describe('no relay on the stream', () => {
  test('is wrong, and its own checks are unknown', () => {
    const line = lineOf('mapping', withReaders());
    expect(line).toMatchObject({ verdict: 'wrong', found: 'none: no relay reads the stream' });
    expect(line.remedy).toContain(`--function-name <relay> --event-source-arn ${STREAM_ARN} --starting-position`);
    expect(lineOf('relay: runtime', withReaders())).toMatchObject({
      verdict: 'unknown',
      found: 'no relay reads the stream',
    });
  });

  test('is not helped by the function of somebody else', () => {
    expect(lineOf('mapping', withReaders(otherReader('audit')))).toMatchObject({
      verdict: 'wrong',
      found: 'audit (audit): no relay reads the stream',
    });
  });

  test('is fixed with the relay that reads a former stream', () => {
    const line = lineOf('mapping', withReaders(aReader({ EventSourceArn: FORMER_STREAM_ARN })));
    expect(line.verdict).toBe('wrong');
    expect(line.remedy).toContain('--function-name arn:aws:lambda:eu-west-1:111122223333:function:relay ');
  });
});

test('two relays on the stream are wrong, and neither is checked', () => {
  const changed = withReaders(aReader(), aReader({ UUID: 'second' }));
  expect(lineOf('mapping', changed)).toMatchObject({ verdict: 'wrong', found: expect.stringContaining('2 relays') });
  expect(lineOf('mapping: filter', changed).verdict).toBe('unknown');
});

test('a mapping whose function is gone is taken for the relay, and the function is wrong', () => {
  const changed = withReaders({ ...aReader(), function: known(undefined) });
  expect(lineOf('mapping', changed).verdict).toBe('ok');
  expect(lineOf('relay', changed)).toMatchObject({ verdict: 'wrong', found: 'there is no such function' });
});

describe('what could not be found out is unknown, with the reason', () => {
  const denied = { because: 'AccessDeniedException: no' };

  test('of each source of facts', () => {
    const changed: Partial<Deployment> = {
      table: denied,
      timeToLive: denied,
      backups: denied,
      state: denied,
      readers: denied,
      sweeper: denied,
      sweeperConcurrency: denied,
      sweeperRights: denied,
      sweeperRuns: denied,
      brokers: denied,
      alarms: denied,
      noticeTopics: denied,
      permissions: { ...denied, remedy: 'ask' },
    };
    const lines = checkDeployment(soundDeployment(changed));
    expect(new Set(lines.map(({ verdict, found }) => `${verdict} ${found}`))).toEqual(
      new Set([`unknown ${denied.because}`]),
    );
    expect(lines.at(-1)?.remedy).toBe('ask');
  });

  test('of a function: the mapping is taken for the relay, and its settings are checked', () => {
    const changed = withReaders({ ...aReader({ BatchSize: 7 }), function: denied });
    expect(notOk(changed)).toEqual([
      'wrong: mapping: batch size',
      'unknown: relay',
      'unknown: relay: runtime',
      'unknown: relay: configuration',
      'unknown: relay: owner of the table',
      'unknown: relay: timeout',
    ]);
  });

  test('of variables that are encrypted', () => {
    const changed = withRelay({ Environment: { Error: { ErrorCode: 'AccessDeniedException', Message: 'no key' } } });
    expect(notOk(changed)).toEqual([
      'unknown: relay: configuration',
      'unknown: relay: owner of the table',
      'unknown: relay: timeout',
    ]);
  });

  test('of a filter that is encrypted', () => {
    const changed = withMapping({
      FilterCriteria: undefined,
      KMSKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/0123',
    });
    expect(notOk(changed)).toEqual(['unknown: mapping: filter']);
  });

  test('of what conditions decide about', () => {
    const changed: Partial<Deployment> = {
      permissions: known({ caller: 'someone', denied: [], undecided: ['dynamodb:Scan'] }),
    };
    expect(lineOf('permissions of the caller', changed)).toMatchObject({
      verdict: 'unknown',
      found: expect.stringContaining('dynamodb:Scan (for explain, status, replay, sweep, verify, doctor)'),
    });
  });
});

test('a configuration that cannot be read is said in its own words, and its timeout is unknown', () => {
  const changed = withRelay({ Environment: { Variables: { ...relayVariables(), OUTBOX_ORDER: 'loose' } } });
  expect(lineOf('relay: configuration', changed).found).toContain('OUTBOX_ORDER is "loose"');
  expect(lineOf('relay: timeout', changed).verdict).toBe('unknown');
});
