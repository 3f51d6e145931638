import { Token } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { EventCatalogue } from '../../event/catalogue';
import { TOPIC_PATTERN } from '../../event/item';
import { requireOption, requireUnique } from '../options/invalid-option';
import {
  anyValue,
  defaultsOf,
  integer,
  logRetention,
  oneOf,
  resolveOptions,
  type OptionTable,
  type Resolved,
} from '../options/option-table';
import { BROKER_OPTIONS, type BrokerProps, type ResolvedBrokers } from './broker-props';
import {
  checkWriterLimit,
  DEFAULT_MAX_MESSAGE_BYTES,
  MAX_MESSAGE_BYTES,
  checkTopicNames,
  checkTopicConfigs,
  type TopicDefaults,
} from './topic-rules';
import { checkServerlessQuotas } from './serverless';

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

const COUNT = { min: 1, advice: 'Kafka counts from one.' };

const TOPIC_OPTIONS = {
  topic: anyValue(),
  partitions: integer({ ...COUNT, default: 12 }),
  replicationFactor: integer(COUNT),
  configs: anyValue<Record<string, string>>({}),
  keyed: anyValue(true),
  acknowledgedPartitions: integer(COUNT),
  onRemoval: oneOf<'retain' | 'delete', 'retain'>(['retain', 'delete'], {
    default: 'retain',
    advice: 'Deleting a topic deletes every message in it.',
  }),
} satisfies OptionTable<TopicProps>;

export const TOPIC_DEFAULTS = defaultsOf(TOPIC_OPTIONS);

const OPTIONS = {
  ...BROKER_OPTIONS,
  topics: anyValue(),
  events: anyValue(),
  partitions: anyValue(TOPIC_DEFAULTS.partitions),
  maxMessageBytes: anyValue(DEFAULT_MAX_MESSAGE_BYTES),
  madeBy: anyValue(),
  checkGrowth: anyValue(true),
  topicsCode: anyValue(),
  logRetention: logRetention(),
} satisfies OptionTable<OutboxTopicsProps>;

export const TOPICS_PROPS_DEFAULTS = defaultsOf(OPTIONS);

/** A topic with its defaults filled in. */
export type ResolvedTopic = TopicProps & Required<Pick<TopicProps, keyof typeof TOPIC_DEFAULTS>>;

export type ResolvedTopicsProps = Resolved<OutboxTopicsProps, typeof OPTIONS>;

/** @throws OutboxError `invalid-option` for an unknown option or one of another kind. */
export const resolveTopicsProps = (props: OutboxTopicsProps): ResolvedTopicsProps =>
  resolveOptions('OutboxTopics', props, OPTIONS);

/** @throws OutboxError `invalid-option`, naming the topic and what is wrong. */
export function resolveTopics(props: ResolvedTopicsProps, defaults: TopicDefaults): readonly ResolvedTopic[] {
  const limits = writerLimits(props);
  const given = (props.topics ?? []).map((one): TopicProps => (typeof one === 'string' ? { topic: one } : one));
  const named = new Set(given.map(({ topic }) => topic));
  const fromEvents = [...limits.keys()].filter((topic) => !named.has(topic)).map((topic): TopicProps => ({ topic }));
  const topics = [...given, ...fromEvents].map((topic) => resolveTopic(topic, props, limits.get(topic.topic)));
  requireOption(topics.length > 0, 'topics', topics, 'a list of at least one topic', 'Or give a catalogue as events.');
  const names = topics.map(({ topic }) => topic);
  requireUnique('topics', names);
  checkTopicNames(names);
  for (const topic of topics) checkTopicConfigs(topic, defaults);
  if (defaults.kind === 'serverless') checkServerlessQuotas(topics);
  return topics;
}

function writerLimits({ events, maxMessageBytes }: ResolvedTopicsProps): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const definition of Object.values(events?.definitions ?? {})) {
    const bytes = definition.maxMessageBytes ?? maxMessageBytes;
    limits.set(definition.topic, Math.max(bytes, limits.get(definition.topic) ?? 0));
  }
  return limits;
}

function resolveTopic(given: TopicProps, { partitions }: ResolvedTopicsProps, writerBytes: number | undefined) {
  const { topic } = given;
  const withPartitions = { ...given, partitions: given.partitions ?? partitions };
  const resolved: ResolvedTopic = resolveOptions('A topic', withPartitions, TOPIC_OPTIONS, `topics["${topic}"].`);
  requireOption(
    !Token.isUnresolved(topic) && typeof topic === 'string' && TOPIC_PATTERN.test(topic),
    'topics',
    topic,
    'Kafka topic names of 1 to 249 letters, digits, ".", "_" or "-", known at synthesis',
    'The name identifies the topic in the stack.',
  );
  const { acknowledgedPartitions } = resolved;
  requireOption(
    acknowledgedPartitions === undefined || acknowledgedPartitions === resolved.partitions,
    `topics["${topic}"].acknowledgedPartitions`,
    acknowledgedPartitions,
    `the same as partitions (${resolved.partitions}), or left out`,
    'It acknowledges one growth, not the next one too.',
  );
  if (writerBytes === undefined) return resolved;
  if (given.configs?.[MAX_MESSAGE_BYTES] === undefined && writerBytes > DEFAULT_MAX_MESSAGE_BYTES) {
    return { ...resolved, configs: { ...resolved.configs, [MAX_MESSAGE_BYTES]: String(writerBytes) } };
  }
  checkWriterLimit(resolved, writerBytes);
  return resolved;
}

/** @throws OutboxError `invalid-option` for a topic with more replicas than brokers, which Kafka refuses. */
export function checkReplicas(topics: readonly ResolvedTopic[], brokers: number, byDefault = 0): void {
  for (const { topic, replicationFactor = byDefault } of topics) {
    requireOption(
      replicationFactor <= brokers,
      `topics["${topic}"].replicationFactor`,
      replicationFactor,
      `at most ${brokers}, the number of brokers`,
      'Kafka puts each replica on another broker.',
    );
  }
}

/** CloudFormation makes topics if Amazon MSK supports it: on provisioned clusters that authorise by IAM. */
export function makerOf({ madeBy }: OutboxTopicsProps, { cluster }: ResolvedBrokers): 'cloudformation' | 'function' {
  const possible = cluster !== undefined && cluster.kind !== 'serverless' && cluster.access.includes('iam');
  requireOption(
    possible || madeBy !== 'cloudformation',
    'madeBy',
    madeBy,
    'function on this cluster',
    'AWS::MSK::Topic exists for MSK clusters with brokers that authorise by IAM, not for MSK Serverless nor for others.',
  );
  return madeBy ?? (possible ? 'cloudformation' : 'function');
}
