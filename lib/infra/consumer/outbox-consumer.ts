import { Stack } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Connections, IConnectable } from 'aws-cdk-lib/aws-ec2';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Grant, IGrantable, IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction, IEventSourceMapping, IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { encodeConsumerConfig, telemetryVariables } from '../../consume/environment';
import { DEAD_LETTER_OVERHEAD_BYTES, deadLetterTopic } from '../../event/consumer-name';
import { locationsOfBrokers } from '../cluster/broker-props';
import { readsSecret } from '../cluster/kafka-authentication';
import { OutboxTopics } from '../cluster/outbox-topics';
import { MAX_MESSAGE_BYTES, maxMessageBytesOf } from '../cluster/topic-rules';
import { outboxFunction } from '../functions/outbox-function';
import { ConsumerMonitoring } from '../monitoring/consumer-monitoring';
import { resolveConsumerMonitoring } from '../monitoring/consumer-options';
import { consumerMetric, type ConsumerMetric, type OutboxMetricOptions } from '../monitoring/metrics';
import { requireLeftOut } from '../options/invalid-option';
import { checkLocations, locationsOfAlarmTopics, locationsOfKeys } from '../options/locations';
import { Outbox } from '../outbox/outbox';
import { findAll } from '../template-checks/app-tree';
import { consumerProblems } from '../template-checks/consumer-checks';
import { estimateTopicArns, guardPolicySizes } from '../template-checks/role-policies';
import { locationsOfTable } from '../template-checks/same-table';
import { ConsumerInbox, grantInbox, grantWait } from './consumer-inbox';
import { consumerMapping, grantPolling } from './consumer-mapping';
import {
  MAX_INVOCATION_MESSAGE_BYTES,
  resolveConsumerProps,
  type OutboxConsumerProps,
  type ResolvedConsumerProps,
} from './outbox-consumer-props';

/**
 * Up to this number of topics the role names each group and dead-letter topic; above it, a pattern with the consumer's
 * name. Three ARNs for each of 300 topics exceed IAM's limit.
 */
const MAX_NAMED_TOPICS = 20;

/** Dead letters are few, and their order has no meaning. */
const DEAD_LETTER_PARTITIONS = 1;

/**
 * An event consumer on Lambda: a function with everything that `createConsumer` and `handleKafkaEvent` need, an event
 * source mapping for each topic, an inbox, dead-letter topics and alarms.
 *
 * Its role has the permissions of the library. Grant the handlers' own permissions on your tables.
 *
 * @example
 * ```ts
 * import { AttributeType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
 * import { Code } from 'aws-cdk-lib/aws-lambda';
 * import { OutboxCluster, OutboxConsumer, OutboxNetwork } from 'dynamodb-outbox/cdk';
 *
 * const stack = new Stack();
 * const network = new OutboxNetwork(stack, 'Network', { consumerMappings: 'provisioned' });
 * const cluster = OutboxCluster.serverless(stack, 'Cluster', { network });
 * const shipping = new OutboxConsumer(stack, 'Shipping', {
 *   consumerName: 'shipping',
 *   cluster,
 *   topics: ['orders'],
 *   code: Code.fromInline('exports.handler = async () => ({ batchItemFailures: [] });'),
 * });
 * const shipments = new TableV2(stack, 'Shipments', { partitionKey: { name: 'id', type: AttributeType.STRING } });
 * shipments.grantReadWriteData(shipping);
 * ```
 */
export class OutboxConsumer extends Construct implements IGrantable, IConnectable {
  readonly consumerName: string;
  /** Applies the events. Only its mappings and the construct's schedule should invoke it. */
  readonly function: IFunction;
  /** The table in which the consumer records applied events. */
  readonly inbox: ITable;
  /** The dead-letter topic of each topic, for messages that the consumer cannot apply. */
  readonly deadLetterTopics: Readonly<Record<string, string>>;
  /** The event source mapping of each topic. */
  readonly eventSourceMappings: Readonly<Record<string, IEventSourceMapping>>;
  /** The consumer group of each topic. */
  readonly groups: Readonly<Record<string, string>>;
  /** The alarms; `undefined` when `monitoring` is `false`. */
  readonly monitoring?: ConsumerMonitoring;
  /** The role of the function: grant it the handlers' permissions. */
  readonly grantPrincipal: IPrincipal;

  readonly #metricsNamespace: string;

