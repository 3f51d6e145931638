export interface DynamoDbRoute {
  /** Path of the VPC's construct. */
  readonly vpc: string;
  /** A gateway or interface endpoint of DynamoDB is in the VPC. */
  readonly hasEndpoint: boolean;
  /** All subnets have a way out, by NAT. */
  readonly hasEgress: boolean;
}

/** Whose way to DynamoDB it is, and what happens without one. */
export interface RouteUser {
  readonly who: string;
  readonly without: string;
}

/** Why a function cannot reach its table from where it runs; `undefined` when it can. */
export function dynamoDbRouteProblem(
  { vpc, hasEndpoint, hasEgress }: DynamoDbRoute,
  { who, without }: RouteUser,
): string | undefined {
  if (hasEndpoint || hasEgress) return undefined;
  return `${who} runs in ${vpc}, from where nothing leads to DynamoDB: ${without}. Add a gateway endpoint, which is free: vpc.addGatewayEndpoint('DynamoDb', { service: GatewayVpcEndpointAwsService.DYNAMODB }).`;
}
