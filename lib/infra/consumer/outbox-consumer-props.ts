import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { StartingPosition, type Code } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { HANDLER_MARGIN_MS } from '../../consume/environment';
import { CONSUMER_NAME_PATTERN } from '../../event/consumer-name';
import { METRICS_NAMESPACE } from '../../event/metrics';
import { isRecord } from '../../event/options';
import { BROKER_OPTIONS, type BrokerProps, type ResolvedBrokers } from '../cluster/broker-props';
import type { OutboxTopics } from '../cluster/outbox-topics';
import type { TopicProps } from '../cluster/outbox-topics-props';
import { memorySize } from '../functions/lambda-limits';
import { FUNCTION_OPTIONS, type OutboxFunctionProps } from '../functions/outbox-function';
import type { ConsumerMonitoringOptions } from '../monitoring/consumer-options';
import {
  anyValue,
  defaultsOf,
  duration,
  integer,
  list,
  oneOf,
  optional,
  required,
  orFalse,
  text,
  textAtSynthesis,
  unchecked,
  type OptionTable,
  type Resolved,
} from '../options/option-table';

/** Options of an `OutboxConsumer`. */
export interface OutboxConsumerProps extends BrokerProps, OutboxFunctionProps {
  /**
   * Permanent name of the consumer. It names its part of the inbox, its Kafka group, its dead-letter topics, and the
   * value of the metrics dimension `service`. A new name makes a new consumer, which starts over.
   */
  readonly consumerName: string;

  /**
   * The topics to read: all of an `OutboxTopics`, or some by name. If a topic accepts larger messages than Kafka's
   * default, pass its `max.message.bytes` as `{ topic, configs }` or as an entry of `OutboxTopics.topics`. Append
   * further topics at the end: Lambda requires a group for each topic, and the first topic's group is `consumerName`,
   * while each further one's is `<consumerName>.<topic>`.
   */
  readonly topics: OutboxTopics | (string | TopicProps)[];

  /** The function's code. Its handler must come from `handleKafkaEvent` with `partialBatchResponse: true`. */
  readonly code: Code;

  /**
   * Name of the handler in the code.
   *
   * @default 'index.handler'
   */
  readonly handler?: string;

  /**
   * The table in which the consumer records applied events: that of a `ConsumerInbox`, or a table with the string keys
   * `pk` and `sk` and TTL on `expiresAt`. Several consumers may share one.
   *
   * @default - the table of a new `ConsumerInbox`
   */
  readonly inbox?: ITable;

  /**
   * Whether the construct makes the dead-letter topics, `<topic>.<consumerName>.dlt`. Otherwise they must exist, and
   * accept messages 4 KB larger than their source topics do.
   *
   * @default true
   */
  readonly makeDeadLetterTopics?: boolean;

  /**
   * Retention of dead letters: long enough for an operator to see the alarm and act.
   *
   * @default Duration.days(30)
   */
  readonly deadLetterRetention?: Duration;

  /**
   * Further environment variables of the function, next to those that `consumerEnvironment` and Powertools read.
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
   * Timeout of one invocation: 10 seconds to 14 minutes. In its last 5 seconds the handler starts nothing new.
   *
   * @default Duration.minutes(1)
   */
  readonly timeout?: Duration;

  /**
   * Concurrent invocations that Lambda reserves and never exceeds: at least `minimumPollers` for each topic.
   *
   * @default - the account's unreserved concurrency, at most one for each partition
   */
  readonly reservedConcurrency?: number;

  /**
   * Maximum number of messages in one invocation: 1 to 10,000, and no more than 6 MB.
   *
   * @default 100
   */
  readonly batchSize?: number;

  /**
   * How long Lambda gathers messages for an invocation, in whole seconds up to 5 minutes. Once another value has been
   * set, Lambda cannot return to its default of half a second.
   *
   * @default - half a second
   */
  readonly maxBatchingWindow?: Duration;

  /**
   * Minimum number of pollers for each topic: 1 to 200. A poller handles up to 5 MB a second or 5 concurrent
   * invocations. Pollers are billed by the hour.
   *
   * @default 1
   */
  readonly minimumPollers?: number;

  /**
   * Maximum number of pollers for each topic: up to 2,000, and never more than the topic has partitions.
   *
   * @default 10
   */
  readonly maximumPollers?: number;

  /**
   * Where the consumer starts in a topic that its group has never read. `TRIM_HORIZON` starts with the oldest message;
   * `LATEST` with the next one, and may miss messages while Lambda creates the mapping; `AT_TIMESTAMP` at
   * `startingPositionTimestamp`.
   *
   * @default StartingPosition.TRIM_HORIZON
   */
  readonly startingPosition?: StartingPosition;

  /**
   * For `AT_TIMESTAMP`, in seconds since 1970.
   *
   * @default - none
   */
  readonly startingPositionTimestamp?: number;

  /**
   * Filters on the messages that reach the function (`FilterCriteria.filter`), at most five. A filtered message is
   * missing in the sequence of its key: set `onGap: 'ignore'` in `createConsumer`, and do not wait for such events.
   *
   * @default - all messages
   */
  readonly filters?: Record<string, unknown>[];

  /**
   * Destination of batches that Lambda gives up. Without it Lambda retries forever, and the consumer itself parks or
   * dead-letters each message that it cannot apply. With it Lambda retries a limited number of times, even in an
   * outage: the messages of a batch that it gives up are not applied, but later events of the same keys are.
   *
   * @default - Lambda gives up no batch
   */
  readonly onFailure?: ConsumerOnFailure;

