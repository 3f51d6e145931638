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

/** What a topic should be. */
export interface TopicProps {
  /** Its name. Another name is another topic: the old one stays, with its messages. */
  readonly topic: string;

  /**
   * Partitions: as many consumers of one group can share the work. Think ahead: a topic with keys cannot grow without
   * care, and no topic can shrink.
   *
   * @default 12
   */
  readonly partitions?: number;

  /**
   * Replicas of each partition. A new number makes a new topic on `AWS::MSK::Topic`, and is refused elsewhere.
   *
   * @default - 3 where CloudFormation makes it, elsewhere what the cluster does by default
   */
  readonly replicationFactor?: number;

  /**
   * Topic properties, such as `{ 'retention.ms': '604800000' }`.
   *
   * @default {}
   */
  readonly configs?: Record<string, string>;

  /**
   * Whether order matters. Growth then moves keys to other partitions, where their next messages can overtake those
   * that are not read yet: it is refused unless it is acknowledged.
   *
   * @default true
   */
  readonly keyed?: boolean;

  /**
   * The number of partitions to which a topic with keys may grow now: the same as `partitions`. Set it when writers
   * have stopped and consumers have read everything.
   *
   * @default - no growth
   */
  readonly acknowledgedPartitions?: number;

  /**
   * What happens to the topic, and every message in it, when it leaves the stack.
   *
   * @default 'retain'
   */
  readonly onRemoval?: 'retain' | 'delete';
}

/** What `OutboxTopics` can be told. */
export interface OutboxTopicsProps extends BrokerProps {
  /**
   * Topics by name, or with what they should be like.
   *
   * @default - those of `events`
   */
  readonly topics?: (string | TopicProps)[];

  /**
   * The catalogue of a service: every topic that it names is made, and takes messages as large as its events may be.
   * What `topics` says of one of them comes first.
   *
   * @default - only `topics`
   */
  readonly events?: EventCatalogue;

  /**
   * Partitions of topics that do not say it.
   *
   * @default 12
   */
  readonly partitions?: number;

  /**
   * What the service's `maxMessageBytes` is, for types of events without their own.
   *
   * @default 1_048_588
   */
  readonly maxMessageBytes?: number;

  /**
   * Who makes the topics: `cloudformation`, which Amazon MSK offers on clusters with brokers, IAM and Kafka 3.6 or
   * newer, or `function`, one in the VPC that talks to Kafka.
   *
   * @default - CloudFormation where `cluster` can, as far as is known; otherwise the function
   */
  readonly madeBy?: 'cloudformation' | 'function';

  /**
   * Whether a function in the VPC looks at the partitions before CloudFormation changes them, which compares nothing
   * itself.
   *
   * @default true
   */
  readonly checkGrowth?: boolean;

  /**
   * The function's code, with `index.handler`; for tests of stacks and for own builds.
   *
   * @default - the bundle that this package contains
   */
  readonly topicsCode?: Code;

  /**
   * How long the logs of the function are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
}

/** It must be told; a function leaves it to the cluster. */
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

/** As records, so that a new option that is not listed does not compile. */
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

/** A topic with every default in its place. */
export type ResolvedTopic = TopicProps & Required<Pick<TopicProps, keyof typeof TOPIC_DEFAULTS>>;

/** @throws OutboxError `invalid-option` for an option that is unknown or of another kind. */
export const checkTopicsOptions = (props: OutboxTopicsProps): void => checkOptions('OutboxTopics', props, OPTIONS);

/**
 * The topics that are asked for, by name and by the catalogue.
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

/** By topic: the largest message that the service may write to it. */
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

/** CloudFormation makes topics where Amazon MSK can: on brokers of one's own that authorise by IAM. */
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
