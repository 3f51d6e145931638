import { Annotations, CustomResource, Duration, Fn, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnTopic } from 'aws-cdk-lib/aws-msk';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { encodeTopicsConfig, TOPICS_DEFAULTS } from '../../topics/environment';
import { encodeTopicRequest, type TopicRequest } from '../../topics/request';
import { bundledFunction, outboxFunction } from '../functions/outbox-function';
import { invalidOption, requireOption } from '../options/invalid-option';
import { checkLocations } from '../options/locations';
import { sameKindAs } from '../template-checks/app-tree';
import { estimateTopicArns, guardPolicySizes } from '../template-checks/role-policies';
import { locationsOfBrokers, checkReach, resolveBrokers, type BrokerProps, type ResolvedBrokers } from './broker-props';
import {
  checkReplicas,
  CLOUDFORMATION_REPLICAS,
  makerOf,
  resolveTopics,
  resolveTopicsProps,
  type ResolvedTopicsProps,
  type OutboxTopicsProps,
  type ResolvedTopic,
} from './outbox-topics-props';
import { topicWarnings, collision, isCollision, type TopicDefaults } from './topic-rules';

const MEMORY_MB = 256;
/** Long enough for two checks and a change with their retries, and shorter than CloudFormation waits. */
const TIMEOUT = Duration.minutes(5);

