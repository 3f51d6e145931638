import { Annotations, Names, RemovalPolicy, Stack, type CfnResource, type Size } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnBatchScramSecret, CfnCluster, CfnConfiguration, CfnServerlessCluster } from 'aws-cdk-lib/aws-msk';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { BootstrapBrokers } from './bootstrap-brokers';
import type { BrokerAccess } from './broker-ports';
import { serverlessRegionWarning } from '../guards/serverless-regions';
import { SCRAM_SECRET_PREFIX } from '../guards/scram-secret';
import { invalidOption } from '../invalid-option';
import { checkPlaces, clusterNameIn } from '../guards/places';
import { placesOfKeys } from '../places-of';
import { KafkaAuthentication } from './kafka-authentication';
import {
  checkExistingCluster,
  checkNewCluster,
  CLUSTER_DEFAULTS,
  EXPRESS_DEFAULTS,
  MANAGED_REPLICATION,
  replicationOf,
  serverPropertiesOf,
  STANDARD_DEFAULTS,
  type ClusterKind,
  type ExistingClusterProps,
  type ExpressClusterProps,
  type NewClusterProps,
  type ProvisionedClusterProps,
  type ServerlessClusterProps,
  type StandardClusterProps,
  type TopicReplication,
} from './outbox-cluster-props';
import type { OutboxNetwork } from './outbox-network';

/** Of clusters and configurations. */
const MAX_NAME_LENGTH = 64;

/** What is known of a cluster once it is made, or found. */
interface ClusterParts {
  readonly kind: ClusterKind;
  readonly clusterArn: string;
  readonly clusterName?: string;
  readonly access: readonly BrokerAccess[];
  readonly secret?: ISecret;
  readonly network?: OutboxNetwork;
  readonly brokers?: number;
  readonly instanceType?: string;
  /** Of a topic that does not say; of MSK Serverless and Express it is always the same. */
  readonly topicDefaults?: TopicReplication;
  /** What replaces brokers, or changes their addresses, when it changes. */
  readonly askAgainFor?: readonly string[];
  /** Somebody else's. */
  readonly exists?: boolean;
  /** The brokers' addresses are asked for after these. */
  readonly dependencies?: readonly Construct[];
}

