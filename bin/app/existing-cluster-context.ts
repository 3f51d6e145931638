import { addressInsideVpc } from '../../lib/infra/cluster/broker-reach';
import { requireLeftOut, requireOption } from '../../lib/infra/options/invalid-option';
import { list, oneOf, readContext, text, withDefault, type Context, type ContextOf } from './context-values';
import { checkNotifiedRegions, OUTBOX_KEYS } from './outbox-context';

/** Value of `vpcId` for a relay outside of any VPC. */
export const NO_VPC = 'none';

/**
 * CDK context of the app for an existing cluster (`-c key=value`, cdk.json). Lists are JSON arrays or texts separated
 * by commas.
 *
 * If a required value is missing here, the stack declares a CloudFormation parameter for it.
 */
const KEYS = {
  ...OUTBOX_KEYS,
  /**
   * `host:port` of brokers, separated by commas. By default the stack looks them up by `clusterArn`, or else declares
   * the parameter `BootstrapBrokers`.
   */
  bootstrapBrokers: text,
  auth: withDefault(oneOf('iam', 'scram', 'tls', 'none'), 'iam'),
  /** Topics that the relay may publish to. By default the parameter `Topic` names one. */
  topics: list,
  /** For `iam` (otherwise the parameter `ClusterArn`), and for looking up the brokers. */
  clusterArn: text,
  /** For `scram` (otherwise the parameter `KafkaUserArn`), and for `tls` if clients have certificates. */
  secretArn: text,
  /** KMS key of the secret, if it is a customer managed key (MSK requires one for `scram`). */
  secretKeyArn: text,
  /** VPC of the relay (otherwise the parameter `VpcId`). `none` requires `bootstrapBrokers` reachable from outside. */
  vpcId: text,
  /** Subnets of the relay; otherwise the parameter `PrivateSubnetIds`. */
  privateSubnetIds: list,
  /** The availability zone of each of `privateSubnetIds`, in the same order. */
  availabilityZones: list,
  /** Security groups of the relay. By default the stack makes one, which the brokers' group must let in. */
  securityGroupIds: list,
  /** An existing table. By default the stack makes one. */
  tableArn: text,
  /** The stream of `tableArn`. */
  tableStreamArn: text,
  /** KMS key of `tableArn`, if it is a customer managed key. */
  tableKeyArn: text,
};

export type ExistingClusterContext = ContextOf<typeof KEYS>;

/**
 * Reads the context of an app on an existing cluster.
 *
 * @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key.
 */
export function parseExistingClusterContext(context: Context): ExistingClusterContext {
  const parsed = readContext(context, KEYS);
  checkNotifiedRegions(parsed);
  refuseUnused(parsed);
  refuseIncompleteNetwork(parsed);
  refuseOutOfReach(parsed);
  return parsed;
}

/** Refuses options without an effect: a caller who sets one relies on it. */
function refuseUnused(context: ExistingClusterContext): void {
  const { auth, bootstrapBrokers, clusterArn, secretArn, secretKeyArn, tableArn, tableStreamArn, tableKeyArn } =
    context;
  if (bootstrapBrokers !== undefined && auth !== 'iam') {
    requireLeftOut(
      { clusterArn },
      `left out with bootstrapBrokers and auth "${auth}"`,
      'Only auth "iam" authorises by it, and the brokers need no look-up.',
    );
  }
  requireOption(
    (tableArn === undefined) === (tableStreamArn === undefined),
    tableArn === undefined ? 'tableArn' : 'tableStreamArn',
    undefined,
    'given together with the other one of tableArn and tableStreamArn',
    'The relay reads the stream of the table that services write to.',
  );
  if (auth !== 'scram' && auth !== 'tls') {
    requireLeftOut({ secretArn }, `left out with auth "${auth}"`, 'Did you mean auth "scram" or "tls"?');
  }
  // With `scram` the secret may be a parameter.
  if (secretArn === undefined && auth !== 'scram') {
    requireLeftOut({ secretKeyArn }, 'given together with secretArn', 'It is the key of that secret.');
  }
  if (tableArn === undefined) {
    requireLeftOut({ tableKeyArn }, 'given together with tableArn', 'It is the key of that table.');
  }
}

function refuseIncompleteNetwork(context: ExistingClusterContext): void {
  const { vpcId, privateSubnetIds, availabilityZones, securityGroupIds } = context;
  if (vpcId === undefined || vpcId === NO_VPC) {
    const network = { privateSubnetIds, availabilityZones, securityGroupIds };
    requireLeftOut(network, 'given together with vpcId', 'Add the id of the VPC that it belongs to.');
  }
  requireOption(
    availabilityZones === undefined || availabilityZones.length === privateSubnetIds?.length,
    'availabilityZones',
    availabilityZones,
    `as many zones as privateSubnetIds has subnets (${privateSubnetIds?.length ?? 0})`,
    'Name the zone of each subnet, in the same order, or leave them out.',
  );
}

/** Brokers of Amazon MSK listen inside a VPC. With public access they have additional, public addresses. */
function refuseOutOfReach({ vpcId, bootstrapBrokers }: ExistingClusterContext): void {
  if (vpcId !== NO_VPC) return;
  requireOption(
    bootstrapBrokers !== undefined,
    'bootstrapBrokers',
    bootstrapBrokers,
    'given with vpcId "none"',
    'The addresses that the deployment looks up are not reachable from outside of the VPC of the cluster. Give the VPC and its subnets, or the public addresses of the brokers (BootstrapBrokerStringPublic… of "aws kafka get-bootstrap-brokers").',
  );
  const inside = addressInsideVpc(bootstrapBrokers);
  requireOption(
    inside === undefined,
    'vpcId',
    vpcId,
    `the VPC from which ${inside ?? ''} is reached`,
    'That is an address inside the VPC of the cluster: from outside every connection would time out. Give the VPC and its subnets, or the public addresses of the brokers (ports 9194, 9196, 9198).',
  );
}
