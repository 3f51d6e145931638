import { isDeepStrictEqual } from 'node:util';
import type { ContinuousBackupsDescription, TableDescription, TimeToLiveDescription } from '@aws-sdk/client-dynamodb';
import type { GapState } from '../../event/control';
import { streamNameOf, type HomeRegion } from '../../event/home-region';
import { TABLE } from '../../event/table';
import type { Deployment } from './deployment';
import { line, ok, warn, wrong, both, then, type CheckResult, type DoctorLine, type Lookup } from './lookup';

export function tableLines(deployment: Deployment, table: Lookup<TableDescription>): readonly DoctorLine[] {
  const { tableName, home } = deployment;
  const timeToLive = then(table, () => deployment.timeToLive);
  const backups = then(table, () => deployment.backups);
  return [
    line('table', deployment.table, checkTable),
    line('keys', table, checkKeys),
    line('stream', table, checkStream),
    line('time to live', timeToLive, (found) => checkTimeToLive(found, tableName)),
    line('index that keeps a key in one shard', table, checkPin),
    line('billing', table, checkBilling),
    line('point-in-time recovery', backups, (found) => checkBackups(found, tableName)),
    line('deletion protection', table, checkDeletionProtection),
    line('replicas', table, (found) => checkReplicas(found, home)),
    line('trust in the stream', both(table, deployment.state), (found) => checkGapSuspicion(found, home)),
  ];
}

function checkTable(table: TableDescription | undefined): CheckResult {
  if (table === undefined) {
    return wrong(
      'it does not exist',
      'Check its name, the account and the Region. The Outbox construct creates the table.',
    );
  }
  const { TableStatus: status = 'without a status' } = table;
  if (status === 'ACTIVE') return ok(status);
  return status === 'UPDATING'
    ? warn(status, 'It works during the update. Run doctor again in some minutes.')
    : wrong(
        status,
        'Wait until it is ACTIVE. If it never becomes ACTIVE, restore it or let the Outbox construct create another.',
      );
}

function checkKeys({ KeySchema: schema = [], AttributeDefinitions: attributes = [] }: TableDescription): CheckResult {
  const [partitionKey, sortKey] = ['HASH', 'RANGE'].map((role) => {
    const name = schema.find(({ KeyType }) => KeyType === role)?.AttributeName;
    return name && `${name} (${attributes.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? '?'})`;
  });
  const text = `partition key ${partitionKey ?? 'none'}, sort key ${sortKey ?? 'none'}`;
  return isDeepStrictEqual([partitionKey, sortKey], [`${TABLE.partitionKey} (S)`, `${TABLE.sortKey} (S)`])
    ? ok(text)
    : wrong(
        text,
        `It must have partition key ${TABLE.partitionKey} and sort key ${TABLE.sortKey}, both strings, and keys cannot be changed. Check that this is the outbox table; if it is, let the Outbox construct create another.`,
      );
}

function checkStream({ TableName: name = '', StreamSpecification: stream }: TableDescription): CheckResult {
  const update = (specification: string): string =>
    `\`aws dynamodb update-table --table-name ${name} --stream-specification ${specification}\``;
  const on = update(`StreamEnabled=true,StreamViewType=${TABLE.streamViewType}`);
  const after = 'That creates a new stream, for which the relay needs a new mapping: run doctor again.';
  if (stream?.StreamEnabled !== true) return wrong('off: nothing is published', `Switch it on: ${on}. ${after}`);
  const { StreamViewType: viewType = 'without a view type' } = stream;
  if (viewType === TABLE.streamViewType) return ok(viewType);
  const change = `The view type is changed by switching the stream off and on: ${update('StreamEnabled=false')}, then ${on}. ${after} The sweeper finds the events that the old stream had not shown.`;
  // An insert has no old image, so the relay sees no difference.
  return viewType === 'NEW_AND_OLD_IMAGES'
    ? warn(
        `${viewType}: works, but the record of every mark is twice as large, so one read of the stream shows fewer inserts`,
        `Leave it unless the relay falls behind. ${change}`,
      )
    : wrong(`${viewType}: the relay does not see the events`, change);
}

