import { Token } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { EventCatalogue } from '../../event/catalogue';
import { TOPIC_PATTERN } from '../../event/item';
import { withoutUndefined } from '../../event/options';
import { BROKER_OPTIONS, type BrokerProps, type ResolvedBrokers } from './broker-props';
import { checkWriterLimit, DEFAULT_MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES } from '../guards/message-size';
import { checkServerlessQuotas } from '../guards/serverless-quotas';
import { checkTopicConfigs, type TopicDefaults } from '../guards/topic-configs';
import { checkTopicNames } from '../guards/topic-names';
import { invalidOption, checkOptions, type OptionKind } from '../invalid-option';

/** Options of a topic. */
export interface TopicProps {
  /** Name of the topic. A new name makes a new topic: the old one stays, with its messages. */
  readonly topic: string;

  /**
   * Number of partitions, which limits how many consumers of a group share the work. Plan ahead: a topic with keys
   * grows only with care, and no topic can shrink.
   *
   * @default 12
   */
  readonly partitions?: number;

  /**
   * Replicas of each partition. A changed number replaces an `AWS::MSK::Topic`; the function refuses it.
   *
   * @default - 3 if CloudFormation makes the topic, otherwise the cluster's default
   */
  readonly replicationFactor?: number;

  /**
   * Topic properties, such as `{ 'retention.ms': '604800000' }`.
   *
   * @default {}
   */
  readonly configs?: Record<string, string>;

  /**
   * Whether the order of keys matters. Growth then moves keys to other partitions, where their next messages can
   * overtake unread ones, so an unacknowledged growth is refused.
   *
   * @default true
   */
  readonly keyed?: boolean;

  /**
   * Acknowledges that a topic with keys grows to this number now: the same as `partitions`. Set it only after writers
   * have stopped and consumers have read everything.
   *
   * @default - no growth
   */
  readonly acknowledgedPartitions?: number;

  /**
   * Whether the topic, with every message in it, is deleted when it leaves the stack.
   *
   * @default 'retain'
   */
  readonly onRemoval?: 'retain' | 'delete';
}

/** Options of an `OutboxTopics`. */
export interface OutboxTopicsProps extends BrokerProps {
  /**
   * Topics, by name or with options.
   *
   * @default - those of `events`
   */
  readonly topics?: (string | TopicProps)[];

  /**
   * The catalogue of a service. The construct makes every topic in it, with a message limit that fits the service's
   * events. Options in `topics` take precedence.
   *
   * @default - only `topics`
   */
  readonly events?: EventCatalogue;

  /**
   * Partitions of topics that do not set them.
   *
   * @default 12
   */
  readonly partitions?: number;

  /**
   * The service's `maxMessageBytes`, for event types without their own.
   *
   * @default 1_048_588
   */
  readonly maxMessageBytes?: number;

  /**
   * Maker of the topics: `cloudformation`, which Amazon MSK supports on provisioned clusters with IAM and Kafka 3.6 or
   * newer, or `function`, a function in the VPC that calls Kafka.
   *
   * @default - `cloudformation` if `cluster` is known to support it, otherwise `function`
   */
  readonly madeBy?: 'cloudformation' | 'function';

  /**
   * Whether a function in the VPC checks the partitions before CloudFormation changes them, because CloudFormation
   * compares nothing itself.
   *
   * @default true
   */
  readonly checkGrowth?: boolean;

