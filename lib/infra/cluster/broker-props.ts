import { Token } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { checkBrokerReach } from '../guards/broker-reach';
import { invalidOption } from '../invalid-option';
import { KafkaAuthentication } from './kafka-authentication';
import { OutboxCluster } from './outbox-cluster';

/** How functions reach the brokers: by a cluster, or by addresses and a login. */
export interface BrokerProps {
  /**
   * The cluster, with its addresses, its login and its network.
   *
   * @default - `bootstrapBrokers` and `authentication` say it
   */
  readonly cluster?: OutboxCluster;

  /**
   * `host:port` of at least one broker, separated by commas, as `GetBootstrapBrokers` answers.
   *
   * @default - those of `cluster`
   */
  readonly bootstrapBrokers?: string;

  /**
   * How functions authenticate themselves to the brokers.
   *
   * @default - the first way in that `cluster` has
   */
  readonly authentication?: KafkaAuthentication;

  /**
   * The network from which the brokers are reached. The relay also needs a gateway endpoint of DynamoDB (free), and no
   * NAT.
   *
   * @default - the network of `cluster`; without one in no VPC, which reaches brokers with public addresses only
   */
  readonly vpc?: IVpc;

  /**
   * Where in the VPC functions run.
   *
   * @default - where the network of `cluster` says; without one the private subnets
   */
  readonly vpcSubnets?: SubnetSelection;

  /**
   * Security groups of functions; the brokers' group must let one of them in.
   *
   * @default - the clients' group of the network of `cluster`; without one, each function has its own, that allows
   * outgoing traffic only, see `Outbox.relay.connections`
   */
  readonly securityGroups?: ISecurityGroup[];
}

/** As a record, so that a new option that is not listed does not compile. */
export const BROKER_OPTIONS: Readonly<Record<keyof BrokerProps, true>> = {
  cluster: true,
  bootstrapBrokers: true,
  authentication: true,
  vpc: true,
  vpcSubnets: true,
  securityGroups: true,
};

/** What was given, or what the cluster says. */
export interface ResolvedBrokers extends Pick<BrokerProps, 'cluster' | 'vpc' | 'vpcSubnets' | 'securityGroups'> {
  readonly bootstrapBrokers: string;
  readonly authentication: KafkaAuthentication;
  /** What must be there before anything can be sent. */
  readonly dependencies: readonly Construct[];
}

const BROKER_LIST = /^[^\s:,]+:\d{1,5}(\s*,\s*[^\s:,]+:\d{1,5})*$/;

/** @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed. */
export function resolveBrokers(props: BrokerProps): ResolvedBrokers {
  const { cluster, bootstrapBrokers, authentication, ...network } = props;
  if (cluster !== undefined) {
    checkCluster(cluster, bootstrapBrokers);
    return {
      cluster,
      bootstrapBrokers: cluster.bootstrapBrokers,
      authentication: checkedAuthentication(authentication ?? cluster.authentication),
      ...networkOf(cluster, network),
      dependencies: cluster.network === undefined ? [] : [cluster.network],
    };
  }
  if (
    typeof bootstrapBrokers !== 'string' ||
    (!Token.isUnresolved(bootstrapBrokers) && !BROKER_LIST.test(bootstrapBrokers))
  ) {
    throw invalidOption(
      'bootstrapBrokers',
      bootstrapBrokers,
      'a comma-separated list of host:port',
      'Copy it from "aws kafka get-bootstrap-brokers", or give a cluster.',
    );
  }
  return { bootstrapBrokers, authentication: checkedAuthentication(authentication), ...network, dependencies: [] };
}

/** @throws OutboxError `invalid-option` when a function that runs where these say would reach no broker. */
export const checkReach = ({ cluster, vpc, bootstrapBrokers }: ResolvedBrokers): void =>
  checkBrokerReach({ inVpc: vpc !== undefined, bootstrapBrokers, areLookedUp: cluster !== undefined });

function checkCluster(cluster: unknown, bootstrapBrokers: string | undefined): void {
  if (!(cluster instanceof OutboxCluster)) {
    throw invalidOption(
      'cluster',
      typeof cluster,
      'an OutboxCluster',
      'Make one with OutboxCluster.serverless(…), .express(…), .standard(…) or .existing(…).',
    );
  }
  if (bootstrapBrokers !== undefined) {
    throw invalidOption(
      'bootstrapBrokers',
      bootstrapBrokers,
      'left out with cluster',
      'The cluster knows its brokers.',
    );
  }
}

function checkedAuthentication(authentication: unknown): KafkaAuthentication {
  if (authentication instanceof KafkaAuthentication) return authentication;
  throw invalidOption(
    'authentication',
    typeof authentication,
    'a KafkaAuthentication',
    'Make one with KafkaAuthentication.iam(…), .scram(…), .tls(…) or .none(), or give a cluster.',
  );
}

/** A VPC of one's own brings subnets and groups of its own. */
function networkOf(
  { network }: OutboxCluster,
  given: Pick<BrokerProps, 'vpc' | 'vpcSubnets' | 'securityGroups'>,
): typeof given {
  if (network === undefined || given.vpc !== undefined) return given;
  return {
    vpc: network.vpc,
    vpcSubnets: given.vpcSubnets ?? network.vpcSubnets,
    securityGroups: given.securityGroups ?? [network.clientSecurityGroup],
  };
}
