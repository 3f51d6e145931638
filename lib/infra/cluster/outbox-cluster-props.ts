import { RemovalPolicy, Size, Token, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSecret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { requireOption } from '../options/invalid-option';
import {
  anyValue,
  defaultsOf,
  integer,
  logRetention,
  oneOf,
  resolveOptions,
  text,
  type OptionTable,
  type Resolved,
} from '../options/option-table';
import { BROKER_ACCESSES, type BrokerAccess } from './broker-reach';
import { checkAccess, type OutboxNetwork } from './outbox-network';
import type { TopicDefaults } from './topic-rules';

/** Options of a new cluster of any kind. */
export interface NewClusterProps {
  /** The network of the brokers and their clients. */
  readonly network: OutboxNetwork;

  /**
   * Name of the cluster. A new name makes a new cluster: the old one stays, with its messages.
   *
   * @default - generated
   */
  readonly clusterName?: string;

  /**
   * Removal policy of the cluster. Its name is fixed: with `RETAIN` the cluster also stays after a rollback of its
   * creation, and the next attempt fails.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** MSK Serverless: no brokers to size, only IAM, fixed quotas. */
export type ServerlessClusterProps = NewClusterProps;

/** Options of a provisioned cluster. */
export interface ProvisionedClusterProps extends NewClusterProps {
  /**
   * Number of brokers: a multiple of the number of subnets.
   *
   * @default 3
   */
  readonly brokers?: number;

  /**
   * Authentication methods: `iam`, `scram` or both. An outbox uses the first. The network must open their ports.
   *
   * @default ['iam']
   */
  readonly access?: ('iam' | 'scram')[];

  /**
   * The login for `scram`: JSON with `username` and `password`. MSK requires a name that begins with `AmazonMSK_` and a
   * customer managed KMS key.
   *
   * @default - a secret with a generated password, under a new key
   */
  readonly scramSecret?: ISecret;

  /**
   * Encrypts the brokers' storage. Connections between brokers and to clients always use TLS.
   *
   * @default - a key that MSK manages
   */
  readonly encryptionKey?: IKey;

  /**
   * Retention of the brokers' logs.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
}

/** A cluster of Express brokers: storage needs no sizing, and each partition has three replicas in three zones. */
export interface ExpressClusterProps extends ProvisionedClusterProps {
  /**
   * Version of Apache Kafka, as MSK writes it.
   *
   * @default '3.8.x'
   */
  readonly kafkaVersion?: string;

  /**
   * Instance type of each broker.
   *
   * @default 'express.m7g.large'
   */
  readonly instanceType?: string;
}

/** A cluster of Standard brokers. */
export interface StandardClusterProps extends ProvisionedClusterProps {
  /**
   * Version of Apache Kafka, as MSK writes it; `.kraft` at the end means without ZooKeeper. The choice between the two
   * is final once the cluster exists.
   *
   * @default '3.9.x.kraft'
   */
  readonly kafkaVersion?: string;

  /**
   * Instance type of each broker.
   *
   * @default 'kafka.m7g.large'
   */
  readonly instanceType?: string;

  /**
   * Disk size of each broker. It can grow but never shrink.
   *
   * @default Size.gibibytes(100)
   */
  readonly storage?: Size;

  /**
   * Broker properties in addition to the outbox's own, or instead of them. By its own, topics are never created
   * implicitly, have three replicas of which two must acknowledge, and elect no leader that lacks messages.
   *
   * @default {}
   */
  readonly serverProperties?: Record<string, string>;
}

/** Options of an existing cluster. */
export interface ExistingClusterProps {
  /** `arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>`; may be a token. */
  readonly clusterArn: string;

  /**
   * Kind of the cluster. It decides how topics are made and which quotas apply.
   *
   * @default 'standard'
   */
  readonly kind?: 'serverless' | 'express' | 'standard';

  /**
   * Authentication methods that the cluster offers. An outbox uses the first.
   *
   * @default ['iam']
   */
  readonly access?: BrokerAccess[];

  /**
   * The login for `scram`, or the client certificate for `tls`, which is optional.
   *
   * @default - none
   */
  readonly secret?: ISecret;

  /**
   * The network of the clients. The brokers must let its client security group in.
   *
   * @default - each outbox names its own network
   */
  readonly network?: OutboxNetwork;

  /**
   * Number of brokers, for the connection limits.
   *
   * @default 3
   */
  readonly brokers?: number;
}

/** https://docs.aws.amazon.com/msk/latest/developerguide/limits.html */
const CLUSTER_NAME = text({
  pattern: /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/,
  allowed: '1 to 64 letters, digits or "-"',
  advice: 'That is what MSK allows.',
});

const BROKERS = integer({ min: 1, default: 3, advice: 'Count all zones.' });

const SERVERLESS_OPTIONS = {
  network: anyValue(),
  clusterName: CLUSTER_NAME,
  removalPolicy: anyValue(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE),
} satisfies OptionTable<ServerlessClusterProps>;

const PROVISIONED_OPTIONS = {
  ...SERVERLESS_OPTIONS,
  brokers: BROKERS,
  access: anyValue<('iam' | 'scram')[]>(['iam']),
  scramSecret: anyValue(),
  encryptionKey: anyValue(),
  logRetention: logRetention(),
} satisfies OptionTable<ProvisionedClusterProps>;

const EXPRESS_OPTIONS = {
  kafkaVersion: anyValue('3.8.x'),
  instanceType: anyValue('express.m7g.large'),
};

const STANDARD_OPTIONS = {
  kafkaVersion: anyValue('3.9.x.kraft'),
  instanceType: anyValue('kafka.m7g.large'),
  storage: anyValue(Size.gibibytes(100)),
  serverProperties: anyValue<Record<string, string>>({
    // A misspelt topic must fail instead of becoming a topic with a partition count that the owner never chose.
    'auto.create.topics.enable': 'false',
    'default.replication.factor': '3',
    'min.insync.replicas': '2',
    'unclean.leader.election.enable': 'false',
  }),
};

const OPTIONS = {
  serverless: SERVERLESS_OPTIONS,
  express: { ...PROVISIONED_OPTIONS, ...EXPRESS_OPTIONS } satisfies OptionTable<ExpressClusterProps>,
  standard: { ...PROVISIONED_OPTIONS, ...STANDARD_OPTIONS } satisfies OptionTable<StandardClusterProps>,
};

const EXISTING_OPTIONS = {
  clusterArn: anyValue(),
  kind: oneOf<ClusterKind, 'standard'>(['serverless', 'express', 'standard'], {
    default: 'standard',
    advice: 'Names are in lower case.',
  }),
  access: anyValue<BrokerAccess[]>(['iam']),
  secret: anyValue(),
  network: anyValue(),
  brokers: BROKERS,
} satisfies OptionTable<ExistingClusterProps>;

export const CLUSTER_DEFAULTS = defaultsOf(PROVISIONED_OPTIONS);
export const EXPRESS_DEFAULTS = defaultsOf(EXPRESS_OPTIONS);
export const STANDARD_DEFAULTS = defaultsOf(STANDARD_OPTIONS);

export const serverPropertiesOf = ({ serverProperties }: StandardClusterProps): Readonly<Record<string, string>> => ({
  ...STANDARD_DEFAULTS.serverProperties,
  ...serverProperties,
});

/** The kinds of MSK clusters; a method of {@link OutboxCluster} with the same name makes each. */
export type ClusterKind = 'serverless' | 'express' | 'standard';

/** The options of a new cluster with their defaults; only one of Standard brokers has `storage` and `serverProperties`. */
export type ResolvedCluster = Resolved<StandardClusterProps, typeof OPTIONS.standard>;

/**
 * @param props - of any kind: a Standard cluster has every option of the others
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveNewCluster(
  kind: ClusterKind,
  props: StandardClusterProps,
  subnets: readonly string[],
): ResolvedCluster {
  // The table of the kind refuses the options of the other kinds.
  const table = OPTIONS[kind] as typeof OPTIONS.standard;
  const resolved = { ...CLUSTER_DEFAULTS, ...resolveOptions(`OutboxCluster.${kind}`, props, table) };
  const { access, brokers, scramSecret } = resolved;
  checkAccess(access, ['iam', 'scram'], ACCESS_ADVICE);
  checkOpen(access, resolved.network);
  if (kind !== 'serverless') checkInstanceType(kind, resolved.instanceType);
  requireOption(
    scramSecret === undefined || access.includes('scram'),
    'scramSecret',
    'a secret',
    'left out without "scram" in access',
    'Add it to access.',
  );
  if (scramSecret !== undefined) checkScramSecret(scramSecret);
  checkSubnets(kind, brokers, subnets);
  if (kind === 'standard') checkReplicas(brokers, resolved);
  return resolved;
}

export function resolveExistingCluster(
  props: ExistingClusterProps,
): Resolved<ExistingClusterProps, typeof EXISTING_OPTIONS> {
  const resolved = resolveOptions('OutboxCluster.existing', props, EXISTING_OPTIONS);
  const { kind, access, secret, network, clusterArn } = resolved;
  checkAccess(access, kind === 'serverless' ? ['iam'] : BROKER_ACCESSES, ACCESS_ADVICE);
  if (access.includes('scram')) requireLogin(secret);
  if (secret !== undefined) checkScramSecret(secret, 'secret');
  if (network !== undefined) checkOpen(access, network);
  requireOption(
    kind === 'serverless' || !isServerlessArn(clusterArn),
    'kind',
    kind,
    'serverless for this cluster',
    `The ARN ${clusterArn} is one of MSK Serverless, which has other quotas, and topics that CloudFormation cannot make.`,
  );
  return resolved;
}

/** @throws OutboxError `invalid-option` for a cluster with SCRAM that has no secret. */
export function requireLogin(secret: ISecret | undefined): asserts secret is ISecret {
  const advice = 'It holds the username and the password.';
  requireOption(secret !== undefined, 'secret', secret, 'given with "scram" in access', advice);
}

const ACCESS_ADVICE = 'MSK Serverless supports IAM only; a new cluster is made with IAM, SCRAM or both.';

/** The UUID of a serverless cluster ends in `-s` and a number, that of another one in a number. */
export const isServerlessArn = (clusterArn: string | undefined): boolean =>
  clusterArn !== undefined && !Token.isUnresolved(clusterArn) && /-s\d+$/.test(clusterArn);

/** The clients' group opens only the ports of the network's methods. */
function checkOpen(access: readonly BrokerAccess[], network: OutboxNetwork): void {
  const closed = access.find((one) => !network.access.includes(one));
  requireOption(
    closed === undefined,
    'access',
    closed,
    `among the authentication methods of the network (${network.access.join(', ')})`,
    `No client could reach the brokers: add "${closed ?? ''}" to the access of the OutboxNetwork.`,
  );
}

const INSTANCE_PREFIXES = { express: 'express.', standard: 'kafka.' } as const;

function checkInstanceType(kind: keyof typeof INSTANCE_PREFIXES, instanceType: string): void {
  const prefix = INSTANCE_PREFIXES[kind];
  requireOption(
    Token.isUnresolved(instanceType) || instanceType.startsWith(prefix),
    'instanceType',
    instanceType,
    `a size of ${kind} brokers, which begins with "${prefix}"`,
    'MSK makes brokers of the other kind of that size. Use the other method of OutboxCluster, or another size.',
  );
}

const REPLICATION_FACTOR = 'default.replication.factor';
const MIN_IN_SYNC = 'min.insync.replicas';

export type TopicReplication = Omit<TopicDefaults, 'kind'>;

/**
 * Replication that MSK fixes; it is unknown for an existing standard cluster.
 * https://docs.aws.amazon.com/msk/latest/developerguide/msk-configuration-express-read-only.html
 */
export const MANAGED_REPLICATION: Readonly<Record<ClusterKind, TopicReplication>> = {
  serverless: { replicas: 3 },
  express: { replicas: 3, minInsyncReplicas: 2 },
  standard: {},
};

export function replicationOf(props: StandardClusterProps): TopicReplication {
  const properties = serverPropertiesOf(props);
  return { replicas: Number(properties[REPLICATION_FACTOR]), minInsyncReplicas: Number(properties[MIN_IN_SYNC]) };
}

/** Kafka refuses a topic with more replicas than brokers, which includes its own internal topics. */
function checkReplicas(brokers: number, props: StandardClusterProps): void {
  const { replicas = NaN, minInsyncReplicas = NaN } = replicationOf(props);
  // Negated, because a value that is not a number fails every comparison.
  requireOption(
    !(replicas > brokers),
    'brokers',
    brokers,
    `at least ${replicas}, the ${REPLICATION_FACTOR}`,
    `With fewer, no topic could be made. For a cluster of ${brokers}, set serverProperties: { '${REPLICATION_FACTOR}': '${brokers}', '${MIN_IN_SYNC}': '1' }; then the loss of a broker can lose acknowledged messages.`,
  );
  requireOption(
    !(minInsyncReplicas > replicas),
    `serverProperties["${MIN_IN_SYNC}"]`,
    minInsyncReplicas,
    `at most ${replicas}, the ${REPLICATION_FACTOR}`,
    'The relay waits for all replicas in sync: there are never so many, and Kafka would accept no event.',
  );
}

const SUBNETS = {
  serverless: { min: 2, max: Infinity, allowed: 'at least two subnets, in different zones' },
  express: { min: 3, max: 3, allowed: 'three subnets, in different zones' },
  standard: { min: 2, max: 3, allowed: 'two or three subnets, in different zones' },
} as const;

function checkSubnets(kind: ClusterKind, brokers: number, subnets: readonly string[]): void {
  // A list of unknown length is a single token.
  if (Token.isUnresolved(subnets)) return;
  const { min, max, allowed } = SUBNETS[kind];
  requireOption(
    subnets.length >= min && subnets.length <= max,
    'network',
    `one with ${subnets.length} subnets`,
    `one with ${allowed}`,
    `MSK ${kind} spreads its brokers over them. Give the OutboxNetwork other availabilityZones or vpcSubnets.`,
  );
  requireOption(
    kind === 'serverless' || brokers % subnets.length === 0,
    'brokers',
    brokers,
    `a multiple of the number of subnets (${subnets.length})`,
    'MSK puts the same number of brokers into each zone.',
  );
}

/** MSK requires this prefix. https://docs.aws.amazon.com/msk/latest/developerguide/msk-password-tutorial.html */
export const SCRAM_SECRET_PREFIX = 'AmazonMSK_';

/** @throws OutboxError `invalid-option` for a secret that MSK would refuse to associate with a cluster. */
export function checkScramSecret(secret: ISecret, option = 'scramSecret'): void {
  const resource = secret.node.defaultChild;
  const made = resource instanceof CfnSecret ? resource : undefined;
  const name = made === undefined ? secret.secretName : nameOf(made);
  const advice = 'MSK associates no other with a cluster.';
  // The name of an imported secret may be known only at deployment.
  requireOption(
    (made === undefined && Token.isUnresolved(name)) || name?.startsWith(SCRAM_SECRET_PREFIX) === true,
    option,
    name === undefined ? 'a secret with a generated name' : `the secret "${name}"`,
    `a secret whose name begins with ${SCRAM_SECRET_PREFIX}`,
    advice,
  );
  requireOption(
    made === undefined || made.kmsKeyId !== undefined,
    option,
    "a secret under the account's default key",
    'a secret with an encryptionKey of your own',
    advice,
  );
}

function nameOf(made: CfnSecret): string | undefined {
  const name: unknown = Stack.of(made).resolve(made.name);
  return typeof name === 'string' ? name : undefined;
}
