import { Stack, Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnEventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { invalidOption } from '../options/invalid-option';
import { findAll, propertiesOf, sameKindAs } from './app-tree';
import { keyProblems } from './service-policy';
import { hasReplicas, isSameTable } from './same-table';
import { routeProblems, type CheckedNetwork } from './service-route';
import { shapeProblems, tableProblems } from './table-shape';

/** The part of `Outbox` that the checks read. */
interface NamedTable extends Construct {
  readonly outboxName: string;
  readonly table: ITable;
}

export interface CheckedOutbox extends CheckedNetwork {
  readonly outbox: NamedTable;
  readonly environmentEncryptionKey?: IKey;
  readonly relay: LambdaFunction;
  readonly sweeper: LambdaFunction;
}

/** Problems that show only after a deployment, each with its reason and fix. Imported resources are not checked. */
export const outboxProblems = (checked: CheckedOutbox): string[] => [
  ...shapeProblems(checked.outbox.table, tableProblems),
  ...ownerProblems(checked),
  ...readerProblems(checked),
  ...networkProblems(checked),
  ...encryptionProblems(checked),
  ...nameProblems(checked),
];

/** Two relays on one table would both publish every item, each in its own order, and remove each other's holds. */
function ownerProblems({ outbox }: CheckedOutbox): string[] {
  const owners = findAll(outbox, outbox.constructor as new (...args: never[]) => NamedTable)
    .filter((one) => isSameTable({ user: one, table: one.table }, { user: outbox, table: outbox.table }))
    .map(({ node }) => node.path);
  if (owners.length < 2) return [];
  return [
    invalidOption(
      'table',
      `the table of ${owners.length} outboxes (${owners.join(', ')})`,
      'the table of one outbox',
      'Each relay would publish every event, and no order of a key would hold. Give each outbox a table of its own, or let the services share one outbox by grantWrite.',
    ).message,
  ];
}

function readerProblems({ outbox, relay }: CheckedOutbox): string[] {
  const stack = Stack.of(outbox);
  const streamArn = JSON.stringify(stack.resolve(outbox.table.tableStreamArn));
  const relayName = JSON.stringify(stack.resolve(relay.functionName));
  const mappings = findAll(outbox, CfnEventSourceMapping)
    .filter((mapping) => Stack.of(mapping) === stack)
    .map((mapping) => ({ path: mapping.node.path, ...(propertiesOf(mapping) as MappingProperties) }))
    .filter(({ EventSourceArn }) => JSON.stringify(EventSourceArn) === streamArn)
    .map(({ path, FunctionName, ParallelizationFactor, FilterCriteria }): StreamMapping => ({
      path,
      isOfRelay: JSON.stringify(FunctionName) === relayName,
      parallelizationFactor: ParallelizationFactor,
      filters: FilterCriteria?.Filters?.map(({ Pattern }) => Pattern) ?? [],
    }));
  return mappingProblems(mappings, hasReplicas(outbox.table));
}

interface MappingProperties {
  readonly EventSourceArn?: unknown;
  readonly FunctionName?: unknown;
  readonly ParallelizationFactor?: number;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern: string }[] };
}

export interface StreamMapping {
  readonly path: string;
  readonly isOfRelay: boolean;
  readonly parallelizationFactor?: number;
  /** JSON of each filter. */
  readonly filters: readonly string[];
}

export function mappingProblems(mappings: readonly StreamMapping[], isGlobal: boolean): string[] {
  const problems = mappings.filter(({ isOfRelay }) => isOfRelay).flatMap(relayMappingProblems);
  // Two functions may read a shard concurrently; on a global table DynamoDB itself is one of them.
  const readers = isGlobal ? 1 : 2;
  if (mappings.length > readers) {
    problems.push(
      `${mappings.length} event source mappings read the stream of the outbox (${mappings.map(({ path }) => path).join(', ')}). DynamoDB supports ${readers} for each shard of ${isGlobal ? 'a global' : 'a'} table, and throttles more of them, the relay too. Let one function pass the records on.`,
    );
  }
  return problems;
}

function relayMappingProblems({ path, parallelizationFactor = 1, filters }: StreamMapping): string[] {
  const problems: string[] = [];
  if (parallelizationFactor !== 1) {
    problems.push(
      `The mapping ${path} has a parallelization factor of ${parallelizationFactor}. Above 1 Lambda keeps the order of each item only, and the items of a key are several: their order breaks. Set it to 1; one relay for each shard is always enough, because shards grow with the table.`,
    );
  }
  if (filters.length === 0 || !filters.every(isOfInserts)) {
    problems.push(
      `The mapping ${path} lets more than inserts through. The relay's own marks would invoke it again and again. Keep "eventName": ["INSERT"] in each of its filters.`,
    );
  }
  return problems;
}

function isOfInserts(filter: string): boolean {
  const { eventName } = JSON.parse(filter) as { readonly eventName?: readonly unknown[] };
  return eventName?.length === 1 && eventName[0] === 'INSERT';
}

const networkProblems = ({ outbox, ...network }: CheckedOutbox): string[] =>
  routeProblems(outbox, network, 'The relay', {
    dynamodb: 'it could read no holds, and would publish nothing',
    secretsmanager: 'it could not log in at the brokers',
  });

function encryptionProblems({ outbox, relay, sweeper, environmentEncryptionKey }: CheckedOutbox): string[] {
  const keys = [outbox.table.encryptionKey, environmentEncryptionKey];
  return Object.entries({ relay, sweeper }).flatMap(([who, user]) =>
    keyProblems(keys, user, { who, without: 'would publish nothing' }),
  );
}

function nameProblems({ outbox }: CheckedOutbox): string[] {
  const owners = sameKindAs(outbox, ({ outboxName }) => outboxName === outbox.outboxName);
  return sharedNameProblem(
    outbox.outboxName,
    owners.map(({ node }) => node.path),
  );
}

/** Why outboxes of one region and account must not share a name; `owners` are the paths of their constructs. */
export function sharedNameProblem(outboxName: string, owners: readonly string[]): string[] {
  if (owners.length < 2 || Token.isUnresolved(outboxName)) return [];
  return [
    `The outboxes ${owners.join(' and ')} have the outboxName "${outboxName}". Their metrics would be one, and an alarm could not tell which outbox fails. Give each outbox its own name.`,
  ];
}