/**
 * A cluster of Amazon MSK for an outbox: made here, or an existing one. The addresses of its brokers are asked for at
 * deployment.
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
  /** MSK Serverless: nothing to size, billed by use, IAM only. Its quotas suit up to 200 MB/s. */
  static serverless(scope: Construct, id: string, props: ServerlessClusterProps): OutboxCluster {
    return new OutboxCluster(scope, id, (cluster) => serverlessParts(cluster, props));
  }

  /** MSK Express: brokers to size, storage that is not, three replicas always. */
  static express(scope: Construct, id: string, props: ExpressClusterProps): OutboxCluster {
    return new OutboxCluster(scope, id, (cluster) => provisionedParts(cluster, 'express', props));
  }

  /** MSK Standard: brokers and disks to size, every broker property open. */
  static standard(scope: Construct, id: string, props: StandardClusterProps): OutboxCluster {
    return new OutboxCluster(scope, id, (cluster) => provisionedParts(cluster, 'standard', props));
  }

  /** A cluster that is somebody else's: nothing is changed in it. */
  static existing(scope: Construct, id: string, props: ExistingClusterProps): OutboxCluster {
    checkExistingCluster(props);
    const { kind = 'standard', access = CLUSTER_DEFAULTS.access } = props;
    return new OutboxCluster(scope, id, () => ({ ...props, kind, access, exists: true }));
  }

  /** Decides how topics are made and which quotas apply. */
  readonly kind: ClusterKind;
  readonly clusterArn: string;
  /** Its name in the metrics of Amazon MSK; `undefined` when only the deployment knows it. */
  readonly clusterName?: string;
  /** Ways in. The first is the one that an outbox uses. */
  readonly access: readonly BrokerAccess[];
  /** From where it is reached. */
  readonly network?: OutboxNetwork;
  /** Whether it is somebody else's: then its brokers have security groups of their own. */
  readonly exists: boolean;
  /** Number of brokers; `undefined` for MSK Serverless, which has none to count. */
  readonly brokers?: number;
  /** Size of each broker, where it is known. */
  readonly instanceType?: string;
  /** The login for SCRAM, or the client certificate for TLS. */
  readonly secret?: ISecret;
  /** Replicas of a topic that does not say, where it is known. */
  readonly defaultReplicas?: number;
  /** `min.insync.replicas` of a topic that does not say, where it is known. */
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
    this.brokers = parts.kind === 'serverless' ? undefined : (parts.brokers ?? CLUSTER_DEFAULTS.brokers);
    this.instanceType = parts.instanceType;
    const { replicas, minInsyncReplicas } = parts.topicDefaults ?? MANAGED_REPLICATION[parts.kind];
    this.defaultReplicas = replicas;
    this.minInsyncReplicas = minInsyncReplicas;
    this.#bootstrap = new BootstrapBrokers(this, 'Bootstrap', {
      clusterArn: this.clusterArn,
      access: this.access,
      // The answer names up to three brokers of each kind, and others once some are replaced.
      askAgainFor: [...this.access, this.brokers ?? 'serverless', ...(parts.askAgainFor ?? [])].join('-'),
    });
    for (const dependency of parts.dependencies ?? []) this.#bootstrap.node.addDependency(dependency);
  }

  /** `host:port` of some brokers, separated by commas, for the way in that an outbox uses. */
  get bootstrapBrokers(): string {
    return this.bootstrapBrokersFor(this.#first);
  }

  /** How an outbox authenticates itself. */
  get authentication(): KafkaAuthentication {
    return this.authenticationFor(this.#first);
  }

  /** @throws OutboxError `invalid-option` for a way in that the cluster does not have. */
  bootstrapBrokersFor(access: BrokerAccess): string {
    this.#requireAccess(access);
    return this.#bootstrap.of(access);
  }

  /** @throws OutboxError `invalid-option` for a way in that the cluster does not have. */
  authenticationFor(access: BrokerAccess): KafkaAuthentication {
    this.#requireAccess(access);
    switch (access) {
      case 'iam':
        return KafkaAuthentication.iam(this);
      case 'scram':
        return this.secret === undefined ? this.#refuseSecret() : KafkaAuthentication.scram(this.secret);
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
    if (this.access.includes(access)) return;
    throw invalidOption('access', access, `one of ${this.access.join(', ')}`, 'The cluster offers no other way in.');
  }

  #refuseSecret(): never {
    throw invalidOption('secret', undefined, 'given with "scram" in access', 'It holds the username and the password.');
  }
}

function serverlessParts(scope: Construct, props: ServerlessClusterProps): ClusterParts {
  const subnetIds = subnetsOf(props);
  checkNewCluster('serverless', props, subnetIds);
  const warning = serverlessRegionWarning(Stack.of(scope).region);
  if (warning !== undefined) Annotations.of(scope).addWarningV2('dynamodb-outbox:serverless-region', warning);
  const clusterName = props.clusterName ?? clusterNameOf(scope, 'serverless');
  const cluster = new CfnServerlessCluster(scope, IDS.serverless, {
    clusterName,
    clientAuthentication: { sasl: { iam: { enabled: true } } },
    vpcConfigs: [{ subnetIds, securityGroups: [props.network.brokerSecurityGroup.securityGroupId] }],
  });
  scope.node.defaultChild = cluster;
  keep(cluster, props);
  return { kind: 'serverless', clusterArn: cluster.attrArn, clusterName, access: ['iam'], network: props.network };
}

function provisionedParts(
  scope: Construct,
  kind: 'express' | 'standard',
  props: ExpressClusterProps & StandardClusterProps,
): ClusterParts {
  const subnetIds = subnetsOf(props);
  checkNewCluster(kind, props, subnetIds);
  checkPlaces(
    Stack.of(scope),
    placesOfKeys({ encryptionKey: props.encryptionKey, scramSecret: props.scramSecret?.encryptionKey }),
  );
  const defaults = kind === 'express' ? EXPRESS_DEFAULTS : STANDARD_DEFAULTS;
  const { access = CLUSTER_DEFAULTS.access, brokers = CLUSTER_DEFAULTS.brokers, network } = props;
  const { instanceType = defaults.instanceType, kafkaVersion = defaults.kafkaVersion } = props;
  const logGroup = new LogGroup(scope, 'BrokerLogs', {
    retention: props.logRetention ?? CLUSTER_DEFAULTS.logRetention,
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
      storageInfo: kind === 'standard' ? disk(props.storage ?? STANDARD_DEFAULTS.storage) : undefined,
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
    // `PER_BROKER` has what tells of refused IAM connections.
    enhancedMonitoring: 'PER_BROKER',
    loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logGroup.logGroupName } } },
  });
  scope.node.defaultChild = cluster;
  keep(cluster, props);
  const askAgainFor = [instanceType, kafkaVersion, `${subnetIds.length}-zones`];
  const topicDefaults = kind === 'standard' ? replicationOf(props) : undefined;
  const parts = {
    kind,
    clusterArn: cluster.attrArn,
    clusterName,
    access,
    network,
    brokers,
    instanceType,
    askAgainFor,
    topicDefaults,
  };
  return access.includes('scram') ? { ...parts, ...scramLogin(scope, cluster, props) } : parts;
}

