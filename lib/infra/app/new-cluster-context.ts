import { COMPRESSIONS, ORDERS, type Compression, type Order } from '../../relay/environment';
import { flag, list, oneOf, ownKeys, text, wholeNumber, type Context } from './context-values';
import { invalidOption, refuseUnknownKeys } from '../invalid-option';
import { MONITORING_KEYS, parseMonitoring, type MonitoringContext } from './monitoring-context';
import type { ClusterKind } from '../cluster/outbox-cluster-props';

const KINDS = ['serverless', 'express', 'standard'] as const satisfies readonly ClusterKind[];

/**
 * CDK context of the app that makes everything (`-c key=value`, cdk.json). Lists are JSON arrays or texts separated by
 * commas.
 */
export interface NewClusterContext extends MonitoringContext {
  /** Kind of the new cluster. */
  readonly cluster: ClusterKind;
  /** `iam` (default) or, on provisioned clusters, `scram`. */
  readonly auth: 'iam' | 'scram';
  /** Topics that the app makes. */
  readonly topics: string[];
  /** Partitions of each topic. */
  readonly partitions?: number;
  /** The number of partitions that the topics may grow to now. */
  readonly acknowledgedPartitions?: number;
  /** Availability zones of the VPC: at least two for MSK Serverless, two or three for Standard, three for Express. */
  readonly availabilityZones?: string[];
  /** Address range of the VPC. */
  readonly cidr?: string;
  /** Number of brokers. */
  readonly brokers?: number;
  /** Instance type of each broker. */
  readonly instanceType?: string;
  /** Version of Apache Kafka, as MSK writes it. */
  readonly kafkaVersion?: string;
  /** Disk size of each Standard broker. */
  readonly storageGib?: number;
  /** How long a processed item stays readable; 0 deletes it at once. */
  readonly retentionSeconds?: number;
  /** `zstd`, `gzip` or `none`. */
  readonly compression?: Compression;
  readonly order?: Order;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName?: string;
  /** Regions that share one table; each has its own network, cluster and relay. The first region makes the table. */
  readonly regions?: string[];
  /** Those of `regions` that another region has taken over: the first of the remaining ones publishes their events. */
  readonly takenOver?: string[];
  /** Name of the table; with `regions` by default `outbox`, because the other regions find it by its name. */
  readonly tableName?: string;
  /** Whether the app also deploys an example consumer. */
  readonly exampleConsumer?: boolean;
}

export const NEW_CLUSTER_DEFAULTS = {
  cluster: 'serverless',
  auth: 'iam',
  topics: ['orders'] as string[],
} as const satisfies Partial<NewClusterContext>;

/** A record, so that the compiler refuses a key that is not listed. */
const KEYS: Readonly<Record<keyof NewClusterContext, true>> = {
  ...MONITORING_KEYS,
  cluster: true,
  auth: true,
  topics: true,
  partitions: true,
  acknowledgedPartitions: true,
  availabilityZones: true,
  cidr: true,
  brokers: true,
  instanceType: true,
  kafkaVersion: true,
  storageGib: true,
  retentionSeconds: true,
  compression: true,
  order: true,
  outboxName: true,
  regions: true,
  takenOver: true,
  tableName: true,
  exampleConsumer: true,
};

/** The kinds of cluster that a key applies to. */
const ONLY_FOR: Readonly<Partial<Record<keyof NewClusterContext, readonly ClusterKind[]>>> = {
  brokers: ['express', 'standard'],
  instanceType: ['express', 'standard'],
  kafkaVersion: ['express', 'standard'],
  storageGib: ['standard'],
};

/**
 * Reads the context of an app that makes its own cluster.
 *
 * @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key.
 */
export function parseNewClusterContext(context: Context): NewClusterContext {
  const own = ownKeys(context);
  refuseUnknownKeys('The context', own, Object.keys(KEYS));
  const regions = list(own, 'regions');
  const parsed: NewClusterContext = {
    cluster: oneOf(own, 'cluster', KINDS) ?? NEW_CLUSTER_DEFAULTS.cluster,
    auth: oneOf(own, 'auth', ['iam', 'scram']) ?? NEW_CLUSTER_DEFAULTS.auth,
    topics: list(own, 'topics') ?? NEW_CLUSTER_DEFAULTS.topics,
    partitions: wholeNumber(own, 'partitions'),
    acknowledgedPartitions: wholeNumber(own, 'acknowledgedPartitions'),
    availabilityZones: list(own, 'availabilityZones'),
    cidr: text(own, 'cidr'),
    brokers: wholeNumber(own, 'brokers'),
    instanceType: text(own, 'instanceType'),
    kafkaVersion: text(own, 'kafkaVersion'),
    storageGib: wholeNumber(own, 'storageGib'),
    retentionSeconds: wholeNumber(own, 'retentionSeconds'),
    compression: oneOf(own, 'compression', COMPRESSIONS),
    order: oneOf(own, 'order', ORDERS),
    outboxName: text(own, 'outboxName'),
    regions,
    takenOver: list(own, 'takenOver'),
    tableName: text(own, 'tableName'),
    ...parseMonitoring(own, regions),
    exampleConsumer: flag(own, 'exampleConsumer'),
  };
  refuseUnused(parsed);
  checkTakeover(parsed);
  return parsed;
}

function checkTakeover({ regions = [], takenOver = [] }: NewClusterContext): void {
  const unknown = takenOver.find((region) => !regions.includes(region));
  if (unknown !== undefined) {
    throw invalidOption(
      'takenOver',
      unknown,
      `one of the regions (${regions.join(', ')})`,
      'Name both in the context.',
    );
  }
  if (regions.length > 0 && takenOver.length >= regions.length) {
    throw invalidOption('takenOver', takenOver, 'fewer than all regions', 'One must be left to publish.');
  }
}

/** Refuses options without an effect: a caller who sets one relies on it. */
function refuseUnused(context: NewClusterContext): void {
  const { cluster, auth } = context;
  for (const [key, kinds] of Object.entries(ONLY_FOR)) {
    const got = context[key as keyof NewClusterContext];
    if (got === undefined || kinds.includes(cluster)) continue;
    throw invalidOption(key, got, `left out with cluster "${cluster}"`, `It is for ${kinds.join(' and ')} only.`);
  }
  if (cluster === 'serverless' && auth !== 'iam') {
    throw invalidOption('auth', auth, 'iam with cluster "serverless"', 'MSK Serverless knows no other.');
  }
}
