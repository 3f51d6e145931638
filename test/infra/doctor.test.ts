import type { BillingMode, StreamViewType, TableDescription } from '@aws-sdk/client-dynamodb';
import type { EventSourceMappingConfiguration, FunctionConfiguration } from '@aws-sdk/client-lambda';
import { checkDeployment } from '../../lib/operate/doctor/doctor';
import { RELAY_ACTIONS, SWEEPER_ACTIONS } from '../../lib/event/table-actions';
import { known } from '../../lib/operate/doctor/lookup';
import { aReader, soundDeployment, STREAM_ARN, TABLE_ARN, TABLE_NAME } from '../builders/deployment';
import { outboxStack } from './stack';

type Described = Pick<TableDescription, 'KeySchema' | 'AttributeDefinitions' | 'LocalSecondaryIndexes'>;

interface GlobalTable extends Described {
  readonly BillingMode: BillingMode;
  readonly StreamSpecification: { readonly StreamViewType: StreamViewType };
  readonly TimeToLiveSpecification: { readonly AttributeName: string };
  readonly Replicas: readonly [{ readonly DeletionProtectionEnabled: boolean }];
}

const { template } = outboxStack();
const synthesized = template();
const theFirst = (type: string, logicalId: RegExp): unknown => {
  const found = Object.entries(synthesized.findResources(type)).find(([id]) => logicalId.test(id));
  return (found?.[1] as { readonly Properties: unknown }).Properties;
};

/** The function of the template as AWS describes it. The reference to the table becomes its name. */
function functionOf(logicalId: RegExp): FunctionConfiguration {
  const { Environment, ...properties } = theFirst('AWS::Lambda::Function', logicalId) as FunctionConfiguration;
  const Variables = { ...Environment?.Variables, OUTBOX_TABLE_NAME: TABLE_NAME };
  return { ...properties, Environment: { Variables }, State: 'Active', LastUpdateStatus: 'Successful' };
}

test('doctor finds right whatever the construct makes', () => {
  const {
    BillingMode,
    StreamSpecification,
    TimeToLiveSpecification,
    Replicas: [own],
    ...table
  } = theFirst('AWS::DynamoDB::GlobalTable', /^OutboxTable/) as GlobalTable;
  const described: TableDescription = {
    ...table,
    TableStatus: 'ACTIVE',
    TableArn: TABLE_ARN,
    LatestStreamArn: STREAM_ARN,
    BillingModeSummary: { BillingMode },
    StreamSpecification: { ...StreamSpecification, StreamEnabled: true },
    DeletionProtectionEnabled: own.DeletionProtectionEnabled,
  };
  const mapping: EventSourceMappingConfiguration = {
    // Lambda's own default for a property that the template omits.
    MaximumRecordAgeInSeconds: -1,
    ...(theFirst('AWS::Lambda::EventSourceMapping', /^Outbox/) as EventSourceMappingConfiguration),
    EventSourceArn: STREAM_ARN,
    State: 'Enabled',
  };

  const lines = checkDeployment(
    soundDeployment({
      table: known(described),
      timeToLive: known({ TimeToLiveStatus: 'ENABLED', ...TimeToLiveSpecification }),
      readers: known([
        { ...aReader(), mapping: { ...mapping, FunctionArn: 'relay' }, function: known(functionOf(/^OutboxRelay/)) },
      ]),
      sweeper: known(functionOf(/^OutboxSweeper/)),
    }),
  );

  expect(lines.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
});

interface Policy {
  readonly PolicyDocument: { readonly Statement: readonly { readonly Action: string | readonly string[] }[] };
}

/** The actions on items and tables; streams have their own. */
const STREAM_ACTION = /Stream|Shard|GetRecords/;

test.each([
  ['relay', /^OutboxRelay.*Policy/, RELAY_ACTIONS],
  ['sweeper', /^OutboxSweeper.*Policy/, SWEEPER_ACTIONS],
])('doctor expects of the role of the %s what the construct grants', (_, logicalId, actions) => {
  const { PolicyDocument } = theFirst('AWS::IAM::Policy', logicalId) as Policy;
  const granted = PolicyDocument.Statement.flatMap(({ Action }) => Action).filter(
    (action) => action.startsWith('dynamodb:') && !STREAM_ACTION.test(action),
  );

  expect([...new Set(granted)].toSorted()).toEqual([...actions].toSorted());
});