  /**
   * The function's code, with `index.handler`; for tests of stacks and for your own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly topicsCode?: Code;

  /**
   * Retention of the function's logs.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
}

/** CloudFormation requires a number; the function leaves it to the cluster. */
export const CLOUDFORMATION_REPLICAS = 3;

/** Every default that is a value. */
export const TOPIC_DEFAULTS = {
  partitions: 12,
  configs: {},
  keyed: true,
  onRemoval: 'retain',
} as const satisfies Partial<TopicProps>;

const ON_REMOVAL: readonly ResolvedTopic['onRemoval'][] = ['retain', 'delete'];

export const TOPICS_PROPS_DEFAULTS = {
  partitions: TOPIC_DEFAULTS.partitions,
  maxMessageBytes: DEFAULT_MAX_MESSAGE_BYTES,
  checkGrowth: true,
  logRetention: RetentionDays.ONE_MONTH,
} as const satisfies Partial<OutboxTopicsProps>;

/** Records, so that the compiler refuses an option that is not listed. */
const TOPIC_OPTIONS: Readonly<Record<keyof TopicProps, OptionKind>> = {
  topic: true,
  partitions: true,
  replicationFactor: true,
  configs: true,
  keyed: true,
  acknowledgedPartitions: true,
  onRemoval: true,
};

const OPTIONS: Readonly<Record<keyof OutboxTopicsProps, OptionKind>> = {
  ...BROKER_OPTIONS,
  topics: true,
  events: true,
  partitions: true,
  maxMessageBytes: true,
  madeBy: true,
  checkGrowth: true,
  topicsCode: true,
  logRetention: true,
};

/** A topic with its defaults filled in. */
export type ResolvedTopic = TopicProps & Required<Pick<TopicProps, keyof typeof TOPIC_DEFAULTS>>;

/** @throws OutboxError `invalid-option` for an unknown option or one of another kind. */
export const checkTopicsOptions = (props: OutboxTopicsProps): void => checkOptions('OutboxTopics', props, OPTIONS);

/**
 * The topics that the options request, by name and by the catalogue.
 *
 * @throws OutboxError `invalid-option`, naming the topic and what is wrong.
 */
export function resolveTopics(props: OutboxTopicsProps, defaults: TopicDefaults): readonly ResolvedTopic[] {
  const limits = writerLimits(props);
  const given = (props.topics ?? []).map((one): TopicProps => (typeof one === 'string' ? { topic: one } : one));
  const named = new Set(given.map(({ topic }) => topic));
  const fromEvents = [...limits.keys()].filter((topic) => !named.has(topic)).map((topic): TopicProps => ({ topic }));
  const topics = [...given, ...fromEvents].map((topic) => resolveTopic(topic, props, limits.get(topic.topic)));
  if (topics.length === 0) {
    throw invalidOption('topics', topics, 'a list of at least one topic', 'Or give a catalogue as events.');
  }
  const repeated = topics.find(({ topic }, index) => topics.findIndex((other) => other.topic === topic) !== index);
  if (repeated !== undefined) {
    throw invalidOption('topics', repeated.topic, 'a list without repetitions', 'Remove one of the two.');
  }
  checkTopicNames(topics.map(({ topic }) => topic));
  for (const topic of topics) checkTopicConfigs(topic, defaults);
  if (defaults.kind === 'serverless') checkServerlessQuotas(topics);
  return topics;
}

/** The largest message that the service may write, by topic. */
function writerLimits({ events, maxMessageBytes }: OutboxTopicsProps): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const definition of Object.values(events?.definitions ?? {})) {
    const bytes = definition.maxMessageBytes ?? maxMessageBytes ?? TOPICS_PROPS_DEFAULTS.maxMessageBytes;
    limits.set(definition.topic, Math.max(bytes, limits.get(definition.topic) ?? 0));
  }
  return limits;
}

function resolveTopic(given: TopicProps, { partitions }: OutboxTopicsProps, writerBytes: number | undefined) {
  checkOptions('A topic', given, TOPIC_OPTIONS);
  const { topic } = given;
  if (Token.isUnresolved(topic) || typeof topic !== 'string' || !TOPIC_PATTERN.test(topic)) {
    throw invalidOption(
      'topics',
      topic,
      'Kafka topic names of 1 to 249 letters, digits, ".", "_" or "-", known at synthesis',
      'The name identifies the topic in the stack.',
    );
  }
  const resolved: ResolvedTopic = {
    ...TOPIC_DEFAULTS,
    ...(partitions === undefined ? {} : { partitions }),
    ...withoutUndefined(given),
    topic,
  };
  checkCounts(resolved);
  if (!ON_REMOVAL.includes(resolved.onRemoval)) {
    throw invalidOption(
      `topics["${topic}"].onRemoval`,
      resolved.onRemoval,
      `one of ${ON_REMOVAL.join(', ')}`,
      'Deleting a topic deletes every message in it.',
    );
  }
  if (writerBytes === undefined) return resolved;
  if (given.configs?.[MAX_MESSAGE_BYTES] === undefined && writerBytes > DEFAULT_MAX_MESSAGE_BYTES) {
    return { ...resolved, configs: { ...resolved.configs, [MAX_MESSAGE_BYTES]: String(writerBytes) } };
  }
  checkWriterLimit(resolved, writerBytes);
  return resolved;
}

function checkCounts({ topic, partitions, replicationFactor, acknowledgedPartitions }: ResolvedTopic): void {
  for (const [option, got] of Object.entries({ partitions, replicationFactor, acknowledgedPartitions })) {
    if (got === undefined || (!Token.isUnresolved(got) && Number.isSafeInteger(got) && got >= 1)) continue;
    throw invalidOption(
      `topics["${topic}"].${option}`,
      got,
      'an integer of at least 1, known at synthesis',
      'Kafka counts from one.',
    );
  }
  if (acknowledgedPartitions !== undefined && acknowledgedPartitions !== partitions) {
    throw invalidOption(
      `topics["${topic}"].acknowledgedPartitions`,
      acknowledgedPartitions,
      `the same as partitions (${partitions}), or left out`,
      'It acknowledges one growth, and not the next one by the way.',
    );
  }
}

/** CloudFormation makes topics if Amazon MSK supports it: on provisioned clusters that authorise by IAM. */
export function makerOf({ madeBy }: OutboxTopicsProps, { cluster }: ResolvedBrokers): 'cloudformation' | 'function' {
  const possible = cluster !== undefined && cluster.kind !== 'serverless' && cluster.access.includes('iam');
  if (madeBy !== 'cloudformation') return madeBy ?? (possible ? 'cloudformation' : 'function');
  if (possible) return madeBy;
  throw invalidOption(
    'madeBy',
    madeBy,
    'function on this cluster',
    'AWS::MSK::Topic exists for MSK clusters with brokers that authorise by IAM, not for MSK Serverless nor for others.',
  );
}
