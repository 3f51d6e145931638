import { Annotations, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnBatchScramSecret, CfnCluster, CfnConfiguration, CfnServerlessCluster } from 'aws-cdk-lib/aws-msk';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { clusterNameIn, checkLocations, locationsOfKeys } from '../options/locations';
import { requireOption } from '../options/invalid-option';
import { BootstrapBrokers } from './bootstrap-brokers';
import type { BrokerAccess } from './broker-reach';
import { KafkaAuthentication } from './kafka-authentication';
import {
  MANAGED_REPLICATION,
  replicationOf,
  requireLogin,
  resolveExistingCluster,
  resolveNewCluster,
  serverPropertiesOf,
  type ClusterKind,
  type ExistingClusterProps,
  type ExpressClusterProps,
  type NewClusterProps,
  type ResolvedCluster,
  type ServerlessClusterProps,
  type StandardClusterProps,
  type TopicReplication,
  SCRAM_SECRET_PREFIX,
} from './outbox-cluster-props';
import type { OutboxNetwork } from './outbox-network';
import { serverlessRegionWarning } from './serverless';

/** Limit for the names of clusters and configurations. */
const MAX_NAME_LENGTH = 64;

interface ClusterParts
  extends
    Pick<OutboxCluster, 'kind' | 'clusterArn' | 'access'>,
    Partial<Pick<OutboxCluster, 'clusterName' | 'secret' | 'network' | 'exists' | 'brokers' | 'instanceType'>> {
  /** Replication of a topic that does not set it; fixed on MSK Serverless and Express. */
  readonly topicDefaults?: TopicReplication;
  /** Values whose change replaces brokers or changes their addresses. */
  readonly repeatFor?: readonly string[];
  /** The look-up of the brokers' addresses waits for these constructs. */
  readonly dependencies?: readonly Construct[];
}

/**
 * A cluster of Amazon MSK for an outbox, new or existing. A deployment looks up the addresses of its brokers.
 *
 * @example
 * ```ts
 * import { Stack } from 'aws-cdk-lib';
 * import { Outbox, OutboxCluster, OutboxNetwork } from 'dynamodb-outbox/cdk';
 *
 * const stack = new Stack();
 * const network = new OutboxNetwork(stack, 'Network');
 * const cluster = OutboxCluster.serverless(stack, 'Cluster', { network });
 * new Outbox(stack, 'Outbox', { cluster, topics: ['orders'] });
 * ```
 */
export class OutboxCluster extends Construct {
  /** MSK Serverless: nothing to size, billed by use, IAM only. Its quotas allow writes of up to 200 MB/s. */
  static serverless(scope: Construct, id: string, props: ServerlessClusterProps): OutboxCluster {
    return new OutboxCluster(scope, id, (cluster) => serverlessParts(cluster, props));
  }

  /** MSK Express: you size brokers but no storage; each partition always has three replicas. */
  static express(scope: Construct, id: string, props: ExpressClusterProps): OutboxCluster {
    return new OutboxCluster(scope, id, (cluster) => provisionedParts(cluster, 'express', props));
  }

  /** MSK Standard: you size brokers and disks, and may set every broker property. */
  static standard(scope: Construct, id: string, props: StandardClusterProps): OutboxCluster {
    return new OutboxCluster(scope, id, (cluster) => provisionedParts(cluster, 'standard', props));
  }

  /** An existing cluster, which this construct never changes. */
  static existing(scope: Construct, id: string, props: ExistingClusterProps): OutboxCluster {
    const parts = { ...resolveExistingCluster(props), exists: true };
    return new OutboxCluster(scope, id, () => parts);
  }

  /** Decides how topics are made and which quotas apply. */
  readonly kind: ClusterKind;
  readonly clusterArn: string;
  /** The cluster's name in the metrics of Amazon MSK; `undefined` if only the deployment knows it. */
  readonly clusterName?: string;
  /** Authentication methods. An outbox uses the first. */
  readonly access: readonly BrokerAccess[];
  /** The network of the clients. */
  readonly network?: OutboxNetwork;
  /** Whether the cluster existed before; then its brokers have their own security groups. */
  readonly exists: boolean;
  /** Number of brokers; `undefined` for MSK Serverless. */
  readonly brokers?: number;
  /** Instance type of each broker, if it is known. */
  readonly instanceType?: string;
  /** The login for SCRAM, or the client certificate for TLS. */
  readonly secret?: ISecret;
  /** Replicas of a topic that does not set them, if they are known. */
  readonly defaultReplicas?: number;
  /** `min.insync.replicas` of a topic that does not set it, if it is known. */
  readonly minInsyncReplicas?: number;

