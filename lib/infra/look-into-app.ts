import { Stack, type CfnResource } from 'aws-cdk-lib';
import { CfnGlobalTable, CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { CfnVPCEndpoint, Vpc, type IVpc, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { CfnKey, Key, type IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { routeProblem, type RoutedService, type RouteUser } from './guards/service-route';
import { keyPolicyProblem, type KeyStatement } from './guards/key-policy';

/** Every construct of a type, anywhere in the app. */
export const all = <T extends IConstruct>(within: IConstruct, type: abstract new (...args: never[]) => T): T[] =>
  within.node.root.node.findAll().filter((one): one is T => one instanceof type);

/** The properties of a resource in the template, overrides included. */
export function propertiesOf(resource: CfnResource): object {
  // An internal method, but the only one that shows the overrides of an escape hatch.
  const rendering = resource as unknown as { _toCloudFormation(): object };
  const { Resources } = Stack.of(resource).resolve(rendering._toCloudFormation()) as {
    readonly Resources: Readonly<Record<string, { readonly Properties?: object }>>;
  };
  return Object.values(Resources)[0]?.Properties ?? {};
}

export const isTable = (resource: IConstruct | undefined): resource is CfnGlobalTable | CfnTable =>
  resource instanceof CfnGlobalTable || resource instanceof CfnTable;

/** Checks only a VPC that the app makes: the endpoints of an imported one are unknown. */
export function routeProblems(
  within: IConstruct,
  { vpc, vpcSubnets }: { readonly vpc?: IVpc; readonly vpcSubnets?: SubnetSelection },
  user: RouteUser,
  service: RoutedService,
): string[] {
  if (!(vpc instanceof Vpc)) return [];
  const endpoints = all(within, CfnVPCEndpoint).filter(
    (endpoint) =>
      endpoint.vpcId === vpc.vpcId &&
      // An endpoint of `.dynamodb-streams` does not count: it reaches no table.
      new RegExp(`\\.${service}(-fips)?"`).test(JSON.stringify(Stack.of(endpoint).resolve(endpoint.serviceName))),
  );
  const { subnets } = vpc.selectSubnets(vpcSubnets);
  const problem = routeProblem(
    {
      service,
      vpc: vpc.node.path,
      hasEndpoint: endpoints.length > 0,
      hasEgress: subnets.every((subnet) => vpc.privateSubnets.includes(subnet)),
    },
    user,
  );
  return problem === undefined ? [] : [problem];
}

/** Checks only a key that the app makes: the policy of an imported one is unknown. */
export function keyProblems(key: IKey, user: LambdaFunction, { who, without }: RouteUser): string[] {
  const resource = key instanceof Key ? key.node.defaultChild : undefined;
  if (!(resource instanceof CfnKey)) return [];
  const { KeyPolicy } = propertiesOf(resource) as { readonly KeyPolicy?: { readonly Statement?: KeyStatement[] } };
  const problem = keyPolicyProblem(KeyPolicy?.Statement ?? [], Stack.of(resource).resolve(user.role?.roleArn), {
    key: key.node.path,
    who,
    without,
  });
  return problem === undefined ? [] : [problem];
}
