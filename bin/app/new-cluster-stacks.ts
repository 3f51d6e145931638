import { Size, Stack, type StackProps } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { OutboxCluster } from '../../lib/infra/cluster/outbox-cluster';
import type { ClusterKind } from '../../lib/infra/cluster/outbox-cluster-props';
import { OutboxNetwork } from '../../lib/infra/cluster/outbox-network';
import { OutboxTopics } from '../../lib/infra/cluster/outbox-topics';
import { requireOption } from '../../lib/infra/options/invalid-option';
import { Outbox } from '../../lib/infra/outbox/outbox';
import type { OutboxProps } from '../../lib/infra/outbox/outbox-props';
import { OutboxReplica } from '../../lib/infra/outbox/outbox-replica';
import { ExampleConsumerStack } from './example-consumer-stack';
import {
  flag,
  list,
  oneOf,
  readContext,
  text,
  wholeNumber,
  withDefault,
  outboxOptions,
  outboxOutputs,
  checkNotifiedRegions,
  OUTBOX_KEYS,
  type Context,
  type ContextOf,
} from './outbox-context';

/** CDK context for a new cluster (`-c key=value`, cdk.json). Lists are JSON arrays or comma-separated texts. */
const KEYS = {
  ...OUTBOX_KEYS,
  cluster: withDefault(oneOf<ClusterKind>('serverless', 'express', 'standard'), 'serverless'),
  /** `scram` only on provisioned clusters. */
  auth: withDefault(oneOf('iam', 'scram'), 'iam'),
  topics: withDefault(list, ['orders']),
  partitions: wholeNumber,
  /** The number of partitions that the topics may grow to now. */
  acknowledgedPartitions: wholeNumber,
  /** Availability zones of the VPC: at least two for MSK Serverless, two or three for Standard, three for Express. */
  availabilityZones: list,
  cidr: text,
  brokers: wholeNumber,
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
  exampleConsumer: flag,
};

export type NewClusterContext = ContextOf<typeof KEYS>;

const ONLY_FOR: Readonly<Partial<Record<keyof NewClusterContext, readonly ClusterKind[]>>> = {
  brokers: ['express', 'standard'],
  instanceType: ['express', 'standard'],
  kafkaVersion: ['express', 'standard'],
  storageGib: ['standard'],
};

/** @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key. */
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

/** Replaces the bundles, for tests. */
export interface StackCode {
  readonly relayCode?: Code;
  readonly sweeperCode?: Code;
  readonly topicsCode?: Code;
  readonly exampleConsumerCode?: Code;
}

export interface NewClusterStacksProps extends StackProps, StackCode {
  readonly context: NewClusterContext;
}

export interface NewClusterStacks {
  readonly network: Stack;
  readonly cluster: Stack;
  readonly outbox: Stack;
  readonly exampleConsumer?: Stack;
}

export function newClusterStacks(scope: Construct, props: NewClusterStacksProps): readonly NewClusterStacks[] {
  const { regions } = props.context;
  if (regions === undefined) return [stacksOf(scope, props)];
  const all = regions.map((region) => stacksOf(scope, { ...props, env: { ...props.env, region } }, region));
  const [first, ...others] = all;
  // The first region's table makes the replicas.
  for (const { outbox } of others) if (first !== undefined) outbox.addStackDependency(first.outbox);
  return all;
}

function stacksOf(scope: Construct, props: NewClusterStacksProps, region?: string): NewClusterStacks {
  const { context, relayCode, sweeperCode, topicsCode, exampleConsumerCode, ...stackProps } = props;
  const named = (id: string): string => (region === undefined ? id : `${id}-${region}`);
  const stack = (id: string, description: string): Stack => new Stack(scope, named(id), { ...stackProps, description });
  const stacks = {
    network: stack('OutboxNetwork', 'Network of the outbox: isolated subnets and the ports of the Kafka brokers'),
    cluster: stack('OutboxCluster', `Amazon MSK cluster of the outbox, ${context.cluster}`),
    outbox: stack('Outbox', 'Transactional outbox: a DynamoDB table, its Kafka topics and the relay between them'),
  };
  const network = new OutboxNetwork(stacks.network, 'Network', {
    availabilityZones: context.availabilityZones,
    cidr: context.cidr,
    access: [context.auth],
    consumerMappings: context.exampleConsumer === true ? 'provisioned' : undefined,
  });
  const cluster = clusterOf(stacks.cluster, network, context);
  const topics = new OutboxTopics(stacks.outbox, 'KafkaTopics', {
    cluster,
    topics: context.topics.map((topic) => ({ topic, acknowledgedPartitions: context.acknowledgedPartitions })),
    partitions: context.partitions,
    topicsCode,
  });
  const outbox = new Outbox(stacks.outbox, 'Outbox', {
    cluster,
    topics,
    ...(region === undefined ? { tableName: context.tableName } : tableOf(stacks.outbox, region, context)),
    ...outboxOptions(stacks.outbox, context, region),
    relayCode,
    sweeperCode,
  });
  outboxOutputs(stacks.outbox, outbox, topics.names);
  if (context.exampleConsumer !== true) return stacks;
  const exampleConsumer = new ExampleConsumerStack(scope, named('OutboxExampleConsumer'), {
    ...stackProps,
    description: 'Example of a consumer of the outbox: a function that keeps a view of orders',
    cluster,
    topics,
    code: exampleConsumerCode,
    topicsCode,
  });
  return { ...stacks, exampleConsumer };
}

/** The table in the first region, its replica in each other region, and the regions that each publishes for. */
function tableOf(
  scope: Construct,
  region: string,
  { regions = [], takenOver = [], tableName = 'outbox' }: NewClusterContext,
): Partial<OutboxProps> {
  const successor = regions.find((one) => !takenOver.includes(one));
  const publishesFor = takenOver.includes(region) ? [] : [region, ...(region === successor ? takenOver : [])];
  if (regions.length === 1) return { tableName };
  if (region !== regions[0]) return { table: new OutboxReplica(scope, 'Replica', { tableName }).table, publishesFor };
  return { tableName, replicas: regions.filter((one) => one !== region), publishesFor };
}

function clusterOf(scope: Construct, network: OutboxNetwork, context: NewClusterContext): OutboxCluster {
  const { auth, brokers, instanceType, kafkaVersion, storageGib } = context;
  const provisioned = { network, access: [auth], brokers, instanceType, kafkaVersion };
  switch (context.cluster) {
    case 'serverless':
      return OutboxCluster.serverless(scope, 'Cluster', { network });
    case 'express':
      return OutboxCluster.express(scope, 'Cluster', provisioned);
    case 'standard':
      return OutboxCluster.standard(scope, 'Cluster', {
        ...provisioned,
        storage: storageGib === undefined ? undefined : Size.gibibytes(storageGib),
      });
  }
}
