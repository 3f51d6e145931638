import { Fn, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
  type ISecurityGroup,
  type IVpc,
  type SubnetSelection,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { requireLeftOut, requireOption } from '../options/invalid-option';
import { anyValue, defaultsOf, resolveOptions, type OptionTable } from '../options/option-table';
import { BROKER_ACCESSES, BROKER_PORTS, type BrokerAccess } from './broker-reach';

/** Options of an `OutboxNetwork`. */
export interface OutboxNetworkProps {
  /**
   * An existing VPC, which must have its own route to DynamoDB. The construct adds only security groups and the
   * endpoints that the options request.
   *
   * @default - a new VPC of isolated subnets, without NAT and internet gateway, with a gateway endpoint of DynamoDB
   */
  readonly vpc?: IVpc;

  /**
   * The subnets of brokers and functions; only with `vpc`.
   *
   * @default - the isolated subnets of a new VPC, the private subnets of `vpc`
   */
  readonly vpcSubnets?: SubnetSelection;

  /**
   * Availability zones of a new VPC: two for MSK Serverless, three for Express and for three replicas on Standard. Name
   * them if MSK does not offer every zone of the region.
   *
   * @default - the first three of the region
   */
  readonly availabilityZones?: string[];

  /**
   * Address range of a new VPC.
   *
   * @default '10.0.0.0/16'
   */
  readonly cidr?: string;

  /**
   * Authentication methods of the cluster. Each opens its port of the brokers, and no other port is open. `scram` adds
   * an interface endpoint of Secrets Manager, which costs by the hour and zone: without NAT there is no other route.
   *
   * @default ['iam']
   */
  readonly access?: BrokerAccess[];

  /**
   * For Lambda functions that read the cluster by an event source mapping. Its pollers use the brokers' security group,
   * which then lets itself in. `on-demand` pollers also need interface endpoints of Lambda and STS, which cost by the
   * hour and zone; `provisioned` pollers do not.
   *
   * @default - no mapping reads the cluster
   */
  readonly consumerMappings?: 'provisioned' | 'on-demand';

  /**
   * Whether the construct makes the interface endpoints that `access` and `consumerMappings` need. Set `false` if `vpc`
   * already has them, because AWS refuses a second endpoint of the same service, or if it has NAT. The existing
   * endpoints' groups must then let in the clients and, for on-demand pollers, the brokers' group.
   *
   * @default true
   */
  readonly interfaceEndpoints?: boolean;

  /**
   * Whether a new VPC logs the traffic that it refuses. It never logs accepted traffic, which would cost by the event.
   *
   * @default true
   */
  readonly flowLogs?: boolean;
}

const OPTIONS = {
  vpc: anyValue(),
  vpcSubnets: anyValue(),
  availabilityZones: anyValue(),
  cidr: anyValue('10.0.0.0/16'),
  access: anyValue<BrokerAccess[]>(['iam']),
  consumerMappings: anyValue(),
  interfaceEndpoints: anyValue(true),
  flowLogs: anyValue(true),
} satisfies OptionTable<OutboxNetworkProps>;

export const NETWORK_DEFAULTS = defaultsOf(OPTIONS);

const ZONES = 3;

/**
 * The network of brokers and relay: no NAT, no internet, and only the brokers' ports open between two security groups.
 *
 * @example
 * ```ts
 * import { Stack } from 'aws-cdk-lib';
 * import { OutboxNetwork } from 'dynamodb-outbox/cdk';
 *
 * const network = new OutboxNetwork(new Stack(), 'Network', { access: ['iam'] });
 * ```
 */
export class OutboxNetwork extends Construct {
  readonly vpc: IVpc;
  /** The subnets of brokers and functions. */
  readonly vpcSubnets: SubnetSelection;
  /** For the brokers: lets in clients on the ports of `access`, and pollers if `consumerMappings` is set. */
  readonly brokerSecurityGroup: ISecurityGroup;
  /** Security group of the relay and every other client of the brokers. It has no inbound rule. */
  readonly clientSecurityGroup: ISecurityGroup;
  /** The authentication methods whose ports are open. */
  readonly access: readonly BrokerAccess[];
  /** The pollers of event source mappings that may read clusters in this network; `undefined` if none may. */
  readonly consumerMappings?: 'provisioned' | 'on-demand';

  /** @throws OutboxError `invalid-option` when an option is unknown or cannot work. */
  constructor(scope: Construct, id: string, props: OutboxNetworkProps = {}) {
    super(scope, id);
    const resolved = resolveOptions('OutboxNetwork', props, OPTIONS);
    checkAccess(resolved.access, BROKER_ACCESSES, 'Without one no port of the brokers would be open.');
    refuseUnusedOptions(props);
    checkZones(props.availabilityZones, Stack.of(this).region);
    this.access = [...new Set(resolved.access)];
    this.consumerMappings = props.consumerMappings;
    this.vpc = props.vpc ?? this.#newVpc(resolved);
    this.vpcSubnets = props.vpcSubnets ?? (props.vpc === undefined ? { subnetType: SubnetType.PRIVATE_ISOLATED } : {});
    this.clientSecurityGroup = this.#newGroup('Clients', 'Clients of the Kafka brokers');
    this.brokerSecurityGroup = this.#newGroup('Brokers', 'Kafka brokers');
    this.#openPorts();
    if (resolved.interfaceEndpoints) {
      this.#addInterfaceEndpoints();
    } else if (this.consumerMappings === 'on-demand') {
      this.brokerSecurityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'Lambda and STS, by what the VPC has');
    }
  }

  #newVpc({ availabilityZones, cidr, flowLogs }: typeof NETWORK_DEFAULTS & OutboxNetworkProps): IVpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      // Not `maxAzs`: it yields only two zones in a stack without an account, and with one it queries AWS at synthesis.
      availabilityZones:
        availabilityZones ?? Array.from({ length: ZONES }, (_, index) => Fn.select(index, Fn.getAzs())),
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
      // AWS never removes the default group, and nothing here uses it.
      restrictDefaultSecurityGroup: true,
      gatewayEndpoints: { DynamoDB: { service: GatewayVpcEndpointAwsService.DYNAMODB } },
    });
    if (flowLogs) {
      vpc.addFlowLog('Refused', {
        trafficType: FlowLogTrafficType.REJECT,
        destination: FlowLogDestination.toCloudWatchLogs(
          new LogGroup(this, 'FlowLogs', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY }),
        ),
      });
    }
    return vpc;
  }

  #newGroup(id: string, description: string): SecurityGroup {
    return new SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
  }

  #openPorts(): void {
    for (const access of this.access) {
      this.#openPort(access, this.clientSecurityGroup, 'Clients');
      if (this.consumerMappings === undefined) continue;
      this.#openPort(access, this.brokerSecurityGroup, 'Pollers of event source mappings');
    }
    // The gateway endpoint of DynamoDB has public addresses, so the rule must allow any address. A VPC without NAT
    // offers no other route out.
    this.clientSecurityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS services by endpoints');
  }

  #openPort(access: BrokerAccess, peer: ISecurityGroup, who: string): void {
    const port = Port.tcp(BROKER_PORTS[access]);
    this.brokerSecurityGroup.addIngressRule(peer, port, `${who}, ${access}`);
    peer.addEgressRule(this.brokerSecurityGroup, port, `Kafka brokers, ${access}`);
  }

  #addInterfaceEndpoints(): void {
    const isOnDemand = this.consumerMappings === 'on-demand';
    const services = {
      ...(this.access.includes('scram') ? { SecretsManager: InterfaceVpcEndpointAwsService.SECRETS_MANAGER } : {}),
      ...(isOnDemand ? { Lambda: InterfaceVpcEndpointAwsService.LAMBDA, Sts: InterfaceVpcEndpointAwsService.STS } : {}),
    };
    if (Object.keys(services).length === 0) return;
    const securityGroup = this.#newGroup('Endpoints', 'Interface endpoints of the outbox');
    securityGroup.addIngressRule(this.clientSecurityGroup, Port.HTTPS, 'Clients of the Kafka brokers');
    if (isOnDemand) {
      securityGroup.addIngressRule(this.brokerSecurityGroup, Port.HTTPS, 'Pollers of event source mappings');
      this.brokerSecurityGroup.addEgressRule(securityGroup, Port.HTTPS, 'Interface endpoints');
    }
    for (const [id, service] of Object.entries(services)) {
      // Not `vpc.addInterfaceEndpoint`: if another stack owns the VPC, its endpoint would depend on this stack's group.
      new InterfaceVpcEndpoint(this, id, {
        vpc: this.vpc,
        service,
        subnets: this.vpcSubnets,
        securityGroups: [securityGroup],
        open: false,
      });
    }
  }
}