  /** @throws OutboxError `invalid-option` when an option is unknown, missing or cannot work. */
  constructor(scope: Construct, id: string, props: OutboxConsumerProps) {
    super(scope, id);
    const resolved = resolveConsumerProps(props);
    const monitoring = resolved.monitoring === false ? undefined : resolveConsumerMonitoring(this, resolved.monitoring);
    const { consumerName, topics, environmentEncryptionKey, logEncryptionKey } = resolved;
    checkLocations(Stack.of(this), [
      ...locationsOfTable('inbox', resolved.inbox),
      ...locationsOfBrokers(resolved),
      ...locationsOfKeys({ environmentEncryptionKey, logEncryptionKey }),
      ...locationsOfAlarmTopics(monitoring),
    ]);
    this.consumerName = consumerName;
    this.deadLetterTopics = Object.fromEntries(
      topics.map(({ topic }) => [topic, deadLetterTopic(topic, consumerName)]),
    );
    estimateTopicArns(this, {
      clusterArn: resolved.authentication.clusterArn,
      clusterName: resolved.cluster?.clusterName,
      topics:
        topics.length > MAX_NAMED_TOPICS ? topics.map(({ topic }) => topic) : Object.values(this.deadLetterTopics),
    });
    guardPolicySizes(this);
    this.#metricsNamespace = resolved.metricsNamespace;
    this.inbox = resolved.inbox ?? new ConsumerInbox(this, 'Inbox').table;
    this.groups = Object.fromEntries(topics.map(({ topic, group }) => [topic, group]));
    const consumer = this.#function(resolved);
    this.function = consumer;
    this.grantPrincipal = consumer.grantPrincipal;
    this.#grant(consumer, resolved);
    const deadLetters = resolved.makeDeadLetterTopics ? [this.#makeDeadLetterTopics(resolved)] : [];
    this.eventSourceMappings = Object.fromEntries(
      topics.map((topic) => {
        const mapping = consumerMapping(this, consumer, topic, resolved);
        // While the dead-letter topics do not exist, an unreadable message blocks its partition.
        mapping.node.addDependency(...deadLetters);
        return [topic.topic, mapping];
      }),
    );
    this.#schedule(consumer, resolved);
    // Validate after the whole app exists: endpoints and policies may be added after the consumer.
    this.node.addValidation({
      validate: () =>
        consumerProblems({
          ...resolved,
          consumer: this,
          function: consumer,
          outboxes: findAll(this, Outbox),
          readsSecret: readsSecret(resolved.authentication),
        }),
    });
    if (monitoring === undefined) return;
    this.monitoring = new ConsumerMonitoring(this, 'Monitoring', {
      consumer: {
        consumerName,
        metricsNamespace: resolved.metricsNamespace,
        function: consumer,
        memorySize: resolved.memorySize,
        inbox: this.inbox,
        mappings: this.eventSourceMappings,
        givesUp: resolved.onFailure !== undefined,
        enabled: resolved.enabled,
      },
      options: monitoring,
    });
  }

  get connections(): Connections {
    return this.function.connections;
  }

  /** A metric that the consumer emits by `consumerTelemetry`, such as `appliedEvents`: its sum, or p99 of a latency. */
  metric(name: ConsumerMetric, options?: OutboxMetricOptions): Metric {
    return consumerMetric({ consumerName: this.consumerName, metricsNamespace: this.#metricsNamespace }, name, options);
  }

  /** Allows a service to query whether its writes have been applied: `isApplied`, `waitUntilApplied`, `lag`. */
  grantWait(grantee: IGrantable): Grant {
    return grantWait(this.inbox, grantee, this.consumerName);
  }

  #function(props: ResolvedConsumerProps): LambdaFunction {
    const { consumerName, authentication, bootstrapBrokers } = props;
    const own = {
      ...encodeConsumerConfig({
        name: consumerName,
        tableName: this.inbox.tableName,
        brokers: [bootstrapBrokers],
        auth: authentication.settings,
      }),
      ...telemetryVariables(consumerName, props.metricsNamespace),
    };
    const taken = Object.keys(props.environment).find((variable) => variable in own);
    if (taken !== undefined) {
      requireLeftOut({ [`environment["${taken}"]`]: props.environment[taken] }, 'left out', 'The construct sets it.');
    }
    return outboxFunction(this, {
      options: props,
      network: props,
      description: `Applies events as the consumer ${consumerName}`,
      code: props.code,
      handler: props.handler,
      memorySize: props.memorySize,
      timeout: props.timeout,
      // For the scheduled invocations, whose next one replaces a retry. Mappings retry by themselves.
      retryAttempts: 0,
      reservedConcurrentExecutions: props.reservedConcurrency,
      environment: { ...props.environment, ...own },
    });
  }

  /** An event without records makes the consumer check for an operator's request. */
  #schedule(consumer: LambdaFunction, { redriveInterval, enabled }: ResolvedConsumerProps): void {
    if (redriveInterval === false) return;
    new Rule(this, 'Redrive', {
      description: `Lets the consumer ${this.consumerName} poll for requests of operators`,
      schedule: Schedule.rate(redriveInterval),
      enabled,
      targets: [new LambdaTarget(consumer, { event: RuleTargetInput.fromObject({ records: {} }) })],
    });
  }

  #grant(consumer: LambdaFunction, props: ResolvedConsumerProps): void {
    grantInbox(this.inbox, consumer, this.consumerName);
    const { consumerName } = this;
    const isMany = props.topics.length > MAX_NAMED_TOPICS;
    for (const { topic, group } of props.topics) {
      props.authentication.grantPoll(consumer, [topic], isMany && group !== consumerName ? `${consumerName}.*` : group);
    }
    const deadLetters = isMany ? [deadLetterTopic('*', consumerName)] : Object.values(this.deadLetterTopics);
    props.authentication.grantPublish(consumer, deadLetters);
    grantPolling(consumer, props);
  }

  #makeDeadLetterTopics(props: ResolvedConsumerProps): OutboxTopics {
    const { cluster, bootstrapBrokers, authentication, vpc, vpcSubnets, securityGroups } = props;
    return new OutboxTopics(this, 'DeadLetters', {
      ...(cluster === undefined ? { bootstrapBrokers } : { cluster }),
      authentication,
      vpc,
      vpcSubnets,
      securityGroups,
      topics: props.topics.map((topic) => ({
        topic: deadLetterTopic(topic.topic, this.consumerName),
        partitions: DEAD_LETTER_PARTITIONS,
        keyed: false,
        configs: {
          'retention.ms': String(props.deadLetterRetention.toMilliseconds()),
          [MAX_MESSAGE_BYTES]: String(
            (maxMessageBytesOf(topic) ?? MAX_INVOCATION_MESSAGE_BYTES) + DEAD_LETTER_OVERHEAD_BYTES,
          ),
        },
      })),
      // Dead letters have no order that growth could break.
      checkGrowth: false,
      topicsCode: props.topicsCode,
      logRetention: props.logRetention,
    });
  }
}
