import { RegionInfo } from 'aws-cdk-lib/region-info';
import { CfnResource, Stack, Stage, Token } from 'aws-cdk-lib';
import { CfnManagedPolicy, CfnPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import { CfnCluster, CfnServerlessCluster } from 'aws-cdk-lib/aws-msk';
import type { Construct, IConstruct } from 'constructs';
import { known } from '../options/arn';
import { propertiesOf } from './app-tree';
import {
  ARN_ESTIMATE,
  clusterArnLike,
  DEFAULT_ARN_LENGTH,
  policySizeProblems,
  resolvedPolicy,
  type StackLocation,
  type RolePolicies,
} from './policy-size';

/**
 * Makes the CDK pack the statements of roles below `scope` by the true length of topic ARNs: it assumes 150 characters
 * for an ARN that only the deployment knows. Call it before `scope` has children.
 */
export function estimateTopicArns(
  scope: Construct,
  { clusterArn, clusterName, topics }: { clusterArn?: string; clusterName?: string; topics: readonly string[] },
): void {
  if (clusterArn === undefined || !Token.isUnresolved(clusterArn)) return;
  const longest = Math.max(...topics.map((topic) => (Token.isUnresolved(topic) ? MAX_TOPIC_LENGTH : topic.length)));
  const length = clusterArnLike(locationOfStack(scope), known(clusterName)).length + '/'.length + longest;
  const estimate = Number(scope.node.tryGetContext(ARN_ESTIMATE) ?? DEFAULT_ARN_LENGTH);
  if (length > estimate) scope.node.setContext(ARN_ESTIMATE, length);
}

const MAX_TOPIC_LENGTH = 249;

const guarded = new WeakSet<Stage>();

/** Refuses at synthesis, once per stage, what IAM would refuse of roles with Kafka permissions. */
export function guardPolicySizes(scope: Construct): void {
  const stage = Stage.of(scope);
  // Nothing synthesizes a construct outside of an app.
  if (stage === undefined || guarded.has(stage)) return;
  guarded.add(stage);
  // Validations run after the aspects by which the CDK divides policies.
  stage.node.addValidation({ validate: () => problemsOf(stage) });
}

function problemsOf(stage: Stage): string[] {
  const resources = stage.node
    .findAll()
    .filter((one) => CfnResource.isCfnResource(one))
    .filter((one) => Stage.of(one) === stage);
  return [...Map.groupBy(resources, (one) => Stack.of(one))].flatMap(([stack, own]) => {
    const names = clusterNames(own, stack);
    const resolve = (document: unknown): string =>
      resolvedPolicy(document, locationOfStack(stack), (id) => names.get(id));
    return rolesOf(own, stack)
      .filter((role) => JSON.stringify([role.inline, role.managed]).includes('"kafka-cluster:'))
      .flatMap((role) => policySizeProblems(role, resolve));
  });
}

interface PolicyProperties {
  readonly Roles?: readonly unknown[];
  readonly PolicyDocument?: unknown;
}
interface RoleProperties {
  readonly Policies?: readonly PolicyProperties[];
  readonly ManagedPolicyArns?: readonly unknown[];
}

/** The roles of a stack. For an imported role, only the policies that the app adds are known. */
function rolesOf(resources: readonly IConstruct[], stack: Stack): RolePolicies[] {
  const inline = attachedTo(resources.filter((one) => one instanceof CfnPolicy));
  const managed = attachedTo(resources.filter((one) => one instanceof CfnManagedPolicy));
  const roles = new Map(
    resources.filter((one) => one instanceof CfnRole).map((role) => [referenceTo(role, stack), role]),
  );
  return [...new Set([...roles.keys(), ...inline.keys(), ...managed.keys()])].map((key) => {
    const role = roles.get(key);
    const properties: RoleProperties = role === undefined ? {} : propertiesOf(role);
    const { Policies: policies = [], ManagedPolicyArns: arns = [] } = properties;
    const added = managed.get(key) ?? [];
    return {
      path: role?.node.path.replace(/\/Resource$/, '') ?? `${stack.node.path}: ${key}`,
      inline: [...policies.map(({ PolicyDocument }) => PolicyDocument), ...(inline.get(key) ?? [])],
      managed: added,
      managedCount: arns.length + added.length,
    };
  });
}

const referenceTo = (role: CfnRole, stack: Stack): string => JSON.stringify(stack.resolve(role.ref));

/** The documents of policies, by the role that they are attached to. */
function attachedTo(policies: readonly CfnResource[]): Map<string, unknown[]> {
  const byRole = new Map<string, unknown[]>();
  for (const policy of policies) {
    const { Roles: roles = [], PolicyDocument: document } = propertiesOf(policy) as PolicyProperties;
    for (const role of roles) {
      const key = JSON.stringify(role);
      byRole.set(key, [...(byRole.get(key) ?? []), document]);
    }
  }
  return byRole;
}

/** The names of the clusters that a stack makes, by logical id. Any other cluster gets an assumed name. */
function clusterNames(resources: readonly IConstruct[], stack: Stack): Map<string, string | undefined> {
  return new Map(
    resources
      .filter((one) => one instanceof CfnCluster || one instanceof CfnServerlessCluster)
      .map((cluster) => [String(stack.resolve(cluster.logicalId)), known(cluster.clusterName)]),
  );
}

/** A location whose parts have the length of the stack's. Each unknown part gets the longest usual value. */
function locationOfStack(scope: Construct): StackLocation {
  const { region, account } = Stack.of(scope);
  const here = known(region);
  return {
    partition: here === undefined ? 'aws-us-gov' : (RegionInfo.get(here).partition ?? 'aws'),
    region: here ?? 'ap-southeast-1',
    account: known(account) ?? '1'.repeat(12),
  };
}
