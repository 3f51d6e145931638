import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { INBOX_TABLE, TABLE } from '../../event/table';
import { isTable, propertiesOf } from './app-tree';

/** The part of `AWS::DynamoDB::GlobalTable` and `AWS::DynamoDB::Table` that the guards read, as in the template. */
export interface TableProperties {
  readonly KeySchema?: readonly { readonly AttributeName?: string; readonly KeyType?: string }[];
  readonly AttributeDefinitions?: readonly { readonly AttributeName?: string; readonly AttributeType?: string }[];
  readonly LocalSecondaryIndexes?: readonly unknown[];
  readonly StreamSpecification?: { readonly StreamViewType?: string };
  readonly TimeToLiveSpecification?: { readonly AttributeName?: string; readonly Enabled?: boolean };
  readonly MultiRegionConsistency?: string;
}

const VIEWS: readonly string[] = [TABLE.streamViewType, 'NEW_AND_OLD_IMAGES'];
export const STRONG_CONSISTENCY =
  'The table has multi-Region strong consistency (MRSC), which supports neither transactions, nor a TTL, nor local secondary indexes: an event could not be committed together with its business data. Make it with eventual consistency (MREC).';

/** Checks a table that the app makes. An escape hatch may have changed even the construct's own. */
export function shapeProblems({ node }: ITable, problemsOf: (table: TableProperties) => string[]): string[] {
  return isTable(node.defaultChild) ? problemsOf(propertiesOf(node.defaultChild)) : [];
}

/** Why the caller's own table cannot be an outbox; empty if it can. */
export function tableProblems(table: TableProperties): string[] {
  const problems = [
    keyProblem(table, TABLE, 'an outbox. Items are written', 'Make the table with these.'),
    streamProblem(table.StreamSpecification?.StreamViewType),
    timeToLiveProblem(table, TABLE.timeToLiveAttribute, 'Processed items and tombstones'),
    table.LocalSecondaryIndexes === undefined || table.LocalSecondaryIndexes.length === 0
      ? 'The table has no local secondary index. Without one DynamoDB may split the items of a key over partitions, and so over shards, whose relays run at the same time: the order of the key breaks. Add one, on any attribute, such as "pin"; it can only be made with the table.'
      : undefined,
    table.MultiRegionConsistency === 'STRONG' ? STRONG_CONSISTENCY : undefined,
  ];
  return problems.filter((problem) => problem !== undefined);
}

/** Why the caller's own table cannot be an inbox; empty if it can. */
export function inboxProblems(table: TableProperties): string[] {
  const problems = [
    keyProblem(table, INBOX_TABLE, 'an inbox. Consumers write', 'Make the table with these, or use a ConsumerInbox.'),
    timeToLiveProblem(table, INBOX_TABLE.timeToLiveAttribute, 'The records of applied events without versions'),
  ];
  return problems.filter((problem) => problem !== undefined);
}

const hasKey = (
  { KeySchema = [], AttributeDefinitions = [] }: TableProperties,
  name: string,
  type: 'HASH' | 'RANGE',
): boolean =>
  KeySchema.some(({ AttributeName, KeyType }) => AttributeName === name && KeyType === type) &&
  AttributeDefinitions.some(({ AttributeName, AttributeType }) => AttributeName === name && AttributeType === 'S');

function keyProblem(
  table: TableProperties,
  { partitionKey, sortKey }: Pick<typeof TABLE, 'partitionKey' | 'sortKey'>,
  writers: string,
  fix: string,
): string | undefined {
  if (hasKey(table, partitionKey, 'HASH') && hasKey(table, sortKey, 'RANGE')) return undefined;
  return `The table has other keys than ${writers} under the partition key "${partitionKey}" and the sort key "${sortKey}", both texts. ${fix}`;
}

function streamProblem(view: string | undefined): string | undefined {
  if (view !== undefined && VIEWS.includes(view)) return undefined;
  const got = view === undefined ? 'no stream' : `a stream of ${view}`;
  return `The table has ${got}. The relay reads the events from the new image of each insert. Give the table a stream of ${VIEWS.join(' or ')}; the view of an existing stream cannot be changed, a new one takes its place.`;
}

function timeToLiveProblem(
  { TimeToLiveSpecification: ttl }: TableProperties,
  attribute: string,
  expiring: string,
): string | undefined {
  const given = ttl?.Enabled === true ? ttl.AttributeName : undefined;
  if (given === attribute) return undefined;
  const got = given === undefined ? 'no TTL' : `the TTL attribute "${given}"`;
  return `The table has ${got}. ${expiring} carry "${attribute}" and would stay forever. Set the TTL attribute to "${attribute}".`;
}