  readonly #bootstrap: BootstrapBrokers;

  private constructor(scope: Construct, id: string, make: (cluster: Construct) => ClusterParts) {
    super(scope, id);
    const parts = make(this);
    this.kind = parts.kind;
    this.clusterArn = parts.clusterArn;
    this.clusterName = parts.clusterName ?? clusterNameIn(parts.clusterArn);
    this.access = parts.access;
    this.network = parts.network;
    this.secret = parts.secret;
    this.exists = parts.exists === true;
    this.brokers = parts.kind === 'serverless' ? undefined : parts.brokers;
    this.instanceType = parts.instanceType;
    const { replicas, minInsyncReplicas } = parts.topicDefaults ?? MANAGED_REPLICATION[parts.kind];
    this.defaultReplicas = replicas;
    this.minInsyncReplicas = minInsyncReplicas;
    this.#bootstrap = new BootstrapBrokers(this, 'Bootstrap', {
      clusterArn: this.clusterArn,
      access: this.access,
      // The response names up to three brokers of each kind, and different ones after some are replaced.
      repeatFor: [...this.access, this.brokers ?? 'serverless', ...(parts.repeatFor ?? [])].join('-'),
    });
    for (const dependency of parts.dependencies ?? []) this.#bootstrap.node.addDependency(dependency);
  }

  /** `host:port` of some brokers, separated by commas, for the authentication method that an outbox uses. */
  get bootstrapBrokers(): string {
    return this.bootstrapBrokersFor(this.#first);
  }

  /** How an outbox authenticates to the brokers. */
  get authentication(): KafkaAuthentication {
    return this.authenticationFor(this.#first);
  }

  /** @throws OutboxError `invalid-option` for an authentication method that the cluster does not offer. */
  bootstrapBrokersFor(access: BrokerAccess): string {
    this.#requireAccess(access);
    return this.#bootstrap.of(access);
  }

  /** @throws OutboxError `invalid-option` for an authentication method that the cluster does not offer. */
  authenticationFor(access: BrokerAccess): KafkaAuthentication {
    this.#requireAccess(access);
    switch (access) {
      case 'iam':
        return KafkaAuthentication.iam(this);
      case 'scram':
        requireLogin(this.secret);
        return KafkaAuthentication.scram(this.secret);
      case 'tls':
        return KafkaAuthentication.tls(this.access.includes('scram') ? undefined : this.secret);
      case 'none':
        return KafkaAuthentication.none();
    }
  }

  get #first(): BrokerAccess {
    return this.access[0] ?? 'iam';
  }

  #requireAccess(access: BrokerAccess): void {
    const allowed = `one of ${this.access.join(', ')}`;
    requireOption(this.access.includes(access), 'access', access, allowed, 'The cluster offers no other method.');
  }
}

function serverlessParts(scope: Construct, given: ServerlessClusterProps): ClusterParts {
  const subnetIds = subnetsOf(given);
  const { network, removalPolicy, ...props } = resolveNewCluster('serverless', given, subnetIds);
  const warning = serverlessRegionWarning(Stack.of(scope).region);
  if (warning !== undefined) Annotations.of(scope).addWarningV2('dynamodb-outbox:serverless-region', warning);
  const clusterName = props.clusterName ?? clusterNameOf(scope, 'serverless');
  const cluster = new CfnServerlessCluster(scope, IDS.serverless, {
    clusterName,
    clientAuthentication: { sasl: { iam: { enabled: true } } },
    vpcConfigs: [{ subnetIds, securityGroups: [network.brokerSecurityGroup.securityGroupId] }],
  });
  scope.node.defaultChild = cluster;
  cluster.applyRemovalPolicy(removalPolicy);
  return { kind: 'serverless', clusterArn: cluster.attrArn, clusterName, access: ['iam'], network };
}

