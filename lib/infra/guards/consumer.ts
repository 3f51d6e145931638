import { Token, type Duration } from 'aws-cdk-lib';
import { StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { HANDLER_MARGIN_MS } from '../../consume/environment';
import { CONSUMER_NAME_PATTERN, deadLetterTopic } from '../../event/consumer-name';
import { invalidOption, refuseUnknownKeys } from '../invalid-option';
import type { ConsumedTopic, ConsumerOnFailure, ResolvedConsumerProps } from '../consumer/outbox-consumer-props';
import { checkMemory, checkVariables } from './lambda-limits';
import { checkTopicNames } from './topic-names';
import { MAX_MESSAGE_BYTES, maxMessageBytesOf } from './message-size';

/** @throws OutboxError `invalid-option` for options that Lambda refuses, or that would block or lose messages. */
export function checkConsumer(props: ResolvedConsumerProps): void {
  checkName(props);
  checkTopics(props.topics, props.consumerName);
  checkMemory('memorySize', props.memorySize);
  checkVariables(props.environment);
  checkTimes(props);
  checkMapping(props);
  checkStart(props);
  checkOnFailure(props.onFailure);
  checkBrokers(props);
}

function checkName({ consumerName, metricsNamespace }: ResolvedConsumerProps): void {
  if (
    typeof consumerName !== 'string' ||
    Token.isUnresolved(consumerName) ||
    !CONSUMER_NAME_PATTERN.test(consumerName)
  ) {
    throw invalidOption(
      'consumerName',
      consumerName,
      '1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit, known at synthesis',
      'It names the Kafka group, the part of the inbox and the dead-letter topics.',
    );
  }
  if (!Token.isUnresolved(metricsNamespace) && !/^(?!AWS\/)[\w.\-/#: ]{1,255}$/.test(metricsNamespace)) {
    throw invalidOption(
      'metricsNamespace',
      metricsNamespace,
      'up to 255 letters, digits and any of ".-_/#: ", not beginning with "AWS/"',
      'That is what CloudWatch allows.',
    );
  }
}

/** Lambda accepts only these of the names that Kafka allows. */
const READABLE_TOPIC = /^[A-Za-z0-9_-][A-Za-z0-9._-]{1,248}$/;
const MAX_NAMES_LENGTH = 199;
/** Lambda accepts 6 MB in one invocation, and base64 turns three bytes into four. */
export const MAX_INVOCATION_MESSAGE_BYTES = 4_500_000;

function checkTopics(topics: readonly ConsumedTopic[], consumerName: string): void {
  checkTopicNames(topics.map(({ topic }) => topic).filter((topic) => typeof topic === 'string'));
  topics.forEach((one, index) => {
    const { topic } = one;
    if (typeof topic !== 'string' || Token.isUnresolved(topic) || !READABLE_TOPIC.test(topic)) {
      throw invalidOption(
        'topics',
        topic,
        'Kafka topic names of 2 to 249 letters, digits, ".", "_" or "-", the first not ".", known at synthesis',
        'Kafka has shorter names, but Lambda does not read these.',
      );
    }
    if (topics.findIndex((other) => other.topic === topic) !== index) {
      throw invalidOption('topics', topic, 'a list without repetitions', 'Remove one of the two.');
    }
    if (topics.some((other) => topic === deadLetterTopic(other.topic, consumerName))) {
      throw invalidOption(
        'topics',
        topic,
        'topics other than the dead-letter topics of this consumer',
        'It would read what it has set aside, and set it aside again. Use a consumer of another name for dead letters.',
      );
    }
    if (consumerName.length + topic.length > MAX_NAMES_LENGTH) {
      throw invalidOption(
        'consumerName',
        consumerName,
        `at most ${MAX_NAMES_LENGTH} characters together with the topic "${topic}"`,
        'Both are in the Kafka group, for which Lambda allows 200, in the dead-letter topic and in the names of alarms.',
      );
    }
    const bytes = maxMessageBytesOf(one);
    if (bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 1 && bytes <= MAX_INVOCATION_MESSAGE_BYTES))
      return;
    throw invalidOption(
      `topics["${topic}"].configs["${MAX_MESSAGE_BYTES}"]`,
      one.configs[MAX_MESSAGE_BYTES],
      `an integer of at most ${MAX_INVOCATION_MESSAGE_BYTES}`,
      'Lambda takes 6 MB in one invocation, base64 included: a larger message would block its partition. Lower the limit of the topic, or consume it with runConsumer.',
    );
  });
}

const SHORTEST_TIMEOUT_SECONDS = 10;
const LONGEST_TIMEOUT_SECONDS = 14 * 60;

function checkTimes(props: ResolvedConsumerProps): void {
  const { timeout, maxBatchingWindow, deadLetterRetention, redriveEvery } = props;
  secondsOf(
    'timeout',
    timeout,
    { min: SHORTEST_TIMEOUT_SECONDS, max: LONGEST_TIMEOUT_SECONDS },
    `In the last ${HANDLER_MARGIN_MS / 1000} seconds the handler begins nothing more, and a mapping of Kafka allows a function 14 minutes.`,
  );
  if (maxBatchingWindow !== undefined) {
    secondsOf('maxBatchingWindow', maxBatchingWindow, { min: 0, max: 300 }, 'That is what Lambda allows.');
  }
  secondsOf(
    'deadLetterRetention',
    deadLetterRetention,
    { min: 3_600, max: Number.MAX_SAFE_INTEGER },
    'Somebody must see the alarm and act before Kafka drops them.',
  );
  if (redriveEvery !== false) checkRedriveEvery(redriveEvery);
}

function checkRedriveEvery(duration: Duration): void {
  const got = duration.isUnresolved() ? NaN : duration.toMinutes({ integral: false });
  if (Number.isInteger(got) && got >= 1) return;
  throw invalidOption(
    'redriveEvery',
    duration.isUnresolved() ? duration : duration.toString(),
    'false, or whole minutes, known at synthesis',
    'EventBridge counts in minutes.',
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
}

const rangeText = ({ min, max }: Range): string =>
  max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;

function secondsOf(option: string, duration: Duration, range: Range, advice: string): void {
  const got = duration.isUnresolved() ? NaN : duration.toSeconds({ integral: false });
  if (Number.isInteger(got) && got >= range.min && got <= range.max) return;
  throw invalidOption(
    option,
    duration.isUnresolved() ? duration : duration.toString(),
    `whole seconds ${rangeText(range)}, known at synthesis`,
    advice,
  );
}

function checkInteger(option: string, got: unknown, range: Range, advice: string): void {
  if (Number.isSafeInteger(got) && !Token.isUnresolved(got) && Number(got) >= range.min && Number(got) <= range.max) {
    return;
  }
  throw invalidOption(option, got, `an integer ${rangeText(range)}, known at synthesis`, advice);
}

const MAX_FILTERS = 5;

function checkMapping(props: ResolvedConsumerProps): void {
  const { batchSize, minimumPollers, maximumPollers, reservedConcurrency, topics, filters } = props;
  checkInteger('batchSize', batchSize, { min: 1, max: 10_000 }, 'That is what Lambda allows.');
  checkInteger('minimumPollers', minimumPollers, { min: 1, max: 200 }, 'That is what Lambda allows for Kafka.');
  checkInteger(
    'maximumPollers',
    maximumPollers,
    { min: minimumPollers, max: 2_000 },
    'It cannot be below minimumPollers, and 2,000 is what Lambda allows.',
  );
  if (reservedConcurrency !== undefined) {
    checkInteger(
      'reservedConcurrency',
      reservedConcurrency,
      { min: minimumPollers * topics.length, max: Number.MAX_SAFE_INTEGER },
      'Each poller invokes the function once at least, for each topic: with less, some are throttled and their partitions wait. To stop the consumer set enabled to false.',
    );
  }
  const noPattern = filters?.find(({ pattern }) => typeof pattern !== 'string');
  if (noPattern !== undefined) {
    throw invalidOption(
      'filters',
      noPattern,
      'a list of what FilterCriteria.filter(…) returns',
      'Lambda takes each pattern as JSON, in "pattern".',
    );
  }
  if (filters === undefined || (filters.length >= 1 && filters.length <= MAX_FILTERS)) return;
  throw invalidOption(
    'filters',
    `a list of ${filters.length}`,
    `a list of 1 to ${MAX_FILTERS}`,
    'A message reaches the function when one of them matches.',
  );
}

/** In the year 2286. A time in milliseconds exceeds it. */
const LATEST_TIMESTAMP = 9_999_999_999;

function checkStart({ startingPosition, startingPositionTimestamp }: ResolvedConsumerProps): void {
  if (!Object.values(StartingPosition).includes(startingPosition)) {
    throw invalidOption('startingPosition', startingPosition, 'a StartingPosition', 'TRIM_HORIZON misses nothing.');
  }
  const needed = startingPosition === StartingPosition.AT_TIMESTAMP;
  if (needed && startingPositionTimestamp !== undefined) {
    checkInteger(
      'startingPositionTimestamp',
      startingPositionTimestamp,
      { min: 0, max: LATEST_TIMESTAMP },
      'It is in seconds since 1970, not in milliseconds.',
    );
  }
  if (needed === (startingPositionTimestamp !== undefined)) return;
  throw invalidOption(
    'startingPositionTimestamp',
    startingPositionTimestamp,
    needed ? 'given with AT_TIMESTAMP' : `left out with ${startingPosition}`,
    'It is the time, in seconds since 1970, from which AT_TIMESTAMP begins.',
  );
}

function checkOnFailure(onFailure: ConsumerOnFailure | undefined): void {
  if (onFailure === undefined) return;
  refuseUnknownKeys('onFailure', onFailure, ['bucket', 'retryAttempts']);
  const { bucket, retryAttempts }: Partial<ConsumerOnFailure> = onFailure;
  if (typeof (bucket as { bucketArn?: unknown } | undefined)?.bucketArn !== 'string') {
    throw invalidOption(
      'onFailure.bucket',
      bucket,
      'an S3 bucket',
      'Queues and SNS topics get only the place of a batch, and its messages are gone once Kafka has dropped them.',
    );
  }
  checkInteger(
    'onFailure.retryAttempts',
    retryAttempts,
    { min: 0, max: 10_000 },
    'With a destination Lambda turns "for ever" into 10 retries: say how many there are before a batch is given up, an outage included. Leave onFailure out to retry for ever.',
  );
}

function checkBrokers({ authentication, cluster, vpc }: ResolvedConsumerProps): void {
  const { settings, clusterArn } = authentication;
  const hasLogin =
    settings.kind === 'iam' ||
    settings.kind === 'scram' ||
    (settings.kind === 'tls' && settings.secretArn !== undefined);
  if (cluster === undefined) {
    if (clusterArn !== undefined || vpc !== undefined || hasLogin) return;
    throw invalidOption(
      'vpc',
      vpc,
      'given for brokers without a login',
      'Lambda reads brokers on the internet only with a login. Give the VPC from which these are reached.',
    );
  }
  if (!cluster.exists && cluster.network?.consumerMappings === undefined) {
    throw invalidOption(
      'cluster',
      cluster.node.path,
      'one whose OutboxNetwork lets event source mappings in',
      'The pollers of Lambda use the security group of the brokers, which must let itself in: give the OutboxNetwork consumerMappings: "provisioned".',
    );
  }
  if (!hasLogin && cluster.access.includes('iam')) {
    throw invalidOption(
      'authentication',
      settings.kind,
      'IAM or one with a secret on a cluster that has IAM',
      'Without a secret Lambda logs in by IAM there. Leave authentication out to use the first way in of the cluster.',
    );
  }
}
