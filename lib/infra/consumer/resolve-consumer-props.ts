import { Token } from 'aws-cdk-lib';
import { StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { deadLetterTopic } from '../../event/consumer-name';
import { resolveBrokers } from '../cluster/broker-props';
import { MAX_MESSAGE_BYTES, maxMessageBytesOf } from '../cluster/message-size';
import { checkTopicsCluster, OutboxTopics } from '../cluster/outbox-topics';
import type { TopicProps } from '../cluster/outbox-topics-props';
import { checkTopicNames } from '../cluster/topic-names';
import { checkVariables } from '../functions/lambda-limits';
import { requireOption, requireUnique } from '../options/invalid-option';
import { integer, requireAllowed, resolveOptions } from '../options/option-table';
import {
  CONSUMER_OPTIONS,
  ON_FAILURE_OPTIONS,
  type ConsumedTopic,
  type OutboxConsumerProps,
  type ResolvedConsumerProps,
} from './outbox-consumer-props';

/**
 * Fills in the defaults and checks the options.
 *
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveConsumerProps(props: OutboxConsumerProps): ResolvedConsumerProps {
  const own = resolveOptions('OutboxConsumer', props, CONSUMER_OPTIONS);
  const brokers = resolveBrokers(own);
  checkTopicsCluster(own.topics, brokers);
  const resolved: ResolvedConsumerProps = {
    ...own,
    ...brokers,
    topics: consumedTopics(own),
    dependencies: own.topics instanceof OutboxTopics ? [...brokers.dependencies, own.topics] : brokers.dependencies,
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

/**
 * Checks the options that depend on each other.
 *
 * @throws OutboxError `invalid-option` for options that Lambda refuses, or that would block or lose messages.
 */
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
  const hasLogin =
    settings.kind === 'iam' ||
    settings.kind === 'scram' ||
    (settings.kind === 'tls' && settings.secretArn !== undefined);
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
