import { Stack } from 'aws-cdk-lib';
import { CfnGlobalTable, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { sharedNameProblem } from './guards/names';
import { isSameTable } from './guards/same-table';
import { mappingProblems, type StreamMapping } from './guards/stream-mappings';
import { tableProblems } from './guards/table-shape';
import { invalidOption } from './invalid-option';
import { all, isTable, keyProblems, propertiesOf, routeProblems } from './look-into-app';
import type { OutboxRelay } from './outbox-relay';
import type { OutboxSweeper } from './outbox-sweeper';

/** The part of `Outbox` that the guards read. */
interface NamedTable extends Construct {
  readonly outboxName: string;
  readonly table: ITable;
}

export interface GuardedOutbox {
  readonly outbox: NamedTable;
  readonly environmentEncryptionKey?: IKey;
  readonly relay: OutboxRelay;
  readonly sweeper: OutboxSweeper;
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  /** Whether the relay reads its login from a secret. */
  readonly readsSecret: boolean;
}

/**
 * Problems that would show only after the deployment. The guards know nothing about imported resources. Each message
 * names the problem, the reason and the fix.
 */
export function synthesisProblems(guarded: GuardedOutbox): string[] {
  return [
    ...tableGuard(guarded),
    ...ownerGuard(guarded),
    ...mappingGuard(guarded),
    ...routeGuard(guarded),
    ...keyGuard(guarded),
    ...nameGuard(guarded),
  ];
}

/** Checks a table that the app makes. The outbox's own table is correct unless an escape hatch has changed it. */
function tableGuard({ outbox }: GuardedOutbox): string[] {
  const resource = outbox.table.node.defaultChild;
  return isTable(resource) ? tableProblems(propertiesOf(resource)) : [];
}

/** Two relays on one table would both publish every item, each in its own order, and remove each other's holds. */
function ownerGuard({ outbox }: GuardedOutbox): string[] {
  const owners = all(outbox, outbox.constructor as new (...args: never[]) => NamedTable)
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

function mappingGuard({ outbox, relay }: GuardedOutbox): string[] {
  const stack = Stack.of(outbox);
  const streamArn = JSON.stringify(stack.resolve(outbox.table.tableStreamArn));
  const relayName = JSON.stringify(stack.resolve(relay.function.functionName));
  const mappings = all(outbox, CfnEventSourceMapping)
    .filter((mapping) => Stack.of(mapping) === stack)
    .map((mapping) => ({ path: mapping.node.path, ...(propertiesOf(mapping) as MappingProperties) }))
    .filter(({ EventSourceArn }) => JSON.stringify(EventSourceArn) === streamArn)
    .map(({ path, FunctionName, ParallelizationFactor, FilterCriteria }): StreamMapping => ({
      path,
      isOfRelay: JSON.stringify(FunctionName) === relayName,
      parallelizationFactor: ParallelizationFactor,
      filters: FilterCriteria?.Filters?.map(({ Pattern }) => Pattern) ?? [],
    }));
  return mappingProblems(mappings, hasReplicas(outbox));
}

interface MappingProperties {
  readonly EventSourceArn?: unknown;
  readonly FunctionName?: unknown;
  readonly ParallelizationFactor?: number;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern: string }[] };
}

function hasReplicas(outbox: NamedTable): boolean {
  const resource = outbox.table.node.defaultChild;
  if (!(resource instanceof CfnGlobalTable)) return false;
  const { Replicas = [] } = propertiesOf(resource) as { readonly Replicas?: readonly unknown[] };
  return Replicas.length > 1;
}

function routeGuard({ outbox, vpc, vpcSubnets, readsSecret }: GuardedOutbox): string[] {
  const network = { vpc, vpcSubnets };
  const user = { who: 'The relay', without: 'it could read no holds, and would publish nothing' };
  return [
    ...routeProblems(outbox, network, user, 'dynamodb'),
    ...(readsSecret
      ? routeProblems(outbox, network, { ...user, without: 'it could not log in at the brokers' }, 'secretsmanager')
      : []),
  ];
}

function keyGuard({ outbox, relay, sweeper, environmentEncryptionKey }: GuardedOutbox): string[] {
  const keys = new Set<IKey>([outbox.table.encryptionKey, environmentEncryptionKey].filter((key) => key !== undefined));
  return [...keys].flatMap((key) =>
    Object.entries({ relay, sweeper }).flatMap(([who, { function: user }]) =>
      keyProblems(key, user, { who, without: 'would publish nothing' }),
    ),
  );
}

function nameGuard({ outbox }: GuardedOutbox): string[] {
  const { region, account } = Stack.of(outbox);
  const owners = outbox.node.root.node
    .findAll()
    .filter((one): one is NamedTable => one.constructor === outbox.constructor)
    .filter((one) => one.outboxName === outbox.outboxName)
    .filter((one) => Stack.of(one).region === region && Stack.of(one).account === account)
    .map(({ node }) => node.path);
  const problem = sharedNameProblem(outbox.outboxName, owners);
  return problem === undefined ? [] : [problem];
}
