import { COMPRESSIONS, ORDERS, type Compression, type Order } from '../../relay/environment';
import { list, oneOf, ownKeys, text, wholeNumber, type Context } from './context-values';
import { addressInsideVpc } from '../guards/broker-reach';
import { invalidOption, refuseUnknownKeys } from '../invalid-option';
import { MONITORING_KEYS, parseMonitoring, type MonitoringContext } from './monitoring-context';

export const AUTHENTICATIONS = ['iam', 'scram', 'tls', 'none'] as const;
export type Authentication = (typeof AUTHENTICATIONS)[number];

/** Value of `vpcId` for a relay outside of any VPC. */
export const NO_VPC = 'none';

/**
 * CDK context of the app for an existing cluster (`-c key=value`, cdk.json). Lists are JSON arrays or texts separated
 * by commas.
 *
 * If a required value is missing here, the stack declares a CloudFormation parameter for it.
 */
export interface ClusterContext extends MonitoringContext {
  /**
   * `host:port` of brokers, separated by commas. By default the stack looks them up by `clusterArn`, or else declares
   * the parameter `BootstrapBrokers`.
   */
  readonly bootstrapBrokers?: string;
  /** `iam` (default), `scram`, `tls` or `none`. */
  readonly auth: Authentication;
  /** Topics that the relay may publish to. By default the parameter `Topic` names one. */
  readonly topics?: string[];
  /** For `iam` (otherwise the parameter `ClusterArn`), and for looking up the brokers. */
  readonly clusterArn?: string;
  /** For `scram` (otherwise the parameter `KafkaUserArn`), and for `tls` if clients have certificates. */
  readonly secretArn?: string;
  /** KMS key of the secret, if it is a customer managed key (MSK requires one for `scram`). */
  readonly secretKeyArn?: string;
  /** VPC of the relay (otherwise the parameter `VpcId`). `none` requires `bootstrapBrokers` reachable from outside. */
  readonly vpcId?: string;
  /** Subnets of the relay; otherwise the parameter `PrivateSubnetIds`. */
  readonly privateSubnetIds?: string[];
  /** The availability zone of each of `privateSubnetIds`, in the same order. */
  readonly availabilityZones?: string[];
  /** Security groups of the relay. By default the stack makes one, which the brokers' group must let in. */
  readonly securityGroupIds?: string[];
  /** How long a processed item stays readable; 0 deletes it at once. */
  readonly retentionSeconds?: number;
  /** `zstd`, `gzip` or `none`. */
  readonly compression?: Compression;
  readonly order?: Order;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName?: string;
  /** An existing table. By default the stack makes one. */
  readonly tableArn?: string;
  /** The stream of `tableArn`. */
  readonly tableStreamArn?: string;
  /** KMS key of `tableArn`, if it is a customer managed key. */
  readonly tableKeyArn?: string;
}

/** A record, so that the compiler refuses a key that is not listed. */
const KEYS: Readonly<Record<keyof ClusterContext, true>> = {
  ...MONITORING_KEYS,
  bootstrapBrokers: true,
  auth: true,
  topics: true,
  clusterArn: true,
  secretArn: true,
  secretKeyArn: true,
  vpcId: true,
  privateSubnetIds: true,
  availabilityZones: true,
  securityGroupIds: true,
  retentionSeconds: true,
  compression: true,
  order: true,
  outboxName: true,
  tableArn: true,
  tableStreamArn: true,
  tableKeyArn: true,
};

/**
 * Reads the context of an app on an existing cluster.
 *
 * @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key.
 */