function provisionedParts(
  scope: Construct,
  kind: 'express' | 'standard',
  given: ExpressClusterProps | StandardClusterProps,
): ClusterParts {
  const subnetIds = subnetsOf(given);
  const props = resolveNewCluster(kind, given, subnetIds);
  checkLocations(
    Stack.of(scope),
    locationsOfKeys({ encryptionKey: props.encryptionKey, scramSecret: props.scramSecret?.encryptionKey }),
  );
  const { access, brokers, network, instanceType, kafkaVersion } = props;
  const logGroup = new LogGroup(scope, 'BrokerLogs', {
    retention: props.logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const clusterName = props.clusterName ?? clusterNameOf(scope, kind);
  const cluster = new CfnCluster(scope, IDS[kind], {
    clusterName,
    kafkaVersion,
    numberOfBrokerNodes: brokers,
    brokerNodeGroupInfo: {
      instanceType,
      clientSubnets: subnetIds,
      securityGroups: [network.brokerSecurityGroup.securityGroupId],
      storageInfo: kind === 'standard' ? { ebsStorageInfo: { volumeSize: props.storage.toGibibytes() } } : undefined,
    },
    clientAuthentication: {
      sasl: { iam: { enabled: access.includes('iam') }, scram: { enabled: access.includes('scram') } },
      unauthenticated: { enabled: false },
    },
    encryptionInfo: {
      encryptionAtRest:
        props.encryptionKey === undefined ? undefined : { dataVolumeKmsKeyId: props.encryptionKey.keyArn },
      encryptionInTransit: { clientBroker: 'TLS', inCluster: true },
    },
    configurationInfo: kind === 'standard' ? brokerProperties(scope, props) : undefined,
    // `PER_BROKER` includes the metric of refused IAM connections.
    enhancedMonitoring: 'PER_BROKER',
    loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logGroup.logGroupName } } },
  });
  scope.node.defaultChild = cluster;
  cluster.applyRemovalPolicy(props.removalPolicy);
  return {
    kind,
    clusterArn: cluster.attrArn,
    clusterName,
    access,
    network,
    brokers,
    instanceType,
    topicDefaults: kind === 'standard' ? replicationOf(props) : undefined,
    repeatFor: [instanceType, kafkaVersion, `${subnetIds.length}-zones`],
    ...(access.includes('scram') ? scramLogin(scope, cluster, props) : {}),
  };
}

const subnetsOf = ({ network }: NewClusterProps): string[] => network.vpc.selectSubnets(network.vpcSubnets).subnetIds;

/** CloudFormation cannot change a resource's type: each kind of cluster needs another logical id and name. */
const IDS = { serverless: 'Serverless', express: 'Express', standard: 'Standard' } as const;

const generatedName = (scope: Construct, maxLength = MAX_NAME_LENGTH): string =>
  Names.uniqueResourceName(scope, { maxLength, separator: '-', allowedSpecialCharacters: '-' });

const clusterNameOf = (scope: Construct, kind: ClusterKind): string =>
  `${generatedName(scope, MAX_NAME_LENGTH - kind.length - 1)}-${kind}`;

function brokerProperties(scope: Construct, props: ResolvedCluster): CfnCluster.ConfigurationInfoProperty {
  const configuration = new CfnConfiguration(scope, 'Configuration', {
    name: generatedName(scope),
    serverProperties: Object.entries(serverPropertiesOf(props))
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  });
  // MSK refuses to delete a configuration that a cluster uses.
  configuration.applyRemovalPolicy(props.removalPolicy);
  return { arn: configuration.attrArn, revision: configuration.attrLatestRevisionRevision };
}

function scramLogin(
  scope: Construct,
  cluster: CfnCluster,
  { scramSecret, removalPolicy }: ResolvedCluster,
): Pick<ClusterParts, 'secret' | 'dependencies'> {
  const secret =
    scramSecret ??
    new Secret(scope, 'Login', {
      secretName: `${SCRAM_SECRET_PREFIX}${generatedName(scope)}`,
      description: 'Login of the outbox at the Kafka brokers',
      encryptionKey: new Key(scope, 'LoginKey', {
        description: 'Encrypts the login of the outbox at the Kafka brokers',
        enableKeyRotation: true,
        removalPolicy,
      }),
      removalPolicy,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: 'outbox' }),
        generateStringKey: 'password',
        passwordLength: 32,
        excludePunctuation: true,
      },
    });
  const association = new CfnBatchScramSecret(scope, 'Logins', {
    clusterArn: cluster.attrArn,
    secretArnList: [secret.secretArn],
  });
  // Otherwise a retained cluster would let no client in.
  association.applyRemovalPolicy(removalPolicy);
  return { secret, dependencies: [association] };
}
