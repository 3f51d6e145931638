import { TABLE } from '../../event/table';

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
const TTL_ATTRIBUTE = TABLE.timeToLiveAttribute;
export const STRONG_CONSISTENCY =
  'The table has multi-Region strong consistency (MRSC), which supports neither transactions, nor a TTL, nor local secondary indexes: an event could not be committed together with its business data. Make it with eventual consistency (MREC).';

/** Why the caller's own table cannot be an outbox; empty if it can. */
export function tableProblems(table: TableProperties): string[] {
  const problems = [
    keyProblem(table),
    streamProblem(table.StreamSpecification?.StreamViewType),
    ttlProblem(timeToLiveOf(table)),
    table.LocalSecondaryIndexes === undefined || table.LocalSecondaryIndexes.length === 0
      ? 'The table has no local secondary index. Without one DynamoDB may split the items of a key over partitions, and so over shards, whose relays run at the same time: the order of the key breaks. Add one, on any attribute, such as "pin"; it can only be made with the table.'
      : undefined,
    table.MultiRegionConsistency === 'STRONG' ? STRONG_CONSISTENCY : undefined,
  ];
  return problems.filter((problem) => problem !== undefined);
}

/** Whether the table has a string key of that name and type. */
export const hasKey = (
  { KeySchema = [], AttributeDefinitions = [] }: TableProperties,
  name: string,
  type: 'HASH' | 'RANGE',
): boolean =>
  KeySchema.some(({ AttributeName, KeyType }) => AttributeName === name && KeyType === type) &&
  AttributeDefinitions.some(({ AttributeName, AttributeType }) => AttributeName === name && AttributeType === 'S');

export const timeToLiveOf = ({ TimeToLiveSpecification: ttl }: TableProperties): string | undefined =>
  ttl?.Enabled === true ? ttl.AttributeName : undefined;

function keyProblem(table: TableProperties): string | undefined {
  if (hasKey(table, TABLE.partitionKey, 'HASH') && hasKey(table, TABLE.sortKey, 'RANGE')) return undefined;
  return 'The table has other keys than an outbox. Items are written under the partition key "pk" and the sort key "sk", both texts. Make the table with these.';
}

function streamProblem(view: string | undefined): string | undefined {
  if (view !== undefined && VIEWS.includes(view)) return undefined;
  const got = view === undefined ? 'no stream' : `a stream of ${view}`;
  return `The table has ${got}. The relay reads the events from the new image of each insert. Give the table a stream of ${VIEWS.join(' or ')}; the view of an existing stream cannot be changed, a new one takes its place.`;
}

function ttlProblem(attribute: string | undefined): string | undefined {
  if (attribute === TTL_ATTRIBUTE) return undefined;
  const got = attribute === undefined ? 'no TTL' : `the TTL attribute "${attribute}"`;
  return `The table has ${got}. Processed items and tombstones carry "${TTL_ATTRIBUTE}" and would stay forever. Set the TTL attribute to "${TTL_ATTRIBUTE}".`;
}