/**
 * The topics of an outbox: made, changed, and deleted only if their options say so.
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
  /** Every topic, with its defaults filled in. */
  readonly topics: readonly ResolvedTopic[];
  /** The cluster's ARN, or its broker addresses if the app knows only these. */
  readonly clusterId: string;

  /** @throws OutboxError `invalid-option` when an option is unknown, missing or cannot work. */
  constructor(scope: Construct, id: string, given: OutboxTopicsProps) {
    super(scope, id);
    const props = resolveTopicsProps(given);
    const brokers = resolveBrokers(props);
    checkLocations(Stack.of(this), locationsOfBrokers(brokers));
    this.clusterId = clusterIdOf(brokers);
    // Validate after the whole app exists: another OutboxTopics may be made after this one.
    this.node.addValidation({ validate: () => this.#sharedTopics() });
    const byFunction = makerOf(props, brokers) === 'function';
    const defaults = topicDefaultsOf(brokers, byFunction);
    this.topics = resolveTopics(props, defaults);
    for (const topic of this.topics) {
      for (const warning of topicWarnings(topic, defaults)) {
        Annotations.of(this).addWarningV2('dynamodb-outbox:topic', `The topic "${topic.topic}": ${warning}`);
      }
    }
    this.names = this.topics.map(({ topic }) => topic);
    estimateTopicArns(this, {
      clusterArn: brokers.authentication.clusterArn,
      clusterName: brokers.cluster?.clusterName,
      topics: this.names,
    });
    guardPolicySizes(this);
    const { cluster } = brokers;
    // For an existing cluster, `brokers` serves only the connection limits.
    if (cluster?.exists === false && cluster.brokers !== undefined) {
      checkReplicas(this.topics, cluster.brokers, byFunction ? undefined : CLOUDFORMATION_REPLICAS);
    }
    const provider = byFunction || mustCheck(props, brokers) ? this.#provider(props, brokers, byFunction) : undefined;
    for (const topic of this.topics) {
      const asked = provider === undefined ? undefined : this.#ask(provider, topic, brokers, byFunction);
      if (byFunction) continue;
      const made = this.#make(topic);
      if (asked !== undefined) made.node.addDependency(asked);
    }
  }

  /** If two constructs make one topic, the deployment fails, or the properties of the last deployment win. */
  #sharedTopics(): string[] {
    return sameKindAs(this, (other) => other !== this && other.clusterId === this.clusterId).flatMap(
      ({ names, node }) =>
        this.names
          .flatMap((topic) => {
            const others = names.filter((name) => isCollision(name, topic)).map((name) => collision(topic, name));
            if (!names.includes(topic)) return others;
            const advice = `${node.path} makes it on the same cluster too. Keep it in one, and name the topic where it is used.`;
            return [...others, invalidOption('topics', topic, 'made by one OutboxTopics', advice)];
          })
          .map(({ message }) => message),
    );
  }

  #make({ topic, partitions, replicationFactor, configs, onRemoval }: ResolvedTopic): CfnTopic {
    // Not the custom resource's id: CloudFormation could not change its type when the kind of cluster changes.
    const made = new CfnTopic(this, `MskTopic-${topic}`, {
      clusterArn: this.clusterId,
      topicName: topic,
      partitionCount: partitions,
      replicationFactor: replicationFactor ?? CLOUDFORMATION_REPLICAS,
      configs: Object.keys(configs).length === 0 ? undefined : Fn.base64(propertyLines(configs)),
    });
    // The name is fixed: if the topic stayed after a rollback of its creation, the next attempt would fail.
    made.applyRemovalPolicy(onRemoval === 'delete' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    return made;
  }

  #ask(provider: Provider, topic: ResolvedTopic, brokers: ResolvedBrokers, apply: boolean): CustomResource {
    const request: TopicRequest = { ...topic, cluster: this.clusterId, mode: apply ? 'apply' : 'check' };
    const asked = new CustomResource(this, `${apply ? 'Topic' : 'Check'}-${topic.topic}`, {
      resourceType: apply ? 'Custom::KafkaTopic' : 'Custom::KafkaTopicCheck',
      serviceToken: provider.serviceToken,
      properties: encodeTopicRequest(request),
      // For a retained topic the function is not even invoked: the brokers may no longer exist.
      removalPolicy: apply && topic.onRemoval === 'delete' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    // Ports and endpoints are separate resources, which nothing else waits for.
    asked.node.addDependency(...brokers.dependencies);
    return asked;
  }

  #provider(props: ResolvedTopicsProps, brokers: ResolvedBrokers, change: boolean): Provider {
    return new Provider(this, 'Provider', {
      onEventHandler: this.#function(props, brokers, change),
      logGroup: new LogGroup(this, 'ProviderLogs', {
        retention: props.logRetention,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    });
  }

  #function(props: ResolvedTopicsProps, brokers: ResolvedBrokers, change: boolean): LambdaFunction {
    checkReach(brokers);
    const { authentication, bootstrapBrokers } = brokers;
    const made = outboxFunction(this, {
      options: props,
      network: brokers,
      description: change ? 'Makes and changes Kafka topics' : 'Checks Kafka topics before they are changed',
      code: props.topicsCode ?? bundledFunction('topics'),
      memorySize: MEMORY_MB,
      timeout: TIMEOUT,
      environment: encodeTopicsConfig({
        ...TOPICS_DEFAULTS,
        cluster: this.clusterId,
        brokers: [bootstrapBrokers],
        auth: authentication.settings,
      }),
    });
    const removable = this.topics.filter(({ onRemoval }) => change && onRemoval === 'delete').map(({ topic }) => topic);
    const kept = this.names.filter((topic) => !removable.includes(topic));
    if (kept.length > 0) authentication.grantAdminister(made, kept, { change, remove: false });
    if (removable.length > 0) authentication.grantAdminister(made, removable, { change, remove: true });
    return made;
  }
}

/** Identifies the cluster by its ARN, or by its broker addresses if the app has no ARN. */
const clusterIdOf = ({ cluster, bootstrapBrokers }: ResolvedBrokers): string => cluster?.clusterArn ?? bootstrapBrokers;

/**
 * The brokers of a construct that reads or writes `topics`, which it waits for.
 *
 * @throws OutboxError `invalid-option`, also for topics on another cluster.
 */
export function resolveBrokersOf({ topics, ...props }: BrokerProps & { readonly topics: unknown }): ResolvedBrokers {
  const brokers = resolveBrokers(props);
  if (!(topics instanceof OutboxTopics)) return brokers;
  const [made, used] = [topics.clusterId, clusterIdOf(brokers)];
  // A token and a plain ARN may name the same cluster, and so may an ARN and addresses.
  const areComparable = Token.isUnresolved(made) === Token.isUnresolved(used) && isArn(made) === isArn(used);
  const sameStack = Stack.of(topics) === Stack.of(brokers.cluster ?? topics);
  requireOption(
    made === used || !areComparable || !sameStack,
    'topics',
    `the topics of ${topics.node.path}, on another cluster`,
    'topics on the cluster that is used',
    'They do not exist on the cluster of this construct. Give both the same cluster.',
  );
  return { ...brokers, dependencies: [...brokers.dependencies, topics] };
}

const topicDefaultsOf = ({ cluster }: ResolvedBrokers, byFunction: boolean): TopicDefaults => ({
  kind: cluster?.kind,
  replicas: byFunction ? cluster?.defaultReplicas : CLOUDFORMATION_REPLICAS,
  minInsyncReplicas: cluster?.minInsyncReplicas,
});

const isArn = (text: string): boolean => text.startsWith('arn:');

/** The format of Amazon MSK: one line for each property. */
const propertyLines = (configs: Readonly<Record<string, string>>): string =>
  Object.entries(configs)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');

function mustCheck({ checkGrowth }: ResolvedTopicsProps, { vpc }: ResolvedBrokers): boolean {
  requireOption(
    !checkGrowth || vpc !== undefined,
    'vpc',
    vpc,
    'given, from where the brokers are reached',
    'A function there checks the partitions before CloudFormation changes them. Without that check a topic grows unasked: set checkGrowth to false to accept it.',
  );
  return checkGrowth;
}
