import { COMPRESSIONS, ORDERS, type Compression, type Order } from '../../relay/environment';
import { list, oneOf, ownKeys, text, wholeNumber, type Context } from './context-values';
import { addressInsideVpc } from '../guards/broker-reach';
import { invalidOption, refuseUnknownKeys } from '../invalid-option';
import { MONITORING_KEYS, parseMonitoring, type MonitoringContext } from './monitoring-context';

export const AUTHENTICATIONS = ['iam', 'scram', 'tls', 'none'] as const;
export type Authentication = (typeof AUTHENTICATIONS)[number];

/** Value of `vpcId` for a relay that runs in no VPC. */
export const NO_VPC = 'none';

/**
 * What the app of this package is told about an existing cluster, as CDK context (`-c key=value`, cdk.json). Lists are
 * JSON arrays or texts separated by commas.
 *
 * What the stack cannot do without and is not given here, it asks for as a CloudFormation parameter.
 */
export interface ClusterContext extends MonitoringContext {
  /**
   * `host:port` of brokers, separated by commas. Otherwise they are looked up by `clusterArn`, and without that the
   * parameter `BootstrapBrokers`.
   */
  readonly bootstrapBrokers?: string;
  /** `iam` (default), `scram`, `tls` or `none`. */
  readonly auth: Authentication;
  /** Topics that the relay may publish to. Otherwise the parameter `Topic`, for one. */
  readonly topics?: string[];
  /** For `iam`, where it is otherwise the parameter `ClusterArn`, and to look up the brokers. */
  readonly clusterArn?: string;
  /** For `scram`, otherwise the parameter `KafkaUserArn`; for `tls` only where clients have certificates. */
  readonly secretArn?: string;
  /** KMS key of the secret, when it is one of your own (MSK demands that for `scram`). */
  readonly secretKeyArn?: string;
  /** VPC of the relay, or `none`. Otherwise the parameter `VpcId`. With `none`, `bootstrapBrokers` must lead there from outside. */
  readonly vpcId?: string;
  /** Subnets of the relay. Otherwise the parameter `PrivateSubnetIds`. */
  readonly privateSubnetIds?: string[];
  /** The zone of each of `privateSubnetIds`, in their order. */
  readonly availabilityZones?: string[];
  /** Security groups of the relay. Otherwise one is made, which the brokers' group must let in. */
  readonly securityGroupIds?: string[];
  /** How long a processed item stays readable; 0 deletes it. */
  readonly retentionSeconds?: number;
  /** `zstd`, `gzip` or `none`. */
  readonly compression?: Compression;
  readonly order?: Order;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName?: string;
  /** A table that exists. Otherwise one is made. */
  readonly tableArn?: string;
  /** The stream of `tableArn`. */
  readonly tableStreamArn?: string;
  /** KMS key of `tableArn`, when it is one of your own. */
  readonly tableKeyArn?: string;
}

/** As a record, so that a new key that is not listed does not compile. */
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
 * Reads the context of an app on a cluster that exists.
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

/** What would be ignored is refused: whoever gave it believes that it has an effect. */
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

/** Brokers of Amazon MSK are inside a VPC, unless their cluster has public access; then they have other addresses. */
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
