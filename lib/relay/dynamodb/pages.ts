import {
  QueryCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
  type QueryCommandOutput,
  type ScanCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { HomeRegion } from '../../event/home-region';
import { OWN_PARTITIONS } from '../../event/key';

/** The outbox table that an operation works on. */
export interface OutboxTable {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /**
   * For a table with several regions: the region whose holds and state are read, and whose relay's items. Queries and
   * scans leave out the items of regions for which that relay does not publish.
   */
  readonly home?: HomeRegion;
}

/** One response of a Query or a Scan. */
export interface Page {
  readonly items: readonly Record<string, AttributeValue>[];
  /** How many items matched; with `Select: 'COUNT'`, the response has nothing else. */
  readonly count: number;
  /** How many items were read, whether they matched or not. */
  readonly scanned: number;
  /** Left out on the last page. */
  readonly next?: Readonly<Record<string, AttributeValue>>;
}

type Request<Input> = Omit<Input, 'TableName' | 'ExclusiveStartKey'>;

/**
 * The items of a Query, page by page. The SDK's paginator is not used: it accepts only clients of its own SDK copy.
 *
 * @param furtherLimit - limit of all pages after the first
 */
export async function* queryPages(
  { client, tableName, home }: OutboxTable,
  { Limit: limit, ...request }: Request<QueryCommandInput>,
  furtherLimit = limit,
): AsyncGenerator<Page> {
  const input = { ...request, ...selectionOfHome(request, home), TableName: tableName };
  yield* pagesOf((from) =>
    client.send(
      new QueryCommand({ ...input, Limit: from === undefined ? limit : furtherLimit, ExclusiveStartKey: from }),
    ),
  );
}

/** The items of a Scan, page by page. For a table with several regions, without the outbox's own items. */
export async function* scanPages(
  { client, tableName, home }: OutboxTable,
  request: Request<ScanCommandInput>,
): AsyncGenerator<Page> {
  const input = { ...request, ...scanSelectionOfHome(request, home), TableName: tableName };
  yield* pagesOf((from) => client.send(new ScanCommand({ ...input, ExclusiveStartKey: from })));
}

async function* pagesOf(
  send: (
    from: Record<string, AttributeValue> | undefined,
  ) => Promise<Pick<QueryCommandOutput, 'Items' | 'Count' | 'ScannedCount' | 'LastEvaluatedKey'>>,
): AsyncGenerator<Page> {
  let next: Record<string, AttributeValue> | undefined;
  do {
    const { Items: items = [], Count: count = 0, ScannedCount: scanned = 0, LastEvaluatedKey } = await send(next);
    next = LastEvaluatedKey;
    yield { items, count, scanned, next };
  } while (next !== undefined);
}

export const partitionPages = (table: OutboxTable, pk: string): AsyncGenerator<Page> =>
  queryPages(table, {
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': { S: pk } },
  });

/** The part of a request that names the attributes it reads. A name may be a reserved word, so each gets a `#`. */
export const projectionOf = (attributes: readonly string[]) => ({
  ProjectionExpression: attributes.map((name) => `#${name}`).join(', '),
  ExpressionAttributeNames: Object.fromEntries(attributes.map((name) => [`#${name}`, name])),
});

type Selection = Pick<QueryCommandInput, 'FilterExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>;

/**
 * The selection of a Query, without the items of regions that the relay of the home region does not publish for. Items
 * without a region are visible to all.
 *
 * Reads of single items find them in every region: with strict order an item also waits for the one before it if that
 * one belongs to another region.
 */
function selectionOfHome(selection: Selection, home: HomeRegion | undefined): Selection {
  if (home === undefined) return {};
  const regions = home.publishesFor.map((region, index): [string, AttributeValue] => [`:home${index}`, { S: region }]);
  const ofHome = `(attribute_not_exists(#home) OR #home IN (${regions.map(([name]) => name).join(', ')}))`;
  const { FilterExpression: filter } = selection;
  return {
    FilterExpression: filter === undefined ? ofHome : `(${filter}) AND ${ofHome}`,
    ExpressionAttributeNames: { ...selection.ExpressionAttributeNames, '#home': 'region' },
    ExpressionAttributeValues: { ...selection.ExpressionAttributeValues, ...Object.fromEntries(regions) },
  };
}

/** The same for a Scan, and without the control items of all regions: no region finds its own by scanning either. */
export function scanSelectionOfHome(selection: Selection, home: HomeRegion | undefined): Selection {
  if (home === undefined) return {};
  const ofHome = selectionOfHome(selection, home);
  return {
    FilterExpression: `${ofHome.FilterExpression} AND NOT begins_with(#homePk, :homeOwn)`,
    ExpressionAttributeNames: { ...ofHome.ExpressionAttributeNames, '#homePk': 'pk' },
    ExpressionAttributeValues: { ...ofHome.ExpressionAttributeValues, ':homeOwn': { S: OWN_PARTITIONS } },
  };
}
