import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { EventSourceMappingConfiguration, FunctionConfiguration } from '@aws-sdk/client-lambda';
import { TABLE } from '../../lib/event/table';
import type { Deployment, Reader } from '../../lib/operate/doctor/deployment';
import { known } from '../../lib/operate/doctor/lookup';
import { encodeRelayConfig, RELAY_DEFAULTS } from '../../lib/relay/environment';
import { encodeSweeperConfig, SWEEPER_DEFAULTS } from '../../lib/sweep/environment';

export const TABLE_NAME = 'orders-outbox';
export const TABLE_ARN = `arn:aws:dynamodb:eu-west-1:111122223333:table/${TABLE_NAME}`;
export const STREAM_ARN = `${TABLE_ARN}/stream/2026-01-02T00:00:00.000`;
export const FORMER_STREAM_ARN = `${TABLE_ARN}/stream/2026-01-01T00:00:00.000`;
export const ROLE_ARN = 'arn:aws:iam::111122223333:role/function';
const FUNCTION_ARN = 'arn:aws:lambda:eu-west-1:111122223333:function';

export const aTable = (changed: TableDescription = {}): TableDescription => ({
  TableName: TABLE_NAME,
  TableArn: TABLE_ARN,
  TableStatus: 'ACTIVE',
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: ['pk', 'sk', 'pin'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
  LocalSecondaryIndexes: [
    {
      IndexName: 'pin',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'pin', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
  BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
  StreamSpecification: { StreamEnabled: true, StreamViewType: TABLE.streamViewType },
  LatestStreamArn: STREAM_ARN,
  DeletionProtectionEnabled: true,
  ...changed,
});

export const aMapping = (changed: EventSourceMappingConfiguration = {}): EventSourceMappingConfiguration => ({
  UUID: 'b1c2',
  EventSourceArn: STREAM_ARN,
  FunctionArn: `${FUNCTION_ARN}:relay`,
  State: 'Enabled',
  LastProcessingResult: 'OK',
  StartingPosition: 'TRIM_HORIZON',
  FilterCriteria: { Filters: [{ Pattern: '{ "eventName": ["INSERT"] }' }] },
  BatchSize: 1000,
  ParallelizationFactor: 1,
  BisectBatchOnFunctionError: true,
  FunctionResponseTypes: ['ReportBatchItemFailures'],
  MaximumRetryAttempts: -1,
  MaximumRecordAgeInSeconds: -1,
  ...changed,
});

export const relayVariables = (tableName = TABLE_NAME): Record<string, string> =>
  encodeRelayConfig({
    ...RELAY_DEFAULTS,
    tableName,
    outboxName: 'Orders',
    outboxId: 'Shop/Outbox',
    brokers: ['b-1.orders:9098'],
    auth: { kind: 'iam' },
  });

const aFunction = (
  FunctionName: string,
  Variables: Record<string, string>,
  changed: FunctionConfiguration = {},
): FunctionConfiguration => ({
  FunctionName,
  State: 'Active',
  LastUpdateStatus: 'Successful',
  Runtime: 'nodejs24.x',
  Timeout: 90,
  Role: ROLE_ARN,
  Environment: { Variables },
  ...changed,
});

export const aRelay = (changed: FunctionConfiguration = {}): FunctionConfiguration =>
  aFunction('relay', relayVariables(), changed);

export const aSweeper = (changed: FunctionConfiguration = {}): FunctionConfiguration =>
  aFunction(
    'sweeper',
    encodeSweeperConfig({ ...SWEEPER_DEFAULTS, tableName: TABLE_NAME, outboxName: 'Orders' }),
    changed,
  );

/** Nothing prevents a function's invocation or its access to the table. */
const FREE = { concurrency: known(undefined), rights: known({ denied: [], undecided: [] }) };

export const aReader = (mapping: EventSourceMappingConfiguration = {}, relay: FunctionConfiguration = {}): Reader => ({
  mapping: aMapping(mapping),
  function: known(aRelay(relay)),
  ...FREE,
});

/** A foreign function on the same stream. */
export const otherReader = (name: string): Reader => ({
  mapping: aMapping({ UUID: name, FunctionArn: `${FUNCTION_ARN}:${name}` }),
  function: known(aFunction(name, {})),
  ...FREE,
});

export const TOPIC_ARN = 'arn:aws:sns:eu-west-1:111122223333:page';

/** Attributes of a topic that CloudWatch may publish to and that has a subscriber. */
export const aTopic = (changed: Record<string, string> = {}): Record<string, string> => ({
  Policy: JSON.stringify({ Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'SNS:Publish' }] }),
  SubscriptionsConfirmed: '1',
  SubscriptionsPending: '0',
  ...changed,
});

/** Facts of an outbox without a problem. */
export const soundDeployment = (changed: Partial<Deployment> = {}): Deployment => ({
  tableName: TABLE_NAME,
  table: known(aTable()),
  timeToLive: known({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' }),
  backups: known({ PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' } }),
  state: known({ streamArn: STREAM_ARN }),
  readers: known([aReader()]),
  sweeper: known(aSweeper()),
  sweeperConcurrency: FREE.concurrency,
  sweeperRights: FREE.rights,
  sweeperRuns: known({ everyMs: 3_600_000, isSeen: true, isNew: false }),
  brokers: known([{ functionName: 'relay', brokers: ['b-1.orders:9098'], cluster: known(undefined) }]),
  alarms: known({
    namePrefix: 'Orders-',
    alarms: [{ name: 'Orders-page', state: 'OK', stateSetAt: 0, actions: [TOPIC_ARN], rule: 'ALARM("Orders-page")' }],
  }),
  noticeTopics: known([{ arn: TOPIC_ARN, attributes: known(aTopic()) }]),
  permissions: known({ caller: 'arn:aws:iam::111122223333:user/operator', denied: [], undecided: [] }),
  ...changed,
});
