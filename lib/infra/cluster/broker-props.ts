import { Token, Stack } from 'aws-cdk-lib';
import { CfnSecurityGroup, Vpc, type ISecurityGroup, type IVpc, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { requireLeftOut, requireOption } from '../options/invalid-option';
import { locationOf, partsOfArn, REGION_ONLY, type LocatedResource } from '../options/locations';
import { list, unchecked, type OptionTable } from '../options/option-table';
import { BROKER_ACCESSES, BROKER_PORTS, checkBrokerReach, regionOfBrokers, type BrokerAccess } from './broker-reach';
import { KafkaAuthentication } from './kafka-authentication';
import { OutboxCluster } from './outbox-cluster';

/** How functions connect to the brokers: by a cluster, or by addresses and an authentication. */
export interface BrokerProps {
  /**
   * The cluster, which provides addresses, authentication and network.
   *
   * @default - none: give `bootstrapBrokers` and `authentication`
   */
  readonly cluster?: OutboxCluster;

  /**
   * `host:port` of at least one broker, separated by commas, as `GetBootstrapBrokers` returns them.
   *
   * @default - those of `cluster`
   */
  readonly bootstrapBrokers?: string;

  /**
   * How functions authenticate to the brokers.
   *
   * @default - the first authentication method of `cluster`
   */
  readonly authentication?: KafkaAuthentication;

  /**
   * The VPC from which functions reach the brokers. The relay needs a gateway endpoint of DynamoDB (free), but no NAT.
   *
   * @default - the network of `cluster`; without one no VPC, which allows only brokers with public addresses
   */
  readonly vpc?: IVpc;

  /**
   * The subnets in which functions run.
   *
   * @default - the subnets of the network of `cluster`; without one, the private subnets
   */
  readonly vpcSubnets?: SubnetSelection;

  /**
   * Security groups of functions; the brokers' group must let one of them in.
   *
   * @default - the clients' group of the network of `cluster`; without one, each function has its own group, which
   * allows only outgoing traffic (see `Outbox.relay.connections`)
   */
  readonly securityGroups?: ISecurityGroup[];
}

export const BROKER_OPTIONS = {
  ...unchecked('cluster', 'bootstrapBrokers', 'authentication', 'vpc', 'vpcSubnets'),
  securityGroups: list(),
} satisfies OptionTable<BrokerProps>;

/** The given options, completed by those of the cluster. */
export interface ResolvedBrokers extends NetworkParts {
  readonly cluster?: OutboxCluster;
  readonly bootstrapBrokers: string;
  readonly authentication: KafkaAuthentication;
  /** Constructs that must exist before a function can send anything. */
  readonly dependencies: readonly Construct[];
}

const BROKER_LIST = /^[^\s:,]+:\d{1,5}(\s*,\s*[^\s:,]+:\d{1,5})*$/;

export function resolveBrokers(props: BrokerProps): ResolvedBrokers {
  const { cluster, bootstrapBrokers, authentication, vpc, vpcSubnets, securityGroups } = props;
  const network = { vpc, vpcSubnets, securityGroups };
  if (cluster !== undefined) {
    requireOption(
      (cluster as unknown) instanceof OutboxCluster,
      'cluster',
      typeof cluster,
      'an OutboxCluster',
      'Make one with OutboxCluster.serverless(…), .express(…), .standard(…) or .existing(…).',
    );
    requireLeftOut({ bootstrapBrokers }, 'left out with cluster', 'The cluster knows its brokers.');
    const login = authentication ?? cluster.authentication;
    checkLogin(cluster, login);
    const parts = networkOf(cluster, network);
    checkNetworkParts(parts);
    return {
      cluster,
      bootstrapBrokers: cluster.bootstrapBrokersFor(login.settings.kind),
      authentication: login,
      ...parts,
      dependencies: cluster.network === undefined ? [] : [cluster.network],
    };
  }
  requireOption(
    typeof bootstrapBrokers === 'string' &&
      (Token.isUnresolved(bootstrapBrokers) || BROKER_LIST.test(bootstrapBrokers)),
    'bootstrapBrokers',
    bootstrapBrokers,
    'a comma-separated list of host:port',
    'Copy it from "aws kafka get-bootstrap-brokers", or give a cluster.',
  );
  checkAuthentication(authentication);
  checkPort(bootstrapBrokers, authentication.settings.kind);
  checkNetworkParts(network);
  return { bootstrapBrokers, authentication, ...network, dependencies: [] };
}

function checkAuthentication(authentication: unknown): asserts authentication is KafkaAuthentication {
  requireOption(
    authentication instanceof KafkaAuthentication,
    'authentication',
    typeof authentication,
    'a KafkaAuthentication',
    'Make one with KafkaAuthentication.iam(…), .scram(…), .tls(…) or .none(), or give a cluster.',
  );
}

/** The authentication must be for this cluster, and the cluster must offer its method. */
function checkLogin(cluster: OutboxCluster, authentication: KafkaAuthentication): void {
  checkAuthentication(authentication);
  const { settings, clusterArn } = authentication;
  requireOption(
    cluster.access.includes(settings.kind),
    'authentication',
    settings.kind,
    `one of the authentication methods of the cluster (${cluster.access.join(', ')})`,
    'Its brokers do not listen for another one. Leave authentication out, or add the method to the access of the cluster.',
  );
  const isKnown = [cluster.clusterArn, clusterArn].every((arn) => arn !== undefined && !Token.isUnresolved(arn));
  requireOption(
    !isKnown || clusterArn === cluster.clusterArn,
    'authentication',
    `IAM of ${String(clusterArn)}`,
    `IAM of the cluster that is given (${cluster.clusterArn})`,
    'The permissions would be for another cluster. Leave authentication out with cluster.',
  );
}

/** Refuses MSK ports of another authentication method. Public access adds 100 to a port, and IPv6 adds 11,000. */
function checkPort(bootstrapBrokers: string, kind: BrokerAccess): void {
  if (Token.isUnresolved(bootstrapBrokers) || regionOfBrokers(bootstrapBrokers) === undefined) return;
  const ports = bootstrapBrokers.split(',').map((address) => Number(address.trim().split(':')[1]));
  for (const port of ports) {
    const method = BROKER_ACCESSES.find((access) =>
      [0, 100, 11_000, 11_100].some((offset) => BROKER_PORTS[access] + offset === port),
    );
    requireOption(
      method === undefined || method === kind,
      'bootstrapBrokers',
      bootstrapBrokers,
      `addresses with the port of ${kind} (${BROKER_PORTS[kind]})`,
      `Amazon MSK listens on ${port} for ${method ?? ''}. Copy the addresses of ${kind} from "aws kafka get-bootstrap-brokers".`,
    );
  }
}

/** @throws OutboxError `invalid-option` if a function in this network would reach no broker. */
export const checkReach = ({ cluster, vpc, bootstrapBrokers }: ResolvedBrokers): void =>
  checkBrokerReach({ inVpc: vpc !== undefined, bootstrapBrokers, areLookedUp: cluster !== undefined });

/** A VPC given by the caller comes with its own subnets and groups. */
function networkOf({ network }: OutboxCluster, given: NetworkParts): NetworkParts {
  if (network === undefined || given.vpc !== undefined) return given;
  return {
    vpc: network.vpc,
    vpcSubnets: given.vpcSubnets ?? network.vpcSubnets,
    securityGroups: given.securityGroups ?? [network.clientSecurityGroup],
  };
}

type NetworkParts = Pick<BrokerProps, 'vpc' | 'vpcSubnets' | 'securityGroups'>;

/**
 * Checks what the app makes: the VPC of an imported subnet or security group is unknown.
 *
 * @throws OutboxError `invalid-option` for subnets and security groups without a VPC or of another VPC.
 */
function checkNetworkParts({ vpc, vpcSubnets, securityGroups = [] }: NetworkParts): void {
  if (vpc === undefined) {
    for (const [option, got] of Object.entries({ vpcSubnets, securityGroups })) {
      const isLeftOut = got === undefined || (Array.isArray(got) && got.length === 0);
      requireOption(isLeftOut, option, 'given without vpc', 'left out without vpc', 'Give the VPC that it belongs to.');
    }
    return;
  }
  const foreignSubnet = vpcSubnets?.subnets?.find(({ node: { scope } }) => scope instanceof Vpc && scope !== vpc);
  requireOption(
    foreignSubnet === undefined,
    'vpcSubnets',
    `one with the subnet ${foreignSubnet?.node.path ?? ''}`,
    `subnets of the VPC ${vpc.node.path}`,
    'Lambda refuses subnets of another VPC. Select them from the vpc that is given.',
  );
  const foreignGroup = securityGroups.find((group) => isOfAnotherVpc(group, vpc));
  requireOption(
    foreignGroup === undefined,
    'securityGroups',
    `one with the group ${foreignGroup?.node.path ?? ''}`,
    `groups of the VPC ${vpc.node.path}`,
    'EC2 attaches a security group only in its own VPC. Make the group with the vpc that is given.',
  );
}

function isOfAnotherVpc({ node: { defaultChild: group } }: ISecurityGroup, { vpcId }: IVpc): boolean {
  if (!(group instanceof CfnSecurityGroup) || group.vpcId === undefined || group.vpcId === vpcId) return false;
  // A token and a plain id may name the same VPC.
  return Token.isUnresolved(group.vpcId) === Token.isUnresolved(vpcId);
}

export function locationsOfBrokers(brokers: ResolvedBrokers): LocatedResource[] {
  const { cluster, authentication, bootstrapBrokers, vpc } = brokers;
  const { settings, clusterArn } = authentication;
  const located: LocatedResource[] = [];
  const advice =
    'No event source mapping, trigger or permission of this stack reaches it there. Give each region and account its own cluster and stack.';
  if (cluster !== undefined) {
    const location = locationOf(cluster.clusterArn, cluster.exists ? undefined : Stack.of(cluster));
    located.push({ option: 'cluster', name: `the cluster ${cluster.node.path}`, location, advice });
  }
  if (clusterArn !== undefined) {
    const location = partsOfArn(clusterArn);
    located.push({ option: 'authentication', name: 'IAM of a cluster', location, advice });
    located.push({
      option: 'bootstrapBrokers',
      name: 'brokers',
      location: { region: regionOfBrokers(bootstrapBrokers) },
      advice: 'A login by IAM is signed for the region of the function. Use brokers of that region.',
    });
  }
  if ('secretArn' in settings && settings.secretArn !== undefined) {
    located.push({
      option: 'authentication',
      name: 'a login in a secret',
      location: partsOfArn(settings.secretArn),
      compared: REGION_ONLY,
      advice: 'Functions read the secret from Secrets Manager of their own region. Replicate it there.',
    });
  }
  if (vpc !== undefined) {
    located.push({
      option: 'vpc',
      name: `the VPC ${vpc.node.path}`,
      location: vpc.env,
      compared: REGION_ONLY,
      advice: 'A function runs in a VPC of its own region.',
    });
  }
  return located;
}
