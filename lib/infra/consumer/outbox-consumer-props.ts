import { Duration, Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { StartingPosition, type Code } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { METRICS_NAMESPACE } from '../../event/metrics';
import { withoutUndefined } from '../../event/options';
import { BROKER_OPTIONS, resolveBrokers, type BrokerProps, type ResolvedBrokers } from '../cluster/broker-props';
import { checkConsumer } from '../guards/consumer';
import { invalidOption, checkOptions, type OptionKind } from '../invalid-option';
import type { ConsumerMonitoringOptions } from '../monitoring/consumer-options';
import { checkTopicsCluster, OutboxTopics } from '../cluster/outbox-topics';
import type { TopicProps } from '../cluster/outbox-topics-props';

/** What an `OutboxConsumer` can be told. */
export interface OutboxConsumerProps extends BrokerProps {
  /**
   * Names the consumer for ever: its part of the inbox, its Kafka group, its dead-letter topics, and the value of the
   * metrics dimension `service`. Another name is another consumer, which begins anew.
   */
  readonly consumerName: string;

  /**
   * The topics that it reads: all of an `OutboxTopics`, or some by name. Say of one that takes larger messages than Kafka's
   * default what its `max.message.bytes` is, as `{ topic, configs }` or with an entry of `OutboxTopics.topics`. Add
   * further topics at the end: the first one's Kafka group is `consumerName`, that of each further one
   * `<consumerName>.<topic>`, because Lambda wants a group for each.
   */
  readonly topics: OutboxTopics | (string | TopicProps)[];

  /** The function's code. Its handler is made by `handleKafkaEvent` with `partialBatchResponse: true`. */
  readonly code: Code;

  /**
   * Where in the code the handler is.
   *
   * @default 'index.handler'
   */
  readonly handler?: string;

  /**
   * The table in which it notes what it has applied: that of a `ConsumerInbox`, or one with the string keys `pk` and `sk`
   * and TTL on `expiresAt`. Consumers may share one.
   *
   * @default - that of a new `ConsumerInbox`
   */
  readonly inbox?: ITable;

  /**
   * Whether the dead-letter topics, `<topic>.<consumerName>.dlt`, are made here. Otherwise they must exist, and take
   * messages 4 KB larger than their topics do.
   *
   * @default true
   */
  readonly makeDeadLetterTopics?: boolean;

  /**
   * How long dead letters are kept: long enough for somebody to see the alarm and act.
   *
   * @default Duration.days(30)
   */
  readonly deadLetterRetention?: Duration;

  /**
   * Further environment variables of the function, beside those that `consumerEnvironment` and Powertools read.
   *
   * @default {}
   */
  readonly environment?: Record<string, string>;

  /**
   * Memory of the function in MB. Its share of CPU grows with it.
   *
   * @default 512
   */
  readonly memorySize?: number;

  /**
   * How long one invocation may take: 10 seconds to 14 minutes. In the last 5 seconds of it nothing is begun any more.
   *
   * @default Duration.minutes(1)
   */
  readonly timeout?: Duration;

  /**
   * Invocations at the same time that Lambda keeps free for the consumer, and never exceeds: at least `minimumPollers`.
   *
   * @default - what the account has free, and one for each partition at most
   */
  readonly reservedConcurrency?: number;

  /**
   * Messages in one invocation, at most: 1 to 10,000, and no more than 6 MB.
   *
   * @default 100
   */
  readonly batchSize?: number;

  /**
   * How long messages are gathered for an invocation, in whole seconds up to 5 minutes. Lambda never goes back to its
   * half second once it was told another time.
   *
   * @default - half a second
   */
  readonly maxBatchingWindow?: Duration;

  /**
   * Pollers that are always there, for each topic: 1 to 200. One carries up to 5 MB a second or 5 invocations at the same
   * time. They are billed by the hour.
   *
   * @default 1
   */
  readonly minimumPollers?: number;

  /**
   * Pollers under load, for each topic: up to 2,000. More than a topic has partitions are never used.
   *
   * @default 10
   */
  readonly maximumPollers?: number;

  /**
   * Where it begins in a topic that its group has never read: `TRIM_HORIZON` with the oldest message, `LATEST` with the
   * next one, and what comes while the mapping is made may be missed; `AT_TIMESTAMP` with `startingPositionTimestamp`.
   *
   * @default StartingPosition.TRIM_HORIZON
   */
  readonly startingPosition?: StartingPosition;

  /**
   * With `AT_TIMESTAMP`: in seconds since 1970.
   *
   * @default - none
   */
  readonly startingPositionTimestamp?: number;

  /**
   * Which messages reach the function, by Lambda's own patterns (`FilterCriteria.filter`), at most five. What does not is
   * missing in the sequence of its key: set `gaps: 'ignore'` in `createConsumer`, and do not wait for such events.
   *
   * @default - all
   */
  readonly filters?: Record<string, unknown>[];

  /**
   * Where batches go that Lambda gives up. Without it Lambda retries for ever, and what cannot be applied is set aside by
   * the consumer itself, message by message. With it Lambda retries a limited number of times, also in an outage: what it
   * gives up then is not applied, and later events of its keys are.
   *
   * @default - nothing is given up
   */
  readonly onFailure?: ConsumerOnFailure;

  /**
   * How often the function is invoked without messages, to see whether an operator asks for something (`outbox consumer
   * redrive`): whole minutes. Otherwise a consumer of idle topics would not look. `false`: with messages only.
   *
   * @default Duration.minutes(1)
   */
  readonly redriveEvery?: Duration | false;

  /**
   * Whether its topics are read.
   *
   * @default true
   */
  readonly enabled?: boolean;

  /**
   * Namespace of the consumer's own metrics. The function gets it as `POWERTOOLS_METRICS_NAMESPACE`, which Powertools'
   * `Metrics` reads.
   *
   * @default 'DynamoDBOutbox'
   */
  readonly metricsNamespace?: string;

  /**
   * How long the logs of the function are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;

  /**
   * Key that encrypts the variables of the function where they lie. What the construct sets are names and addresses, no
   * secrets.
   *
   * @default - a key that Lambda owns
   */
  readonly environmentEncryptionKey?: IKey;

  /**
   * Key that encrypts the logs. One made in the app is told to let CloudWatch Logs use it; an imported one must be told by
   * its owner.
   *
   * @default - a key that CloudWatch Logs owns
   */
  readonly logEncryptionKey?: IKey;

  /**
   * Code of the function that makes the dead-letter topics where CloudFormation cannot; for tests of stacks and for own
   * builds.
   *
   * @default - the bundle that this package contains
   */
  readonly topicsCode?: Code;

  /**
   * Who is told, and the thresholds; `false` for no alarms and no dashboard.
   *
   * @default - every alarm and a dashboard; nobody is told
   */
  readonly monitoring?: ConsumerMonitoringOptions | false;
}

/** Where Lambda puts what it gives up, and when. */
export interface ConsumerOnFailure {
  /**
   * Gets the whole batch. Queues and SNS topics would get its place only, and the messages are gone once Kafka has
   * dropped them. The cluster's VPC needs a way to S3; a gateway endpoint is free.
   */
  readonly bucket: IBucket;

  /**
   * Retries before a batch is given up: up to 10,000. It must be said, because Lambda turns "for ever" into 10 with a
   * destination.
   */
  readonly retryAttempts: number;
}

/** Every default that is a value; what depends on something else is described at its option. */
export const CONSUMER_CONSTRUCT_DEFAULTS = {
  handler: 'index.handler',
  makeDeadLetterTopics: true,
  deadLetterRetention: Duration.days(30),
  environment: {},
  memorySize: 512,
  timeout: Duration.minutes(1),
  batchSize: 100,
  minimumPollers: 1,
  maximumPollers: 10,
  startingPosition: StartingPosition.TRIM_HORIZON,
  redriveEvery: Duration.minutes(1),
  enabled: true,
  metricsNamespace: METRICS_NAMESPACE,
  logRetention: RetentionDays.ONE_MONTH,
} as const satisfies Partial<OutboxConsumerProps>;

/** As a record, so that a new option that is not listed does not compile. */
const OPTIONS: Readonly<Record<keyof OutboxConsumerProps, OptionKind>> = {
  ...BROKER_OPTIONS,
  consumerName: true,
  topics: true,
  code: true,
  handler: true,
  inbox: true,
  makeDeadLetterTopics: true,
  deadLetterRetention: 'seconds',
  environment: true,
  memorySize: true,
  timeout: 'seconds',
  reservedConcurrency: true,
  batchSize: true,
  maxBatchingWindow: 'seconds',
  minimumPollers: true,
  maximumPollers: true,
  startingPosition: true,
  startingPositionTimestamp: true,
  filters: 'list',
  onFailure: true,
  redriveEvery: true,
  enabled: true,
  metricsNamespace: true,
  logRetention: 'log-retention',
  environmentEncryptionKey: true,
  logEncryptionKey: true,
  topicsCode: true,
  monitoring: true,
};

/** A topic that is read, and as a member of which group. */
export interface ConsumedTopic {
  readonly topic: string;
  readonly group: string;
  readonly configs: Readonly<Record<string, string>>;
}

export type ResolvedConsumerProps = Omit<OutboxConsumerProps, 'topics'> &
  Required<Pick<OutboxConsumerProps, keyof typeof CONSUMER_CONSTRUCT_DEFAULTS>> &
  ResolvedBrokers & { readonly topics: readonly ConsumedTopic[] };

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveConsumerProps(props: OutboxConsumerProps): ResolvedConsumerProps {
  checkOptions('OutboxConsumer', props, OPTIONS);
  const own = withoutUndefined(props);
  const brokers = resolveBrokers(own);
  checkTopicsCluster(own.topics, brokers);
  const resolved: ResolvedConsumerProps = {
    ...CONSUMER_CONSTRUCT_DEFAULTS,
    ...own,
    ...brokers,
    topics: consumedTopics(own),
    dependencies: own.topics instanceof OutboxTopics ? [...brokers.dependencies, own.topics] : brokers.dependencies,
  };
  checkConsumer(resolved);
  if (!resolved.makeDeadLetterTopics && own.deadLetterRetention !== undefined) {
    throw invalidOption(
      'deadLetterRetention',
      own.deadLetterRetention.toString(),
      'left out when makeDeadLetterTopics is false',
      'Topics that exist keep their messages as they were told.',
    );
  }
  return resolved;
}

function consumedTopics({ topics, consumerName }: OutboxConsumerProps): ConsumedTopic[] {
  const list: unknown = topics instanceof OutboxTopics ? topics.topics : topics;
  if (!Array.isArray(list) || list.length === 0 || Token.isUnresolved(list)) {
    throw invalidOption(
      'topics',
      list,
      'an OutboxTopics or a list of at least one topic, its length known at synthesis',
      'Each topic has an event source mapping of its own.',
    );
  }
  return (list as (string | TopicProps)[]).map((one, index) => {
    const { topic, configs = {} }: TopicProps = typeof one === 'string' ? { topic: one } : one;
    return { topic, configs, group: index === 0 ? consumerName : `${consumerName}.${topic}` };
  });
}
