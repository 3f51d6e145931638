import { Stack } from 'aws-cdk-lib';
import { CfnVPCEndpoint, Vpc, type IVpc, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IConstruct } from 'constructs';
import { findAll } from './app-tree';

/** Services that a function in a VPC reaches by an endpoint or by NAT. */
export type RoutedService = 'dynamodb' | 'secretsmanager';

export interface ServiceRoute {
  readonly service: RoutedService;
  readonly vpc: string;
  readonly hasEndpoint: boolean;
  /** Whether all subnets have NAT. */
  readonly hasEgress: boolean;
}

/** The user of the route, and the effect of its absence, both as texts of the message. */
export interface RouteUser {
  readonly who: string;
  readonly without: string;
}

const REMEDIES: Readonly<Record<RoutedService, { readonly name: string; readonly remedy: string }>> = {
  dynamodb: {
    name: 'DynamoDB',
    remedy:
      "Add a gateway endpoint, which is free: vpc.addGatewayEndpoint('DynamoDb', { service: GatewayVpcEndpointAwsService.DYNAMODB }).",
  },
  secretsmanager: {
    name: 'Secrets Manager',
    remedy:
      "Add an interface endpoint: vpc.addInterfaceEndpoint('SecretsManager', { service: InterfaceVpcEndpointAwsService.SECRETS_MANAGER }).",
  },
};

/** Why a function cannot reach a service from its subnets; `undefined` if it can. */
export function routeProblem(
  { service, vpc, hasEndpoint, hasEgress }: ServiceRoute,
  { who, without }: RouteUser,
): string | undefined {
  if (hasEndpoint || hasEgress) return undefined;
  const { name, remedy } = REMEDIES[service];
  return `${who} runs in ${vpc}, from where nothing leads to ${name}: ${without}. ${remedy}`;
}

export interface CheckedNetwork {
  readonly vpc?: IVpc;
  readonly vpcSubnets?: SubnetSelection;
  /** Whether the function that connects to Kafka reads its login from a secret. */
  readonly readsSecret: boolean;
}

/**
 * Checks only a VPC that the app makes: the endpoints of an imported one are unknown.
 *
 * @param without - the effect if the function `who` does not reach a service
 */
export function routeProblems(
  within: IConstruct,
  { vpc, vpcSubnets, readsSecret }: CheckedNetwork,
  who: string,
  without: Readonly<Record<RoutedService, string>>,
): string[] {
  if (!(vpc instanceof Vpc)) return [];
  const services: RoutedService[] = readsSecret ? ['dynamodb', 'secretsmanager'] : ['dynamodb'];
  const hasEgress = vpc.selectSubnets(vpcSubnets).subnets.every((subnet) => vpc.privateSubnets.includes(subnet));
  return services.flatMap((service) => {
    const route = { service, vpc: vpc.node.path, hasEndpoint: hasEndpoint(vpc, service, within), hasEgress };
    return routeProblem(route, { who, without: without[service] }) ?? [];
  });
}

const hasEndpoint = (vpc: Vpc, service: RoutedService, within: IConstruct): boolean =>
  findAll(within, CfnVPCEndpoint).some(
    (endpoint) =>
      endpoint.vpcId === vpc.vpcId &&
      // An endpoint of `.dynamodb-streams` does not count: it reaches no table.
      new RegExp(`\\.${service}(-fips)?"`).test(JSON.stringify(Stack.of(endpoint).resolve(endpoint.serviceName))),
  );