  /**
   * How often EventBridge invokes the function without messages, in whole minutes, so that a consumer of idle topics
   * sees an operator's request (`outbox consumer redrive`). `false`: only invocations with messages see it.
   *
   * @default Duration.minutes(1)
   */
  readonly redriveInterval?: Duration | false;

  /**
   * Whether Lambda reads the topics.
   *
   * @default true
   */
  readonly enabled?: boolean;

  /**
   * Namespace of the consumer's own metrics. The function receives it as `POWERTOOLS_METRICS_NAMESPACE`, which
   * Powertools' `Metrics` reads.
   *
   * @default 'DynamoDBOutbox'
   */
  readonly metricsNamespace?: string;

  /**
   * Code of the function that makes the dead-letter topics if CloudFormation cannot; for tests of stacks and for your
   * own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly topicsCode?: Code;

  /**
   * Notification topics and thresholds; `false` for no alarms and no dashboard.
   *
   * @default - every alarm and a dashboard, without notifications
   */
  readonly monitoring?: ConsumerMonitoringOptions | false;
}

/** Destination of batches that Lambda gives up, and the number of retries. */
export interface ConsumerOnFailure {
  /**
   * Receives the whole batch. Queues and SNS topics would get only its offsets, and the messages are lost once Kafka
   * has dropped them. The cluster's VPC needs a route to S3; a gateway endpoint is free.
   */
  readonly bucket: IBucket;

  /**
   * Retries before Lambda gives a batch up: up to 10,000. The option is required, because with a destination Lambda
   * replaces unlimited retries by 10.
   */
  readonly retryAttempts: number;
}

export const ON_FAILURE_OPTIONS = {
  bucket: required({
    ...optional((bucket) => isRecord(bucket) && typeof bucket['bucketArn'] === 'string', 'an S3 bucket'),
    advice:
      'Queues and SNS topics get only the place of a batch, and its messages are gone once Kafka has dropped them.',
  }),
  retryAttempts: required(
    integer({
      max: 10_000,
      advice:
        'With a destination Lambda limits the retries to 10: set how many retries a batch gets before Lambda gives it up, also in an outage. Leave onFailure out to retry forever.',
    }),
  ),
} satisfies OptionTable<ConsumerOnFailure>;

/** In the year 2286. A time in milliseconds exceeds it. */
const LATEST_TIMESTAMP = 9_999_999_999;

export const CONSUMER_OPTIONS = {
  ...BROKER_OPTIONS,
  ...FUNCTION_OPTIONS,
  ...unchecked('topics', 'code', 'inbox', 'reservedConcurrency', 'onFailure', 'topicsCode', 'monitoring'),
  consumerName: required(
    textAtSynthesis({
      pattern: CONSUMER_NAME_PATTERN,
      allowed: '1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit, known at synthesis',
      advice: 'It names the Kafka group, the part of the inbox and the dead-letter topics.',
    }),
  ),
  handler: anyValue('index.handler'),
  makeDeadLetterTopics: anyValue(true),
  deadLetterRetention: duration('seconds', {
    min: 3_600,
    default: Duration.days(30),
    advice: 'An operator must see the alarm and act before Kafka drops them.',
  }),
  environment: anyValue<Record<string, string>>({}),
  memorySize: memorySize(512),
  timeout: duration('seconds', {
    min: 10,
    max: 14 * 60,
    default: Duration.minutes(1),
    advice: `In the last ${HANDLER_MARGIN_MS / 1000} seconds the handler begins nothing more, and a mapping of Kafka allows a function 14 minutes.`,
  }),
  batchSize: integer({ min: 1, max: 10_000, default: 100, advice: 'That is what Lambda allows.' }),
  maxBatchingWindow: duration('seconds', { max: 300, advice: 'That is what Lambda allows.' }),
  minimumPollers: integer({ min: 1, max: 200, default: 1, advice: 'That is what Lambda allows for Kafka.' }),
  maximumPollers: anyValue(10),
  startingPosition: oneOf(Object.values(StartingPosition), {
    default: StartingPosition.TRIM_HORIZON,
    advice: 'TRIM_HORIZON misses nothing.',
  }),
  startingPositionTimestamp: integer({
    max: LATEST_TIMESTAMP,
    advice: 'It is in seconds since 1970, not in milliseconds.',
  }),
  filters: list(),
  redriveInterval: orFalse(
    duration('minutes', { min: 1, default: Duration.minutes(1), advice: 'EventBridge counts in minutes.' }),
  ),
  enabled: anyValue(true),
  metricsNamespace: text({
    pattern: /^(?!AWS\/)[\w.\-/#: ]{1,255}$/,
    default: METRICS_NAMESPACE,
    allowed: 'up to 255 letters, digits and any of ".-_/#: ", not beginning with "AWS/"',
    advice: 'That is what CloudWatch allows.',
  }),
} satisfies OptionTable<OutboxConsumerProps>;

export const CONSUMER_CONSTRUCT_DEFAULTS = defaultsOf(CONSUMER_OPTIONS);

/** A topic to read, and the consumer group that reads it. */
export interface ConsumedTopic {
  readonly topic: string;
  readonly group: string;
  readonly configs: Readonly<Record<string, string>>;
}

export type ResolvedConsumerProps = Omit<Resolved<OutboxConsumerProps, typeof CONSUMER_OPTIONS>, 'topics'> &
  ResolvedBrokers & { readonly topics: readonly ConsumedTopic[] };
