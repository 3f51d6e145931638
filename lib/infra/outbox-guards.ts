import { Stack, type CfnResource } from 'aws-cdk-lib';
import { CfnGlobalTable, CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { CfnVPCEndpoint, Vpc, type IVpc, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { CfnKey, Key, type IKey } from 'aws-cdk-lib/aws-kms';
import { CfnEventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { dynamoDbRouteProblem } from './guards/dynamodb-route';
import { keyPolicyProblem, type KeyStatement } from './guards/key-policy';
import { sharedNameProblem } from './guards/names';
import { mappingProblems, type StreamMapping } from './guards/stream-mappings';
import { tableProblems } from './guards/table-shape';
import type { Outbox } from './outbox';
import type { OutboxRelay } from './outbox-relay';
import type { OutboxSweeper } from './outbox-sweeper';

export interface GuardedOutbox {
  readonly outbox: Outbox;
  readonly environmentEncryptionKey?: IKey;
  readonly relay: OutboxRelay;
  readonly sweeper: OutboxSweeper;
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
}

/**
 * What would not work once it is deployed, as far as the app shows it: of what is imported nothing is known. Each says
 * what, why and what to do.
 */
export function synthesisProblems(guarded: GuardedOutbox): string[] {
  return [
    ...tableGuard(guarded),
    ...mappingGuard(guarded),
    ...routeGuard(guarded),
    ...keyGuard(guarded),
    ...nameGuard(guarded),
  ];
}

/** A table made in the app by somebody else; the outbox's own is right, unless somebody has changed it. */
function tableGuard({ outbox }: GuardedOutbox): string[] {
  const resource = outbox.table.node.defaultChild;
  return isTable(resource) ? tableProblems(propertiesOf(resource)) : [];
}

const isTable = (resource: IConstruct | undefined): resource is CfnGlobalTable | CfnTable =>
  resource instanceof CfnGlobalTable || resource instanceof CfnTable;

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

function hasReplicas(outbox: Outbox): boolean {
  const resource = outbox.table.node.defaultChild;
  if (!(resource instanceof CfnGlobalTable)) return false;
  const { Replicas = [] } = propertiesOf(resource) as { readonly Replicas?: readonly unknown[] };
  return Replicas.length > 1;
}

/** Only of a VPC made in the app is it known what it has. */
function routeGuard({ outbox, vpc, vpcSubnets }: GuardedOutbox): string[] {
  if (!(vpc instanceof Vpc)) return [];
  const endpoints = all(outbox, CfnVPCEndpoint).filter(
    (endpoint) =>
      endpoint.vpcId === vpc.vpcId &&
      JSON.stringify(Stack.of(endpoint).resolve(endpoint.serviceName)).includes('dynamodb'),
  );
  const { subnets } = vpc.selectSubnets(vpcSubnets);
  const problem = dynamoDbRouteProblem({
    vpc: vpc.node.path,
    hasEndpoint: endpoints.length > 0,
    hasEgress: subnets.every((subnet) => vpc.privateSubnets.includes(subnet)),
  });
  return problem === undefined ? [] : [problem];
}

function keyGuard({ outbox, relay, sweeper, environmentEncryptionKey }: GuardedOutbox): string[] {
  const keys = new Set<IKey>([outbox.table.encryptionKey, environmentEncryptionKey].filter((key) => key !== undefined));
  return [...keys].flatMap((key) =>
    Object.entries({ relay, sweeper }).flatMap(([who, { function: user }]) => keyProblems(key, user, who)),
  );
}

/** Only of a key made in the app is its policy known. */
function keyProblems(key: IKey, user: LambdaFunction, who: string): string[] {
  const resource = key instanceof Key ? key.node.defaultChild : undefined;
  if (!(resource instanceof CfnKey)) return [];
  const { KeyPolicy } = propertiesOf(resource) as { readonly KeyPolicy?: { readonly Statement?: KeyStatement[] } };
  const problem = keyPolicyProblem(KeyPolicy?.Statement ?? [], Stack.of(resource).resolve(user.role?.roleArn), {
    key: key.node.path,
    who,
  });
  return problem === undefined ? [] : [problem];
}

function nameGuard({ outbox }: GuardedOutbox): string[] {
  const { region, account } = Stack.of(outbox);
  const owners = outbox.node.root.node
    .findAll()
    .filter((one): one is Outbox => one.constructor === outbox.constructor)
    .filter((one) => one.outboxName === outbox.outboxName)
    .filter((one) => Stack.of(one).region === region && Stack.of(one).account === account)
    .map(({ node }) => node.path);
  const problem = sharedNameProblem(outbox.outboxName, owners);
  return problem === undefined ? [] : [problem];
}

const all = <T extends IConstruct>(within: IConstruct, type: abstract new (...args: never[]) => T): T[] =>
  within.node.root.node.findAll().filter((one): one is T => one instanceof type);

/** What the template will say, overrides included. */
function propertiesOf(resource: CfnResource): object {
  // Internal, and the only way to see what an escape hatch has changed.
  const rendering = resource as unknown as { _toCloudFormation(): object };
  const { Resources } = Stack.of(resource).resolve(rendering._toCloudFormation()) as {
    readonly Resources: Readonly<Record<string, { readonly Properties?: object }>>;
  };
  return Object.values(Resources)[0]?.Properties ?? {};
}
