import { DEAD_LETTER_OVERHEAD_BYTES } from '../event/consumer-name';
import { editDistance } from '../event/edit-distance';
import { messageOf } from '../event/errors';
import { TOPIC_PATTERN } from '../event/item';
import { protocolErrorOf } from '../kafka/protocol-error';
import { withTopicAdmin, type KafkaTopicAdmin } from '../topics/kafka-admin';
import type { FoundTopic } from '../topics/plan';
import type { WantedTopic } from '../topics/request';
import { atBrokers, connectKafka, type KafkaTarget } from './kafka-target';
import { refuse, within } from './target';

export interface NewTopic {
  readonly topic: string;
  /** Default: as many as `like` has; 3 for dead letters. */
  readonly partitions?: number;
  /** An existing topic, whose replication and own properties are copied. Default for `TOPIC.CONSUMER.dlt`: `TOPIC`. */
  readonly like?: string;
}

export interface TopicPlan extends Omit<WantedTopic, 'keyed' | 'acknowledgedPartitions'> {
  readonly like?: string;
  /** Existing topics whose names differ little: the new name may be a typo. */
  readonly similar: readonly string[];
}

type Admin = Pick<KafkaTopicAdmin, 'list' | 'find' | 'create' | 'maxMessageBytes'>;

const no = (why: string): never => refuse('topic create', why);

const DEAD_LETTERS = '.dlt';
const DEAD_LETTER_PARTITIONS = 3;
/** The retention that `OutboxConsumer` sets. */
const DEAD_LETTER_RETENTION_MS = 30 * 86_400_000;
const MOST_SIMILAR = 5;
/** A topic with many partitions needs a while until each has a leader. */
const CALL_MS = 120_000;

/**
 * Plans the topic that `createTopic` creates. A dead-letter topic (`….dlt`) takes messages that are 4 KB larger than
 * those of its `like` topic, and keeps them for 30 days.
 *
 * @throws OutboxError `operation-refused` for a topic that exists, a name that Kafka does not accept, a missing number
 * of partitions, and a `like` that does not exist, with the nearest names.
 */
export async function planTopic(admin: Admin, wanted: NewTopic): Promise<TopicPlan> {
  const { topic, partitions } = wanted;
  if (!TOPIC_PATTERN.test(topic) || topic === '.' || topic === '..') {
    no(`${JSON.stringify(topic)} is no name of a topic: 1 to 249 letters, digits, ".", "_" and "-".`);
  }
  const names = await admin.list();
  const existing = names.includes(topic) ? await admin.find(topic) : undefined;
  if (existing !== undefined) {
    const { partitions: has, replicationFactor } = existing;
    no(`topic ${topic} exists, with ${has} partitions and ${replicationFactor} replicas. Nothing was changed.`);
  }
  const isForDeadLetters = topic.endsWith(DEAD_LETTERS);
  const like = wanted.like ?? (isForDeadLetters ? sourceOf(topic, names) : undefined);
  const model = like === undefined ? undefined : await modelOf(admin, names, like);
  const count = partitions ?? (isForDeadLetters ? DEAD_LETTER_PARTITIONS : model?.partitions);
  if (count === undefined) return no('give --partitions N, or --like TOPIC to copy one that exists.');
  const similar = nearest(topic, names);
  const plan = { topic, partitions: count, replicationFactor: model?.replicationFactor, like, similar };
  if (!isForDeadLetters || like === undefined) return { ...plan, configs: model?.configs ?? {} };
  const bytes = await admin.maxMessageBytes(like);
  // `like` was not given, so a property that cannot be read is left to the cluster's default.
  if (bytes === undefined && wanted.like === undefined) return { ...plan, configs: {} };
  if (bytes === undefined)
    return no(
      `"max.message.bytes" of ${like} cannot be read. The dead letters need ${DEAD_LETTER_OVERHEAD_BYTES} more.`,
    );
  const configs = {
    ...model?.configs,
    // A compacted topic would drop all but the newest dead letter of a key.
    'cleanup.policy': 'delete',
    'retention.ms': String(DEAD_LETTER_RETENTION_MS),
    'max.message.bytes': String(bytes + DEAD_LETTER_OVERHEAD_BYTES),
  };
  return { ...plan, configs };
}

