import { requireOption } from '../options/invalid-option';

/** Amazon MSK's limits for clients that authenticate by IAM. */
interface IamLimits {
  readonly connections: number;
  /** New connections in a second. AWS does not raise this limit. */
  readonly newPerSecond: number;
  readonly of: string;
}

const PER_BROKER: IamLimits = { connections: 3_000, newPerSecond: 100, of: 'Each broker' };
const PER_T3_BROKER: IamLimits = { connections: 3_000, newPerSecond: 4, of: 'Each broker of type t3' };
const PER_SERVERLESS_CLUSTER: IamLimits = { connections: 3_000, newPerSecond: 100, of: 'A serverless cluster' };

/** A relay has one connection, and briefly a second one while it replaces a producer whose send failed. */
const CONNECTIONS_OF_A_RELAY = 2;

export interface RelayConnections {
  readonly authentication: string;
  readonly clusterKind?: string;
  readonly instanceType?: string;
  /** One relay runs for each shard. */
  readonly expectedShards: number;
  readonly relayConcurrency?: number;
}

/** @throws OutboxError `invalid-option` if the relays of all shards exceed the limits of the brokers or Lambda. */
export function checkConnections(relays: RelayConnections): void {
  const { authentication, expectedShards, relayConcurrency = Infinity } = relays;
  requireOption(
    relayConcurrency >= expectedShards,
    'relayConcurrency',
    relayConcurrency,
    `at least expectedShards (${expectedShards})`,
    'One relay runs for each shard: with fewer, some shards wait. Raise relayConcurrency, or leave it out.',
  );
  if (authentication !== 'iam') return;
  const { connections, newPerSecond, of } = limitsOf(relays);
  const most = Math.floor(connections / CONNECTIONS_OF_A_RELAY);
  requireOption(
    expectedShards <= most,
    'expectedShards',
    expectedShards,
    `at most ${most} with authentication by IAM`,
    `${of} takes ${connections} connections, and a relay has up to ${CONNECTIONS_OF_A_RELAY}. Use SCRAM, or several outboxes on several clusters.`,
  );
  requireOption(
    expectedShards <= newPerSecond,
    'expectedShards',
    expectedShards,
    `at most ${newPerSecond} with authentication by IAM`,
    `${of} takes ${newPerSecond} new connections a second, and after a deployment or an outage the relays of all shards connect at once. Use SCRAM, or larger brokers where they are t3.`,
  );
}

function limitsOf({ clusterKind, instanceType }: RelayConnections): IamLimits {
  if (clusterKind === 'serverless') return PER_SERVERLESS_CLUSTER;
  return instanceType?.startsWith('kafka.t3.') === true ? PER_T3_BROKER : PER_BROKER;
}
