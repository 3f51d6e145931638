import { Token } from 'aws-cdk-lib';
import { isRecord } from '../../event/options';
import { invalidOption, requireOption, nearestOf } from '../options/invalid-option';

const INTERNAL = /^__(consumer_offsets|transaction_state|share_group_state|cluster_metadata|amazon_msk_.*)$/;

/**
 * @param topics - well-formed names
 * @throws OutboxError `invalid-option` for names that Kafka reserves, and for two names that collide.
 */
export function checkTopicNames(topics: readonly string[]): void {
  const names = topics.filter((topic) => !Token.isUnresolved(topic));
  const internal = names.find((topic) => INTERNAL.test(topic));
  const allowed = 'topics other than those of Kafka itself';
  requireOption(internal === undefined, 'topics', internal, allowed, 'Only brokers write to it.');
  names.forEach((topic, index) => {
    const other = names.slice(0, index).find((one) => isCollision(one, topic));
    if (other !== undefined) throw collision(topic, other);
  });
}

/** Kafka's metrics replace "." by "_", and Kafka refuses a topic whose metric name another topic already has. */
export const isCollision = (one: string, other: string): boolean =>
  one !== other && one.replaceAll('.', '_') === other.replaceAll('.', '_');

export const collision = (topic: string, other: string) =>
  invalidOption(
    'topics',
    topic,
    `a name that differs from "${other}" in more than "." and "_"`,
    'Kafka takes the two for one in its metrics, and refuses to make the second ("Topic collides with existing topics"). Rename one of them.',
  );

export const MAX_MESSAGE_BYTES = 'max.message.bytes';

/** The default of Kafka and of Amazon MSK. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

export interface LimitedTopic {
  readonly topic: string;
  readonly configs: Readonly<Record<string, string>>;
}

/** The limit of a topic; `undefined` if it is known only at deployment. */
export function maxMessageBytesOf({ configs }: LimitedTopic): number | undefined {
  const given = configs[MAX_MESSAGE_BYTES];
  return Token.isUnresolved(given) ? undefined : Number(given ?? DEFAULT_MAX_MESSAGE_BYTES);
}

/** @throws OutboxError `invalid-option` if services may write events that the topic refuses: each parks its key. */
export function checkWriterLimit(topic: LimitedTopic, writerBytes: number): void {
  const bytes = maxMessageBytesOf(topic);
  requireOption(
    bytes === undefined || bytes >= writerBytes,
    `topics["${topic.topic}"].configs["${MAX_MESSAGE_BYTES}"]`,
    bytes,
    `at least ${writerBytes}, the maxMessageBytes of its events`,
    'A larger event would be committed and then refused by the topic, which parks its key. Raise it, or lower maxMessageBytes.',
  );
}

/** @throws OutboxError `invalid-option` if the relay may send batches that a topic refuses as a whole. */
export function checkBatchLimit(topics: readonly LimitedTopic[], maxBatchBytes: number): void {
  for (const topic of topics) {
    const bytes = maxMessageBytesOf(topic) ?? Infinity;
    requireOption(
      bytes >= maxBatchBytes,
      'maxBatchBytes',
      maxBatchBytes,
      `at most ${bytes}, the ${MAX_MESSAGE_BYTES} of topic "${topic.topic}"`,
      'Kafka applies that limit to a whole batch: larger ones are refused and sent again in halves. Lower maxBatchBytes.',
    );
  }
}

export interface ConfiguredTopic extends LimitedTopic {
  readonly replicationFactor?: number;
}

/** The cluster's defaults, where the app knows them. */
export interface TopicDefaults {
  readonly kind?: string;
  readonly replicas?: number;
  readonly minInsyncReplicas?: number;
}

interface Rule {
  readonly allowed: string;
  readonly takes: (value: string) => boolean;
}

const LONG = 2n ** 63n - 1n;
const INT = 2n ** 31n - 1n;

const integer = (min: number, max = LONG): Rule => ({
  allowed: `a whole number from ${min} to ${max}, as text`,
  takes: (value) => /^[+-]?\d+$/.test(value) && BigInt(value) >= min && BigInt(value) <= max,
});
const oneOf = (...values: readonly string[]): Rule => ({
  allowed: `one of ${values.join(', ')}`,
  takes: (value) => values.includes(value),
});
const LONG_FROM_0 = integer(0);
const FLAG: Rule = { allowed: '"true" or "false"', takes: (value) => /^(true|false)$/i.test(value) };
const RATIO: Rule = {
  allowed: 'a number from 0 to 1, as text',
  takes: (value) => value !== '' && Number(value) >= 0 && Number(value) <= 1,
};
const POLICIES: Rule = {
  allowed: 'delete, compact or "compact,delete"',
  takes: (value) => value.split(',').every((one) => ['compact', 'delete'].includes(one.trim())),
};
const TEXT: Rule = { allowed: 'a text', takes: () => true };

