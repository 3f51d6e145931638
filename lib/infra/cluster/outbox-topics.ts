import { CustomResource, Duration, Fn, RemovalPolicy } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnTopic } from 'aws-cdk-lib/aws-msk';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { encodeTopicsConfig, TOPICS_DEFAULTS } from '../../topics/environment';
import { encodeTopicRequest, type TopicRequest } from '../../topics/request';
import { checkReach, resolveBrokers, type ResolvedBrokers } from './broker-props';
import { bundledFunction } from '../bundled-function';
import { checkReplicas } from '../guards/replicas';
import { invalidOption } from '../invalid-option';
import { outboxFunction } from '../outbox-function';
import {
  CLOUDFORMATION_REPLICAS,
  makerOf,
  resolveTopics,
  TOPICS_PROPS_DEFAULTS,
  type OutboxTopicsProps,
  type ResolvedTopic,
} from './outbox-topics-props';

const MEMORY_MB = 256;
/** Looking, changing and looking again, each with its retries; less than CloudFormation waits. */
const TIMEOUT = Duration.minutes(5);

/**
 * The topics of an outbox: made, changed, and never deleted unless they are told to be.
 *
 * @example
 * ```ts
 * import { Stack } from 'aws-cdk-lib';
 * import { Outbox, OutboxCluster, OutboxNetwork, OutboxTopics } from 'dynamodb-outbox/cdk';
 *
 * const stack = new Stack();
 * const cluster = OutboxCluster.serverless(stack, 'Cluster', { network: new OutboxNetwork(stack, 'Network') });
 * const topics = new OutboxTopics(stack, 'Topics', {
 *   cluster,
 *   topics: ['payments', { topic: 'orders', partitions: 24, configs: { 'retention.ms': '604800000' } }],
 * });
 * new Outbox(stack, 'Outbox', { cluster, topics });
 * ```
 */
export class OutboxTopics extends Construct {
  /** Names of all topics. */
  readonly names: string[];
  /** Every topic, with all defaults in their places. */
  readonly topics: readonly ResolvedTopic[];

  /** @throws OutboxError `invalid-option` when an option is unknown, missing or cannot work. */
  constructor(scope: Construct, id: string, props: OutboxTopicsProps) {
    super(scope, id);
    const brokers = resolveBrokers(props);
    this.topics = resolveTopics(props, brokers.cluster?.kind);
    this.names = this.topics.map(({ topic }) => topic);
    const byFunction = makerOf(props, brokers) === 'function';
    const { cluster } = brokers;
    // How many brokers somebody else's cluster has is only said for its limits on connections.
    if (cluster?.exists === false && cluster.brokers !== undefined) {
      checkReplicas(this.topics, cluster.brokers, byFunction ? undefined : CLOUDFORMATION_REPLICAS);
    }
    const provider = byFunction || mustCheck(props, brokers) ? this.#provider(props, brokers, byFunction) : undefined;
    for (const topic of this.topics) {
      const asked = provider === undefined ? undefined : this.#ask(provider, topic, brokers, byFunction);
      if (byFunction) continue;
      const made = this.#make(topic, brokers);
      if (asked !== undefined) made.node.addDependency(asked);
    }
  }

