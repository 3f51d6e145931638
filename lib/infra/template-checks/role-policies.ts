import { CfnResource, Stack, Stage, Token } from 'aws-cdk-lib';
import { CfnManagedPolicy, CfnPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import { CfnCluster, CfnServerlessCluster } from 'aws-cdk-lib/aws-msk';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Construct, IConstruct } from 'constructs';
import { invalidOption } from '../options/invalid-option';
import { known } from '../options/locations';
import { propertiesOf } from './app-tree';

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

/** Quotas of IAM, without white space. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const INLINE_LENGTH = 10_240;
const MANAGED_LENGTH = 6_144;
/** The default quota, which AWS raises on request. */
const MANAGED_OF_A_ROLE = 10;

/** The CDK packs statements into policies by this estimate of an ARN that only the deployment knows. */
export const ARN_ESTIMATE = '@aws-cdk/aws-iam.arnSizeEstimate';
export const DEFAULT_ARN_LENGTH = 150;

/** Longer than most cluster names: a token reveals nothing about the name. */
const ASSUMED_CLUSTER_NAME = 'c'.repeat(32);

export interface StackLocation {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

/** An ARN as long as a deployed cluster of this name has; its UUID has a suffix such as `-s3`. */
export const clusterArnLike = ({ partition, region, account }: StackLocation, name = ASSUMED_CLUSTER_NAME): string =>
  `arn:${partition}:kafka:${region}:${account}:cluster/${name}/${'u'.repeat(36)}-s10`;

export interface RolePolicies {
  readonly path: string;
  /** Policy documents as the template contains them. */
  readonly inline: readonly unknown[];
  readonly managed: readonly unknown[];
  /** All attached managed policies, including those of AWS. */
  readonly managedCount: number;
}

/** Why IAM would refuse the policies of a role; empty if it would accept them. */
export function policySizeProblems(
  { path, inline, managed, managedCount }: RolePolicies,
  resolve: (document: unknown) => string,
): string[] {
  const lengthOf = (document: unknown): number => resolve(document).length;
  const inlineLength = inline.reduce<number>((sum, document) => sum + lengthOf(document), 0);
  const longest = Math.max(0, ...managed.map(lengthOf));
  const limits: readonly [length: number, limit: number, got: string, allowed: string, fix: string][] = [
    [inlineLength, INLINE_LENGTH, `inline policies of ${inlineLength} characters`, 'characters in a role', REPACK],
    [longest, MANAGED_LENGTH, `a managed policy of ${longest} characters`, 'characters in a managed policy', REPACK],
    [managedCount, MANAGED_OF_A_ROLE, `${managedCount} managed policies`, 'in a role', DIVIDE],
  ];
  return limits
    .filter(([length, limit]) => length > limit)
    .map(([, limit, got, allowed, fix]) => {
      const size = `so large that the role ${path} has ${got}`;
      const advice = `That is the limit of IAM. ${fix}`;
      return invalidOption('topics', size, `small enough for ${limit} ${allowed}`, advice).message;
    });
}

const DIVIDE = 'Divide the topics among several outboxes, consumers or roles, or give topics and groups shorter names.';
const REPACK = `If statements of other constructs make it so large, or ARNs are longer than ${DEFAULT_ARN_LENGTH} characters, set the context "${ARN_ESTIMATE}" in cdk.json to the length of the longest ARN, so that the CDK moves statements to further policies. Otherwise: ${DIVIDE}`;

/**
 * The text of a policy, with the length that it has after deployment. Each intrinsic function becomes a value of
 * typical length: a pseudo parameter that of the stack, a cluster its ARN, any other reference the CDK's estimate.
 */
export function resolvedPolicy(
  document: unknown,
  location: StackLocation,
  nameOfCluster: (logicalId: string) => string | undefined,
): string {
  const pseudoParameters: Readonly<Record<string, string>> = {
    'AWS::Partition': location.partition,
    'AWS::Region': location.region,
    'AWS::AccountId': location.account,
    'AWS::URLSuffix': 'amazonaws.com.cn',
  };
  return JSON.stringify(valueOf(document));

  function valueOf(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(valueOf);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [name, argument] = entries[0] ?? [];
    if (entries.length === 1 && (name === 'Ref' || name?.startsWith('Fn::') === true)) return textOf(name, argument);
    return Object.fromEntries(entries.map(([key, one]) => [key, valueOf(one)]));
  }

  function textOf(name: string, argument: unknown): unknown {
    const list: readonly unknown[] = Array.isArray(argument) ? argument : [];
    switch (name) {
      case 'Ref':
        return referenceTo(String(argument));
      case 'Fn::GetAtt':
        return referenceTo(String(list[0] ?? argument));
      case 'Fn::Join':
        return [valueOf(list[1])].flat().join(String(list[0]));
      case 'Fn::Split':
        return partsOf(String(valueOf(list[1])), String(list[0]));
      case 'Fn::Select':
        return [valueOf(list[1])].flat()[Number(list[0])] ?? UNKNOWN;
      case 'Fn::Sub': {
        const [text, variables] = typeof argument === 'string' ? [argument, {}] : [String(list[0]), valueOf(list[1])];
        const known = variables as Readonly<Record<string, string>>;
        return text.replaceAll(/\$\{([^}!]+)\}/g, (_, variable: string) => known[variable] ?? referenceTo(variable));
      }
      default:
        return UNKNOWN;
    }
  }

  function referenceTo(target: string): string {
    const cluster = nameOfCluster(target.split('.')[0] ?? target);
    return pseudoParameters[target] ?? (cluster === undefined ? UNKNOWN : clusterArnLike(location, cluster));
  }

  /** Only a cluster's ARN is split at `:cluster/`. */
  function partsOf(text: string, separator: string): string[] {
    return (separator === ':cluster/' && !text.includes(separator) ? clusterArnLike(location) : text).split(separator);
  }
}

const UNKNOWN = 'x'.repeat(DEFAULT_ARN_LENGTH);
