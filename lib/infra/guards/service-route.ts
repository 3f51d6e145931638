/** What a function in a VPC reaches by an endpoint, or not at all. */
export type RoutedService = 'dynamodb' | 'secretsmanager';

export interface ServiceRoute {
  readonly service: RoutedService;
  /** Path of the VPC's construct. */
  readonly vpc: string;
  /** A gateway or interface endpoint of the service is in the VPC. */
  readonly hasEndpoint: boolean;
  /** All subnets have a way out, by NAT. */
  readonly hasEgress: boolean;
}

/** Whose way to the service it is, and what happens without one. */
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

/** Why a function cannot reach a service from where it runs; `undefined` when it can. */
export function routeProblem(
  { service, vpc, hasEndpoint, hasEgress }: ServiceRoute,
  { who, without }: RouteUser,
): string | undefined {
  if (hasEndpoint || hasEgress) return undefined;
  const { name, remedy } = REMEDIES[service];
  return `${who} runs in ${vpc}, from where nothing leads to ${name}: ${without}. ${remedy}`;
}
