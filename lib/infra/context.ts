import { COMPRESSIONS, ORDERS, type Compression, type Order } from '../relay/environment';
import { invalidOption, refuseUnknownKeys } from './invalid-option';

export const AUTHENTICATIONS = ['iam', 'scram', 'tls', 'none'] as const;
export type Authentication = (typeof AUTHENTICATIONS)[number];

/** Value of `vpcId` for a relay that runs in no VPC. */
export const NO_VPC = 'none';

/**
 * What the app of this package is told about an existing cluster, as CDK context (`-c key=value`, cdk.json). Lists are
 * JSON arrays or texts separated by commas.
 *
 * What the stack cannot do without and is not given here, it asks for as a CloudFormation parameter.
 */
export interface ClusterContext {
  /** `host:port` of brokers, separated by commas. Otherwise the parameter `BootstrapBrokers`. */
  readonly bootstrapBrokers?: string;
  /** `iam` (default), `scram`, `tls` or `none`. */
  readonly auth: Authentication;
  /** Topics that the relay may publish to. Otherwise the parameter `Topic`, for one. */
  readonly topics?: string[];
  /** For `iam`. Otherwise the parameter `ClusterArn`. */
  readonly clusterArn?: string;
  /** For `scram`, otherwise the parameter `KafkaUserArn`; for `tls` only where clients have certificates. */
  readonly secretArn?: string;
  /** KMS key of the secret, when it is one of your own (MSK demands that for `scram`). */
  readonly secretKeyArn?: string;
  /** VPC of the relay, or `none`. Otherwise the parameter `VpcId`. */
  readonly vpcId?: string;
  /** Subnets of the relay. Otherwise the parameter `PrivateSubnetIds`. */
  readonly privateSubnetIds?: string[];
  /** The zone of each of `privateSubnetIds`, in their order. */
  readonly availabilityZones?: string[];
  /** Security groups of the relay. Otherwise one is made, which the brokers' group must let in. */
  readonly securityGroupIds?: string[];
  /** How long a processed item stays readable; 0 deletes it. */
  readonly retentionSeconds?: number;
  /** `zstd`, `gzip` or `none`. */
  readonly compression?: Compression;
  readonly order?: Order;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName?: string;
}

/** As a record, so that a new key that is not listed does not compile. */
const KEYS: Readonly<Record<keyof ClusterContext, true>> = {
  bootstrapBrokers: true,
  auth: true,
  topics: true,
  clusterArn: true,
  secretArn: true,
  secretKeyArn: true,
  vpcId: true,
  privateSubnetIds: true,
  availabilityZones: true,
  securityGroupIds: true,
  retentionSeconds: true,
  compression: true,
  order: true,
  outboxName: true,
};

/**
 * Reads the context of an app.
 *
 * @throws OutboxError `invalid-option` for a value or a combination that cannot work, and for a misspelt key. Keys of
 * the CDK itself (`@aws-cdk/…`, `aws:cdk:…`, cached look-ups) are not looked at.
 */
export function parseClusterContext(context: Readonly<Record<string, unknown>>): ClusterContext {
  const own = Object.fromEntries(Object.entries(context).filter(([key]) => !/[@:]/.test(key)));
  refuseUnknownKeys('The context', own, Object.keys(KEYS));
  const parsed: ClusterContext = {
    bootstrapBrokers: text(own, 'bootstrapBrokers'),
    auth: oneOf(own, 'auth', AUTHENTICATIONS) ?? 'iam',
    topics: list(own, 'topics'),
    clusterArn: text(own, 'clusterArn'),
    secretArn: text(own, 'secretArn'),
    secretKeyArn: text(own, 'secretKeyArn'),
    vpcId: text(own, 'vpcId'),
    privateSubnetIds: list(own, 'privateSubnetIds'),
    availabilityZones: list(own, 'availabilityZones'),
    securityGroupIds: list(own, 'securityGroupIds'),
    retentionSeconds: wholeNumber(own, 'retentionSeconds'),
    compression: oneOf(own, 'compression', COMPRESSIONS),
    order: oneOf(own, 'order', ORDERS),
    outboxName: text(own, 'outboxName'),
  };
  refuseUnused(parsed);
  refuseIncompleteNetwork(parsed);
  return parsed;
}

/** What would be ignored is refused: whoever gave it believes that it has an effect. */
function refuseUnused({ auth, clusterArn, secretArn, secretKeyArn }: ClusterContext): void {
  if (clusterArn !== undefined && auth !== 'iam') {
    throw invalidOption('clusterArn', clusterArn, `left out with auth "${auth}"`, 'Only auth "iam" authorises by it.');
  }
  if (secretArn !== undefined && auth !== 'scram' && auth !== 'tls') {
    throw invalidOption('secretArn', secretArn, `left out with auth "${auth}"`, 'Did you mean auth "scram" or "tls"?');
  }
  if (secretKeyArn !== undefined && secretArn === undefined) {
    throw invalidOption('secretKeyArn', secretKeyArn, 'given together with secretArn', 'It is the key of that secret.');
  }
}

function refuseIncompleteNetwork(context: ClusterContext): void {
  const { vpcId, privateSubnetIds, availabilityZones, securityGroupIds } = context;
  if (vpcId === undefined || vpcId === NO_VPC) {
    for (const [option, got] of Object.entries({ privateSubnetIds, availabilityZones, securityGroupIds })) {
      if (got === undefined) continue;
      throw invalidOption(option, got, 'given together with vpcId', 'Add the id of the VPC that it belongs to.');
    }
  }
  if (availabilityZones !== undefined && availabilityZones.length !== privateSubnetIds?.length) {
    throw invalidOption(
      'availabilityZones',
      availabilityZones,
      `as many zones as privateSubnetIds has subnets (${privateSubnetIds?.length ?? 0})`,
      'Name the zone of each subnet, in the same order, or leave them out.',
    );
  }
}

type Context = Readonly<Record<string, unknown>>;

function text(context: Context, key: keyof ClusterContext): string | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw invalidOption(key, value, 'a non-empty text', 'Leave the key out to use what happens without it.');
}

function list(context: Context, key: keyof ClusterContext): string[] | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  const entries: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  const texts = entries.map((entry) => (typeof entry === 'string' ? entry.trim() : ''));
  if (texts.length > 0 && !texts.includes('')) return texts;
  throw invalidOption(
    key,
    value,
    'a list of non-empty texts',
    'Write a JSON array, or separate the entries by commas, such as "a,b".',
  );
}

function oneOf<T extends string>(context: Context, key: keyof ClusterContext, allowed: readonly T[]): T | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw invalidOption(key, value, `one of ${allowed.join(', ')}`, 'Names are in lower case.');
}

function wholeNumber(context: Context, key: keyof ClusterContext): number | undefined {
  const value = context[key];
  if (value === undefined) return undefined;
  // `-c` gives every value as text.
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw invalidOption(key, value, 'a whole number of at least 0', 'It counts seconds.');
}