/** @throws OutboxError `invalid-option` for an unknown authentication method, or none at all. */
export function checkAccess(access: readonly BrokerAccess[], allowed: readonly BrokerAccess[], advice: string): void {
  const unknown = access.find((one) => !allowed.includes(one));
  requireOption(
    access.length > 0 && unknown === undefined,
    'access',
    unknown ?? access,
    `a list of at least one of ${allowed.join(', ')}`,
    advice,
  );
}

function checkZones(zones: readonly string[] | undefined, region: string): void {
  if (zones === undefined || Token.isUnresolved(zones)) return;
  const names = zones.filter((zone) => !Token.isUnresolved(zone));
  const repeated = names.find((zone, index) => names.indexOf(zone) !== index);
  requireOption(
    zones.length > 0 && repeated === undefined,
    'availabilityZones',
    repeated ?? 'an empty list',
    'a list of different zones',
    'Brokers spread over zones: each subnet is in another one.',
  );
  const foreign = Token.isUnresolved(region) ? undefined : names.find((zone) => !zone.startsWith(region));
  requireOption(
    foreign === undefined,
    'availabilityZones',
    foreign,
    `zones of the stack's region, such as ${region}a`,
    'A VPC has subnets in its own region only.',
  );
}

function refuseUnusedOptions(props: OutboxNetworkProps): void {
  const { vpc, vpcSubnets, interfaceEndpoints, availabilityZones, cidr, flowLogs } = props;
  if (vpc === undefined) {
    requireLeftOut({ vpcSubnets }, 'left out without vpc', 'A new VPC has isolated subnets only.');
    const advice = 'Nothing else leads out of a new VPC.';
    requireOption(interfaceEndpoints !== false, 'interfaceEndpoints', false, 'left out without vpc', advice);
    return;
  }
  requireLeftOut({ availabilityZones, cidr, flowLogs }, 'left out with vpc', 'It describes a new VPC only.');
}
