export interface DynamoDbRoute {
  /** Path of the VPC's construct. */
  readonly vpc: string;
  /** A gateway or interface endpoint of DynamoDB is in the VPC. */
  readonly hasEndpoint: boolean;
  /** All subnets of the relay have a way out, by NAT. */
  readonly hasEgress: boolean;
}

/** Why the relay cannot read holds and mark items from where it runs; `undefined` when it can. */
export function dynamoDbRouteProblem({ vpc, hasEndpoint, hasEgress }: DynamoDbRoute): string | undefined {
  if (hasEndpoint || hasEgress) return undefined;
  return `The relay runs in ${vpc}, from where nothing leads to DynamoDB: it could read no holds, and would publish nothing. Add a gateway endpoint, which is free: vpc.addGatewayEndpoint('DynamoDb', { service: GatewayVpcEndpointAwsService.DYNAMODB }).`;
}
