import { Duration, Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { StartingPosition, type Code } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { HANDLER_MARGIN_MS } from '../../consume/environment';
import { CONSUMER_NAME_PATTERN, deadLetterTopic } from '../../event/consumer-name';
import { METRICS_NAMESPACE } from '../../event/metrics';
import { isRecord } from '../../event/options';
import { BROKER_OPTIONS, type BrokerProps, type ResolvedBrokers } from '../cluster/broker-props';
import { readsSecret } from '../cluster/kafka-authentication';
import { MAX_MESSAGE_BYTES, maxMessageBytesOf, checkTopicNames } from '../cluster/topic-rules';
import { OutboxTopics, resolveBrokersOf } from '../cluster/outbox-topics';
import type { TopicProps } from '../cluster/outbox-topics-props';
import { memorySize, checkVariables, FUNCTION_OPTIONS, type OutboxFunctionProps } from '../functions/outbox-function';
import type { ConsumerMonitoringOptions } from '../monitoring/consumer-options';
import { requireOption, requireUnique } from '../options/invalid-option';
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
  requireAllowed,
  resolveOptions,
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
   * Start in a topic that the group has never read: `TRIM_HORIZON` at the oldest message; `LATEST` at the next one,
   * which may miss messages while Lambda creates the mapping; `AT_TIMESTAMP` at `startingPositionTimestamp`.
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

const ON_FAILURE_OPTIONS = {
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

const OPTIONS = {
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

export const CONSUMER_CONSTRUCT_DEFAULTS = defaultsOf(OPTIONS);

export interface ConsumedTopic {
  readonly topic: string;
  readonly group: string;
  readonly configs: Readonly<Record<string, string>>;
}

export type ResolvedConsumerProps = Omit<Resolved<OutboxConsumerProps, typeof OPTIONS>, 'topics'> &
  ResolvedBrokers & { readonly topics: readonly ConsumedTopic[] };

export function resolveConsumerProps(props: OutboxConsumerProps): ResolvedConsumerProps {
  const own = resolveOptions('OutboxConsumer', props, OPTIONS);
  const resolved: ResolvedConsumerProps = {
    ...own,
    ...resolveBrokersOf(own),
    topics: consumedTopics(own),
  };
  checkConsumer(resolved);
  requireOption(
    resolved.makeDeadLetterTopics || props.deadLetterRetention === undefined,
    'deadLetterRetention',
    props.deadLetterRetention,
    'left out when makeDeadLetterTopics is false',
    'Existing topics keep their own retention.',
  );
  return resolved;
}

function consumedTopics({ topics, consumerName }: OutboxConsumerProps): ConsumedTopic[] {
  const given: unknown = topics instanceof OutboxTopics ? topics.topics : topics;
  requireOption(
    Array.isArray(given) && given.length > 0 && !Token.isUnresolved(given),
    'topics',
    given,
    'an OutboxTopics or a list of at least one topic, its length known at synthesis',
    'Each topic has an event source mapping of its own.',
  );
  return (given as (string | TopicProps)[]).map((one, index) => {
    const { topic, configs = {} }: TopicProps = typeof one === 'string' ? { topic: one } : one;
    return { topic, configs, group: index === 0 ? consumerName : `${consumerName}.${topic}` };
  });
}

function checkConsumer(props: ResolvedConsumerProps): void {
  checkTopics(props.topics, props.consumerName);
  checkVariables(props.environment);
  checkMapping(props);
  checkStart(props);
  if (props.onFailure !== undefined) resolveOptions('onFailure', props.onFailure, ON_FAILURE_OPTIONS, 'onFailure.');
  checkBrokers(props);
}

/** Lambda accepts only these of the names that Kafka allows. */
const READABLE_TOPIC = /^[A-Za-z0-9_-][A-Za-z0-9._-]{1,248}$/;
const MAX_NAMES_LENGTH = 199;
/** Lambda accepts 6 MB in one invocation, and base64 turns three bytes into four. */
export const MAX_INVOCATION_MESSAGE_BYTES = 4_500_000;

function checkTopics(topics: readonly ConsumedTopic[], consumerName: string): void {
  const names = topics.map(({ topic }) => topic);
  checkTopicNames(names.filter((topic) => typeof topic === 'string'));
  for (const topic of names) {
    requireOption(
      typeof topic === 'string' && !Token.isUnresolved(topic) && READABLE_TOPIC.test(topic),
      'topics',
      topic,
      'Kafka topic names of 2 to 249 letters, digits, ".", "_" or "-", the first not ".", known at synthesis',
      'Kafka allows shorter names, but Lambda does not read these.',
    );
    requireOption(
      names.every((other) => topic !== deadLetterTopic(other, consumerName)),
      'topics',
      topic,
      'topics other than the dead-letter topics of this consumer',
      'The consumer would read its own dead letters, and dead-letter them again. Use a consumer of another name for dead letters.',
    );
    requireOption(
      consumerName.length + topic.length <= MAX_NAMES_LENGTH,
      'consumerName',
      consumerName,
      `at most ${MAX_NAMES_LENGTH} characters together with the topic "${topic}"`,
      'Both are in the Kafka group, for which Lambda allows 200, in the dead-letter topic and in the names of alarms.',
    );
  }
  requireUnique('topics', names);
  topics.forEach(checkMessageSize);
}

function checkMessageSize(topic: ConsumedTopic): void {
  const bytes = maxMessageBytesOf(topic);
  requireOption(
    bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 1 && bytes <= MAX_INVOCATION_MESSAGE_BYTES),
    `topics["${topic.topic}"].configs["${MAX_MESSAGE_BYTES}"]`,
    topic.configs[MAX_MESSAGE_BYTES],
    `an integer of at most ${MAX_INVOCATION_MESSAGE_BYTES}`,
    'Lambda takes 6 MB in one invocation, base64 included: a larger message would block its partition. Lower the limit of the topic, or consume it with runConsumer.',
  );
}

const MAX_FILTERS = 5;

function checkMapping(props: ResolvedConsumerProps): void {
  const { minimumPollers, maximumPollers, reservedConcurrency, topics, filters } = props;
  requireAllowed(
    integer({
      min: minimumPollers,
      max: 2_000,
      advice: 'It cannot be below minimumPollers, and 2,000 is what Lambda allows.',
    }),
    'maximumPollers',
    maximumPollers,
  );
  if (reservedConcurrency !== undefined) {
    requireAllowed(
      integer({
        min: minimumPollers * topics.length,
        advice:
          'Each poller invokes the function once at least, for each topic: with less, some are throttled and their partitions wait. To stop the consumer set enabled to false.',
      }),
      'reservedConcurrency',
      reservedConcurrency,
    );
  }
  if (filters === undefined) return;
  const noPattern = filters.find(({ pattern }) => typeof pattern !== 'string');
  requireOption(
    noPattern === undefined,
    'filters',
    noPattern,
    'a list of what FilterCriteria.filter(…) returns',
    'Lambda takes each pattern as JSON, in "pattern".',
  );
  requireOption(
    filters.length >= 1 && filters.length <= MAX_FILTERS,
    'filters',
    `a list of ${filters.length}`,
    `a list of 1 to ${MAX_FILTERS}`,
    'A message reaches the function when one of them matches.',
  );
}

function checkStart({ startingPosition, startingPositionTimestamp }: ResolvedConsumerProps): void {
  const needed = startingPosition === StartingPosition.AT_TIMESTAMP;
  requireOption(
    needed === (startingPositionTimestamp !== undefined),
    'startingPositionTimestamp',
    startingPositionTimestamp,
    needed ? 'given with AT_TIMESTAMP' : `left out with ${startingPosition}`,
    'It is the time, in seconds since 1970, from which AT_TIMESTAMP begins.',
  );
}

function checkBrokers({ authentication, cluster, vpc }: ResolvedConsumerProps): void {
  const { settings, clusterArn } = authentication;
  const hasLogin = settings.kind === 'iam' || readsSecret(authentication);
  if (cluster === undefined) {
    requireOption(
      clusterArn !== undefined || vpc !== undefined || hasLogin,
      'vpc',
      vpc,
      'given for brokers without a login',
      'Lambda reads brokers on the internet only with a login. Give the VPC from which these are reached.',
    );
    return;
  }
  requireOption(
    cluster.exists || cluster.network?.consumerMappings !== undefined,
    'cluster',
    cluster.node.path,
    'one whose OutboxNetwork lets event source mappings in',
    'The pollers of Lambda use the security group of the brokers, which must let itself in: give the OutboxNetwork consumerMappings: "provisioned".',
  );
  requireOption(
    hasLogin || !cluster.access.includes('iam'),
    'authentication',
    settings.kind,
    'IAM or one with a secret on a cluster that has IAM',
    'Without a secret Lambda logs in by IAM there. Leave authentication out to use the first authentication method of the cluster.',
  );
}