/** The topic whose dead letters `TOPIC.CONSUMER.dlt` takes. */
const sourceOf = (deadLetters: string, names: readonly string[]): string | undefined =>
  names
    .filter((name) => !name.endsWith(DEAD_LETTERS) && deadLetters.startsWith(`${name}.`))
    .toSorted((a, b) => b.length - a.length)[0];

async function modelOf(admin: Admin, names: readonly string[], like: string): Promise<FoundTopic> {
  const found = names.includes(like) ? await admin.find(like) : undefined;
  if (found !== undefined) return found;
  const [first] = nearest(like, names);
  return no(`topic ${like} (--like) does not exist.${first === undefined ? '' : ` Did you mean ${first}?`}`);
}

/**
 * Creates the topic of a plan.
 *
 * @throws OutboxError `operation-refused` if Kafka refuses it (without the permission, the message names the
 * alternative), or if another caller created it meanwhile with another number of partitions.
 */
export async function createTopic(admin: Admin, plan: TopicPlan): Promise<FoundTopic> {
  const { topic, partitions, replicationFactor, configs } = plan;
  try {
    await admin.create({ topic, partitions, replicationFactor, configs, keyed: true });
  } catch (error) {
    const type =
      protocolErrorOf(error) ?? protocolErrorOf((error as { readonly errors?: readonly unknown[] }).errors?.[0]);
    if (type === undefined) throw error;
    const why = messageOf(error);
    const isForbidden = type.endsWith('AUTHORIZATION_FAILED');
    no(
      isForbidden
        ? `you may not create topics on this cluster (${type}). Ask its owner, or run the kafka-topics.sh line where you may.`
        : `Kafka refuses topic ${topic}: ${type}: ${why}`,
    );
  }
  const found = await admin.find(topic);
  if (found === undefined)
    return no(`Kafka took the request, but does not show topic ${topic} yet. Run the command again.`);
  if (found.partitions !== partitions) {
    no(`topic ${topic} was created by another one meanwhile, with ${found.partitions} partitions.`);
  }
  return found;
}

/** Connects to the brokers and runs `work`, which may take two minutes. */
export async function withTopics<T>(kafka: KafkaTarget, work: (admin: KafkaTopicAdmin) => Promise<T>): Promise<T> {
  return within(CALL_MS, atBrokers(kafka.brokers, 'administering topics'), async () =>
    withTopicAdmin(await connectKafka(kafka), work),
  );
}

/** The command for a person who may create topics, on a machine that reaches the brokers. */
export function kafkaTopicsLine(
  { topic, partitions, replicationFactor, configs }: TopicPlan,
  { brokers, auth }: KafkaTarget,
): string {
  return [
    `kafka-topics.sh --bootstrap-server ${brokers.join(',')}`,
    ...(auth.kind === 'none' ? [] : ['--command-config client.properties']),
    `--create --topic ${topic} --partitions ${partitions}`,
    ...(replicationFactor === undefined ? [] : [`--replication-factor ${replicationFactor}`]),
    ...Object.entries(configs).map(([name, value]) => `--config ${name}=${value}`),
  ].join(' ');
}

/** Names that differ by a third of their letters at most, the nearest first. */
export function nearest(name: string, names: readonly string[]): readonly string[] {
  const limit = Math.max(1, Math.floor(name.length / 3));
  return names
    .filter((other) => other !== name && !other.startsWith('__'))
    .map((other) => ({ other, distance: editDistance(name, other) }))
    .filter(({ distance }) => distance <= limit)
    .toSorted((a, b) => a.distance - b.distance || a.other.localeCompare(b.other))
    .slice(0, MOST_SIMILAR)
    .map(({ other }) => other);
}