function checkTimeToLive(
  { TimeToLiveStatus: status = 'DISABLED', AttributeName: attribute = '' }: TimeToLiveDescription,
  tableName: string,
): CheckResult {
  const update = (enabled: boolean, name: string): string =>
    `\`aws dynamodb update-time-to-live --table-name ${tableName} --time-to-live-specification Enabled=${enabled},AttributeName=${name}\``;
  const on = update(true, TABLE.timeToLiveAttribute);
  const isOn = status === 'ENABLED' || status === 'ENABLING';
  if (!isOn) return wrong(`${status}: processed items stay forever`, `${on}. DynamoDB takes one change an hour.`);
  return attribute === TABLE.timeToLiveAttribute
    ? ok(`${status} on ${attribute}`)
    : wrong(`${status} on ${attribute}`, `${update(false, attribute)}, and an hour later ${on}.`);
}

function checkPin({ LocalSecondaryIndexes: indexes = [] }: TableDescription): CheckResult {
  const { indexName, attribute, projection } = TABLE.pin;
  const pin = indexes.find(({ IndexName }) => IndexName === indexName);
  const sortKey = pin?.KeySchema?.find(({ KeyType }) => KeyType === 'RANGE')?.AttributeName;
  const projected = pin?.Projection?.ProjectionType;
  const text = pin === undefined ? 'none' : `${indexName} on ${sortKey ?? '?'}, ${projected ?? '?'}`;
  return sortKey === attribute && projected === projection
    ? ok(text)
    : wrong(
        text,
        `The table needs the local secondary index ${indexName} on ${attribute}, ${projection}: without one DynamoDB may split a busy key over several shards, and its order is lost. It can only be created with the table. Let the Outbox construct create another table, let the services write to that one, and remove this one when no item in it is pending.`,
      );
}

function checkBilling({ TableName: name = '', BillingModeSummary: billing }: TableDescription): CheckResult {
  // DynamoDB leaves it out for a table that was never on demand.
  const { BillingMode: mode = 'PROVISIONED' } = billing ?? {};
  return mode === 'PAY_PER_REQUEST'
    ? ok(mode)
    : warn(
        `${mode}: a burst of writes is throttled, and the relay's marks with it`,
        `\`aws dynamodb update-table --table-name ${name} --billing-mode PAY_PER_REQUEST\``,
      );
}

function checkBackups(
  { PointInTimeRecoveryDescription: recovery }: Partial<ContinuousBackupsDescription>,
  tableName: string,
): CheckResult {
  const { PointInTimeRecoveryStatus: status = 'DISABLED' } = recovery ?? {};
  return status === 'ENABLED'
    ? ok(status)
    : warn(
        `${status}: a deleted item cannot be restored`,
        `\`aws dynamodb update-continuous-backups --table-name ${tableName} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true\``,
      );
}

const checkDeletionProtection = ({
  TableName: name = '',
  DeletionProtectionEnabled: enabled = false,
}: TableDescription): CheckResult =>
  enabled
    ? ok('on')
    : warn(
        'off: the table can be deleted while events are pending',
        `\`aws dynamodb update-table --table-name ${name} --deletion-protection-enabled\``,
      );

function checkReplicas(
  { TableArn: arn = '', Replicas: replicas = [], MultiRegionConsistency: consistency }: TableDescription,
  home: HomeRegion | undefined,
): CheckResult {
  if (consistency === 'STRONG') {
    return wrong(
      'a global table with strong consistency: it has no transactions',
      'Events cannot be committed with business data there. Use a table of one Region.',
    );
  }
  const own = arn.split(':')[3];
  const others = replicas.flatMap(({ RegionName: region }) => (region === undefined || region === own ? [] : [region]));
  if (others.length === 0) return ok('none');
  return home !== undefined
    ? ok(`also in ${others.join(', ')}; published from here: what was written in ${home.publishesFor.join(', ')}`)
    : warn(
        `also in ${others.join(', ')}: the stream of each Region shows the writes of all`,
        'Run the relay in one Region alone: every relay publishes every event.',
      );
}

function checkGapSuspicion(
  [{ LatestStreamArn: latest }, { streamArn, gapSuspectedSince }]: readonly [TableDescription, GapState],
  home: HomeRegion | undefined,
): CheckResult {
  if (gapSuspectedSince !== undefined) {
    return warn(
      `a gap is suspected since ${new Date(gapSuspectedSince).toISOString()}: the relay looks each key up before it publishes`,
      'Nothing to fix: the sweeper ends the suspicion when a complete run finds no lost record.',
    );
  }
  if (streamArn === undefined) return ok('the relay has not noted a stream yet');
  const current = latest === undefined || home === undefined ? latest : streamNameOf(latest, home);
  return streamArn === current
    ? ok('no gap is suspected')
    : warn(
        `the relay last read another stream, ${streamArn}`,
        'Events that the other stream had not shown are pending. The sweeper finds them; `outbox sweep` does so at once.',
      );
}
