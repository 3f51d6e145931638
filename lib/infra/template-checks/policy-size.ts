import { invalidOption } from '../options/invalid-option';

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