const subnetsOf = ({ network }: NewClusterProps): string[] => network.vpc.selectSubnets(network.vpcSubnets).subnetIds;

/** CloudFormation lets no resource become one of another type: another kind must be another resource, of another name. */
const IDS: Readonly<Record<ClusterKind, string>> = {
  serverless: 'Serverless',
  express: 'Express',
  standard: 'Standard',
};

const generatedName = (scope: Construct, maxLength = MAX_NAME_LENGTH): string =>
  Names.uniqueResourceName(scope, { maxLength, separator: '-', allowedSpecialCharacters: '-' });

const clusterNameOf = (scope: Construct, kind: ClusterKind): string =>
  `${generatedName(scope, MAX_NAME_LENGTH - kind.length - 1)}-${kind}`;

const keep = (cluster: CfnResource, { removalPolicy }: NewClusterProps): void =>
  cluster.applyRemovalPolicy(removalPolicy ?? CLUSTER_DEFAULTS.removalPolicy);

const disk = (storage: Size): CfnCluster.StorageInfoProperty => ({
  ebsStorageInfo: { volumeSize: storage.toGibibytes() },
});

function brokerProperties(scope: Construct, props: StandardClusterProps): CfnCluster.ConfigurationInfoProperty {
  const configuration = new CfnConfiguration(scope, 'Configuration', {
    name: generatedName(scope),
    serverProperties: Object.entries(serverPropertiesOf(props))
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  });
  // MSK deletes none that a cluster has.
  keep(configuration, props);
  return { arn: configuration.attrArn, revision: configuration.attrLatestRevisionRevision };
}

function scramLogin(
  scope: Construct,
  cluster: CfnCluster,
  props: ProvisionedClusterProps,
): Pick<ClusterParts, 'secret' | 'dependencies'> {
  const { scramSecret, removalPolicy } = props;
  const secret =
    scramSecret ??
    new Secret(scope, 'Login', {
      secretName: `${SCRAM_SECRET_PREFIX}${generatedName(scope)}`,
      description: 'Login of the outbox at the Kafka brokers',
      encryptionKey: new Key(scope, 'LoginKey', {
        description: 'Encrypts the login of the outbox at the Kafka brokers',
        enableKeyRotation: true,
        removalPolicy: removalPolicy ?? CLUSTER_DEFAULTS.removalPolicy,
      }),
      removalPolicy: removalPolicy ?? CLUSTER_DEFAULTS.removalPolicy,
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
  // A cluster that stays would let nobody in otherwise.
  keep(association, props);
  return { secret, dependencies: [association] };
}
