import type { ClusterKind } from '../../lib/infra/cluster/outbox-cluster-props';
import { requireOption } from '../../lib/infra/options/invalid-option';
import {
  flag,
  list,
  oneOf,
  readContext,
  text,
  wholeNumber,
  withDefault,
  type Context,
  type ContextOf,
} from './context-values';
import { checkNotifiedRegions, OUTBOX_KEYS } from './outbox-context';

/**
 * CDK context of the app that makes everything (`-c key=value`, cdk.json). Lists are JSON arrays or texts separated by
 * commas.
 */
const KEYS = {
  ...OUTBOX_KEYS,
  /** Kind of the new cluster. */
  cluster: withDefault(oneOf<ClusterKind>('serverless', 'express', 'standard'), 'serverless'),
  /** `scram` only on provisioned clusters. */
  auth: withDefault(oneOf('iam', 'scram'), 'iam'),
  /** Topics that the app makes. */
  topics: withDefault(list, ['orders']),
  /** Partitions of each topic. */
  partitions: wholeNumber,
  /** The number of partitions that the topics may grow to now. */
  acknowledgedPartitions: wholeNumber,
  /** Availability zones of the VPC: at least two for MSK Serverless, two or three for Standard, three for Express. */
  availabilityZones: list,
  /** Address range of the VPC. */
  cidr: text,
  /** Number of brokers. */
  brokers: wholeNumber,
  /** Instance type of each broker. */
  instanceType: text,
  /** Version of Apache Kafka, as MSK writes it. */
  kafkaVersion: text,
  /** Disk size of each Standard broker. */
  storageGib: wholeNumber,
  /** Regions that share one table; each has its own network, cluster and relay. The first region makes the table. */
  regions: list,
  /** Those of `regions` that another region has taken over: the first of the remaining ones publishes their events. */
  takenOver: list,
  /** Name of the table; with `regions` by default `outbox`, because the other regions find it by its name. */
  tableName: text,
  /** Whether the app also deploys an example consumer. */
  exampleConsumer: flag,
};

export type NewClusterContext = ContextOf<typeof KEYS>;

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
  const parsed = readContext(context, KEYS);
  checkNotifiedRegions(parsed, parsed.regions);
  refuseUnused(parsed);
  checkTakeover(parsed);
  return parsed;
}

function checkTakeover({ regions = [], takenOver = [] }: NewClusterContext): void {
  const unknown = takenOver.find((region) => !regions.includes(region));
  const allowed = `one of the regions (${regions.join(', ')})`;
  requireOption(unknown === undefined, 'takenOver', unknown, allowed, 'Name both in the context.');
  requireOption(
    regions.length === 0 || takenOver.length < regions.length,
    'takenOver',
    takenOver,
    'fewer than all regions',
    'At least one region must publish.',
  );
}

/** Refuses options without an effect: a caller who sets one relies on it. */
function refuseUnused(context: NewClusterContext): void {
  const { cluster, auth } = context;
  for (const [key, kinds] of Object.entries(ONLY_FOR)) {
    const got = context[key as keyof NewClusterContext];
    const isAllowed = got === undefined || kinds.includes(cluster);
    requireOption(isAllowed, key, got, `left out with cluster "${cluster}"`, `It is for ${kinds.join(' and ')} only.`);
  }
  requireOption(
    cluster !== 'serverless' || auth === 'iam',
    'auth',
    auth,
    'iam with cluster "serverless"',
    'MSK Serverless supports no other method.',
  );
}
