import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { controlPartitionOf, type HomeRegion } from '../../event/home-region';
import { CONTROL_PARTITION, OWN_PARTITIONS } from '../../event/key';

/** Not rewritten: marks name event items only, and are the most frequent calls. */
const UNTOUCHED: ReadonlySet<string> = new Set(['BatchExecuteStatementCommand']);

/**
 * Gives a client the table view of one region's relay or sweeper: with the control partition of that region, and
 * without the items of regions that it does not publish for. Items without a region are visible to all.
 *
 * Reads of single items find them in every region: with strict order an item also waits for the one before it if that
 * one belongs to another region.
 *
 * @returns the same client; without a home region it stays unchanged
 */
export function viewFromHome(client: DynamoDBClient, home: HomeRegion | undefined): DynamoDBClient {
  if (home === undefined) return client;
  const control = controlPartitionOf(home);
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) => {
        if (UNTOUCHED.has(commandName)) return next(args);
        const input = withControl(args.input, control) as typeof args.input;
        return next({ ...args, input: { ...input, ...narrowed(commandName, input as Selection, home) } });
      },
    { step: 'initialize', name: 'outboxHomeRegion' },
  );
  return client;
}

/** The part of a Query or a Scan that selects its results. */
interface Selection {
  readonly FilterExpression?: string;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Readonly<Record<string, AttributeValue>>;
}

function narrowed(commandName: string, input: Selection, { publishesFor }: HomeRegion): Selection | undefined {
  if (commandName !== 'QueryCommand' && commandName !== 'ScanCommand') return undefined;
  const isScan = commandName === 'ScanCommand';
  const regions = publishesFor.map((region, index): [string, AttributeValue] => [`:home${index}`, { S: region }]);
  const conditions = [
    input.FilterExpression === undefined ? undefined : `(${input.FilterExpression})`,
    `(attribute_not_exists(#home) OR #home IN (${regions.map(([name]) => name).join(', ')}))`,
    // Excludes the control items of all regions: this region does not find its own by scanning either.
    isScan ? 'NOT begins_with(#homePk, :homeOwn)' : undefined,
  ];
  return {
    FilterExpression: conditions.filter((condition) => condition !== undefined).join(' AND '),
    ExpressionAttributeNames: {
      ...input.ExpressionAttributeNames,
      '#home': 'region',
      ...(isScan ? { '#homePk': 'pk' } : {}),
    },
    ExpressionAttributeValues: {
      ...input.ExpressionAttributeValues,
      ...Object.fromEntries(regions),
      ...(isScan ? { ':homeOwn': { S: OWN_PARTITIONS } } : {}),
    },
  };
}

/** The same input, with the region's control partition in place of the common one in every key and value. */
function withControl(value: unknown, control: string): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((entry) => withControl(entry, control));
  if ((value as { readonly S?: unknown }).S === CONTROL_PARTITION) return { S: control };
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, withControl(entry, control)]));
}