  #make({ topic, partitions, replicationFactor, configs, onRemoval }: ResolvedTopic, brokers: ResolvedBrokers) {
    // Not the id of a custom resource, which CloudFormation could not turn into this one when the kind of cluster changes.
    const made = new CfnTopic(this, `MskTopic-${topic}`, {
      clusterArn: clusterOf(brokers),
      topicName: topic,
      partitionCount: partitions,
      replicationFactor: replicationFactor ?? CLOUDFORMATION_REPLICAS,
      configs: Object.keys(configs).length === 0 ? undefined : Fn.base64(propertiesOf(configs)),
    });
    made.applyRemovalPolicy(removalPolicyOf(onRemoval));
    return made;
  }

  #ask(provider: Provider, topic: ResolvedTopic, brokers: ResolvedBrokers, apply: boolean): CustomResource {
    const request: TopicRequest = { ...topic, cluster: clusterOf(brokers), mode: apply ? 'apply' : 'check' };
    const asked = new CustomResource(this, `${apply ? 'Topic' : 'Check'}-${topic.topic}`, {
      resourceType: apply ? 'Custom::KafkaTopic' : 'Custom::KafkaTopicCheck',
      serviceToken: provider.serviceToken,
      properties: encodeTopicRequest(request),
      // What is retained is not even asked about: the brokers may be gone by then.
      removalPolicy: removalPolicyOf(apply ? topic.onRemoval : 'retain'),
    });
    // Ports and endpoints are resources of their own, that nothing else waits for.
    asked.node.addDependency(...brokers.dependencies);
    return asked;
  }

  #provider(props: OutboxTopicsProps, brokers: ResolvedBrokers, change: boolean): Provider {
    const logRetention = props.logRetention ?? TOPICS_PROPS_DEFAULTS.logRetention;
    return new Provider(this, 'Provider', {
      onEventHandler: this.#function(props, brokers, change),
      logGroup: new LogGroup(this, 'ProviderLogs', {
        retention: logRetention,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    });
  }

  #function(props: OutboxTopicsProps, brokers: ResolvedBrokers, change: boolean): LambdaFunction {
    checkReach(brokers);
    const { vpc, vpcSubnets, securityGroups, authentication, bootstrapBrokers } = brokers;
    const made = outboxFunction(this, {
      description: change ? 'Makes and changes Kafka topics' : 'Looks at Kafka topics before they are changed',
      code: props.topicsCode ?? bundledFunction('topics'),
      memorySize: MEMORY_MB,
      timeout: TIMEOUT,
      logRetention: props.logRetention ?? TOPICS_PROPS_DEFAULTS.logRetention,
      vpc,
      vpcSubnets,
      securityGroups,
      environment: {
        ...encodeTopicsConfig({
          ...TOPICS_DEFAULTS,
          cluster: clusterOf(brokers),
          brokers: [bootstrapBrokers],
          auth: authentication.settings,
        }),
        // kafkajs schedules timers with a negative delay, which Node.js 24 reports on every cold start.
        NODE_OPTIONS: '--disable-warning=TimeoutNegativeWarning',
      },
    });
    const removable = this.topics.filter(({ onRemoval }) => change && onRemoval === 'delete').map(({ topic }) => topic);
    const kept = this.names.filter((topic) => !removable.includes(topic));
    if (kept.length > 0) authentication.grantAdminister(made, kept, { change, remove: false });
    if (removable.length > 0) authentication.grantAdminister(made, removable, { change, remove: true });
    return made;
  }
}

/** Names the cluster: by its ARN, or a cluster of one's own by the brokers it is found by. */
const clusterOf = ({ cluster, bootstrapBrokers }: ResolvedBrokers): string => cluster?.clusterArn ?? bootstrapBrokers;

const removalPolicyOf = (onRemoval: 'retain' | 'delete'): RemovalPolicy =>
  onRemoval === 'delete' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;

/** As Amazon MSK reads and answers it: a line for each property. */
const propertiesOf = (configs: Readonly<Record<string, string>>): string =>
  Object.entries(configs)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');

function mustCheck(props: OutboxTopicsProps, { vpc }: ResolvedBrokers): boolean {
  if (!(props.checkGrowth ?? TOPICS_PROPS_DEFAULTS.checkGrowth)) return false;
  if (vpc !== undefined) return true;
  throw invalidOption(
    'vpc',
    vpc,
    'given, from where the brokers are reached',
    'A function there looks at the partitions before CloudFormation changes them. Without that look a topic grows unasked: set checkGrowth to false to accept it.',
  );
}