/** Topic properties of Kafka up to 4.1 and their values. https://kafka.apache.org/documentation/#topicconfigs */
const RULES: Readonly<Record<string, Rule>> = {
  'cleanup.policy': POLICIES,
  'compression.gzip.level': integer(-1, 9n),
  'compression.lz4.level': integer(1, 17n),
  'compression.type': oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'),
  'compression.zstd.level': integer(-131_072, 22n),
  'delete.retention.ms': LONG_FROM_0,
  'file.delete.delay.ms': LONG_FROM_0,
  'flush.messages': integer(1),
  'flush.ms': LONG_FROM_0,
  'follower.replication.throttled.replicas': TEXT,
  'index.interval.bytes': integer(0, INT),
  'leader.replication.throttled.replicas': TEXT,
  'local.retention.bytes': integer(-2),
  'local.retention.ms': integer(-2),
  'max.compaction.lag.ms': integer(1),
  'max.message.bytes': integer(0, INT),
  'message.downconversion.enable': FLAG,
  'message.format.version': TEXT,
  'message.timestamp.after.max.ms': LONG_FROM_0,
  'message.timestamp.before.max.ms': LONG_FROM_0,
  'message.timestamp.difference.max.ms': LONG_FROM_0,
  'message.timestamp.type': oneOf('CreateTime', 'LogAppendTime'),
  'min.cleanable.dirty.ratio': RATIO,
  'min.compaction.lag.ms': LONG_FROM_0,
  'min.insync.replicas': integer(1, INT),
  preallocate: FLAG,
  'remote.log.copy.disable': FLAG,
  'remote.log.delete.on.disable': FLAG,
  'remote.storage.enable': FLAG,
  'retention.bytes': integer(-1),
  'retention.ms': integer(-1),
  'segment.bytes': integer(14, INT),
  'segment.index.bytes': integer(4, INT),
  'segment.jitter.ms': LONG_FROM_0,
  'segment.ms': integer(1),
  'unclean.leader.election.enable': FLAG,
};

/** https://docs.aws.amazon.com/msk/latest/developerguide/serverless-config.html */
const ON_SERVERLESS: readonly string[] = [
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'message.timestamp.difference.max.ms',
  'message.timestamp.type',
  'retention.bytes',
  'retention.ms',
];

/** @throws OutboxError `invalid-option` for properties that Kafka refuses, or that make a topic refuse all events. */
export function checkTopicConfigs(given: ConfiguredTopic, defaults: TopicDefaults): void {
  const { topic, configs } = given;
  const option = `topics["${topic}"].configs`;
  requireOption(isRecord(configs), option, configs, 'an object of texts', "Such as { 'retention.ms': '604800000' }.");
  for (const [name, value] of Object.entries(configs)) checkConfig(`${option}["${name}"]`, name, value, defaults.kind);
  const { replicas = Infinity, minInSync = 0 } = durabilityOf(given, defaults);
  requireOption(
    minInSync <= replicas,
    `${option}["min.insync.replicas"]`,
    minInSync,
    `at most ${replicas}, the number of replicas`,
    'The relay waits for all replicas in sync: there are never so many, and Kafka would accept no event. Raise replicationFactor, or lower min.insync.replicas.',
  );
}

function checkConfig(option: string, name: string, value: unknown, kind: string | undefined): void {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rule === undefined) {
    const nearest = nearestOf(name, Object.keys(RULES));
    throw invalidOption(option, value, 'a topic property of Kafka', `Did you mean "${nearest}"?`);
  }
  requireOption(
    kind !== 'serverless' || ON_SERVERLESS.includes(name),
    option,
    value,
    `left out on MSK Serverless, which lets topics set ${ON_SERVERLESS.join(', ')}`,
    'MSK decides the others. Use OutboxCluster.express or OutboxCluster.standard to set it.',
  );
  const isAllowed = typeof value === 'string' && (Token.isUnresolved(value) || rule.takes(value.trim()));
  requireOption(isAllowed, option, value, rule.allowed, 'Kafka refuses to make a topic with another value.');
}

/** Warns of values that are valid but usually wrong. */
export function topicWarnings(given: ConfiguredTopic, defaults: TopicDefaults): string[] {
  const { configs, replicationFactor } = given;
  const { replicas, minInSync } = durabilityOf(given, defaults);
  const retentionMs = numberOf(configs['retention.ms']) ?? -1;
  const warnings: readonly (string | false)[] = [
    configs['cleanup.policy']?.includes('compact') === true &&
      `cleanup.policy "${configs['cleanup.policy']}" removes all but the newest event of a key, also before every consumer has read it. Use "delete", unless each event carries the whole state.`,
    replicas === 1 &&
      'With one replica a broker that restarts stops the topic, and one that is lost takes acknowledged events with it. Use a replicationFactor of 3.',
    replicas !== undefined &&
      replicas > 1 &&
      minInSync === replicas &&
      `min.insync.replicas ${minInSync} is the number of replicas: a single broker that restarts stops the topic. Use ${replicas - 1}.`,
    minInSync === 1 &&
      replicas !== 1 &&
      'With min.insync.replicas 1 a broker that is lost can take acknowledged events with it. Use 2.',
    configs['unclean.leader.election.enable']?.toLowerCase() === 'true' &&
      'With unclean.leader.election.enable a replica that lacks acknowledged events may become the leader. Set it to "false".',
    retentionMs >= 0 &&
      retentionMs < 3_600_000 &&
      `With retention.ms ${retentionMs} a consumer that is down for that time misses events. Use an hour at least.`,
    replicationFactor !== undefined &&
      replicationFactor !== 3 &&
      (defaults.kind === 'serverless' || defaults.kind === 'express') &&
      `MSK ${defaults.kind} keeps three replicas of each partition. Leave replicationFactor (${replicationFactor}) out.`,
  ];
  return warnings.filter((warning) => warning !== false);
}

function durabilityOf({ replicationFactor, configs }: ConfiguredTopic, defaults: TopicDefaults) {
  return {
    replicas: replicationFactor ?? defaults.replicas,
    minInSync: numberOf(configs['min.insync.replicas']) ?? defaults.minInsyncReplicas,
  };
}

const numberOf = (value: string | undefined): number | undefined =>
  value === undefined || Token.isUnresolved(value) ? undefined : Number(value);