export function parseClusterContext(context: Context): ClusterContext {
  const own = ownKeys(context);
  refuseUnknownKeys('The context', own, Object.keys(KEYS));
  const parsed: ClusterContext = {
    bootstrapBrokers: text(own, 'bootstrapBrokers'),
    auth: oneOf(own, 'auth', AUTHENTICATIONS) ?? 'iam',
    topics: list(own, 'topics'),
    clusterArn: text(own, 'clusterArn'),
    secretArn: text(own, 'secretArn'),
    secretKeyArn: text(own, 'secretKeyArn'),
    vpcId: text(own, 'vpcId'),
    privateSubnetIds: list(own, 'privateSubnetIds'),
    availabilityZones: list(own, 'availabilityZones'),
    securityGroupIds: list(own, 'securityGroupIds'),
    retentionSeconds: wholeNumber(own, 'retentionSeconds'),
    compression: oneOf(own, 'compression', COMPRESSIONS),
    order: oneOf(own, 'order', ORDERS),
    outboxName: text(own, 'outboxName'),
    tableArn: text(own, 'tableArn'),
    tableStreamArn: text(own, 'tableStreamArn'),
    tableKeyArn: text(own, 'tableKeyArn'),
    ...parseMonitoring(own),
  };
  refuseUnused(parsed);
  refuseIncompleteNetwork(parsed);
  refuseOutOfReach(parsed);
  return parsed;
}

/** Refuses options without an effect: a caller who sets one relies on it. */
function refuseUnused(context: ClusterContext): void {
  const { auth, bootstrapBrokers, clusterArn, secretArn, secretKeyArn, tableArn, tableStreamArn, tableKeyArn } =
    context;
  if (clusterArn !== undefined && bootstrapBrokers !== undefined && auth !== 'iam') {
    throw invalidOption(
      'clusterArn',
      clusterArn,
      `left out with bootstrapBrokers and auth "${auth}"`,
      'Only auth "iam" authorises by it, and the brokers need no look-up.',
    );
  }
  if ((tableArn === undefined) !== (tableStreamArn === undefined)) {
    throw invalidOption(
      tableArn === undefined ? 'tableArn' : 'tableStreamArn',
      undefined,
      'given together with the other one of tableArn and tableStreamArn',
      'The relay reads the stream of the table that services write to.',
    );
  }
  if (secretArn !== undefined && auth !== 'scram' && auth !== 'tls') {
    throw invalidOption('secretArn', secretArn, `left out with auth "${auth}"`, 'Did you mean auth "scram" or "tls"?');
  }
  // With `scram` the secret may be a parameter.
  if (secretKeyArn !== undefined && secretArn === undefined && auth !== 'scram') {
    throw invalidOption('secretKeyArn', secretKeyArn, 'given together with secretArn', 'It is the key of that secret.');
  }
  if (tableKeyArn !== undefined && tableArn === undefined) {
    throw invalidOption('tableKeyArn', tableKeyArn, 'given together with tableArn', 'It is the key of that table.');
  }
}

function refuseIncompleteNetwork(context: ClusterContext): void {
  const { vpcId, privateSubnetIds, availabilityZones, securityGroupIds } = context;
  if (vpcId === undefined || vpcId === NO_VPC) {
    for (const [option, got] of Object.entries({ privateSubnetIds, availabilityZones, securityGroupIds })) {
      if (got === undefined) continue;
      throw invalidOption(option, got, 'given together with vpcId', 'Add the id of the VPC that it belongs to.');
    }
  }
  if (availabilityZones !== undefined && availabilityZones.length !== privateSubnetIds?.length) {
    throw invalidOption(
      'availabilityZones',
      availabilityZones,
      `as many zones as privateSubnetIds has subnets (${privateSubnetIds?.length ?? 0})`,
      'Name the zone of each subnet, in the same order, or leave them out.',
    );
  }
}

/** Brokers of Amazon MSK listen inside a VPC. With public access they have additional, public addresses. */
function refuseOutOfReach({ vpcId, bootstrapBrokers }: ClusterContext): void {
  if (vpcId !== NO_VPC) return;
  if (bootstrapBrokers === undefined) {
    throw invalidOption(
      'bootstrapBrokers',
      bootstrapBrokers,
      'given with vpcId "none"',
      'The addresses that a cluster is asked for lead nowhere outside of its VPC. Give the VPC and its subnets, or the public addresses of the brokers (BootstrapBrokerStringPublic… of "aws kafka get-bootstrap-brokers").',
    );
  }
  const inside = addressInsideVpc(bootstrapBrokers);
  if (inside !== undefined) {
    throw invalidOption(
      'vpcId',
      vpcId,
      `the VPC from which ${inside} is reached`,
      'That is an address inside the VPC of the cluster: from outside every connection would time out. Give the VPC and its subnets, or the public addresses of the brokers (ports 9194, 9196, 9198).',
    );
  }
}
