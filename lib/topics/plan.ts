import { OutboxError } from '../event/errors';
import type { WantedTopic } from './request';

/** A topic as the cluster has it. */
export interface FoundTopic {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** What somebody has set on the topic itself; the cluster's defaults are not among it. */
  readonly configs: Readonly<Record<string, string>>;
}

/** What makes a topic what it should be. Empty: it is already. */
export type TopicStep =
  | { readonly kind: 'create' }
  | { readonly kind: 'grow'; readonly partitions: number }
  /** Everything that the topic has of its own afterwards: Kafka forgets what is not named. */
  | { readonly kind: 'configure'; readonly configs: Readonly<Record<string, string>> };

/**
 * What is to be done about a topic.
 *
 * @param before - what was managed until now, for a topic that was: properties that are not wanted any more get their
 * default back. Fewer partitions are then left as they are instead of refused, because the rollback of a deployment that
 * has grown the topic asks for just that, and must not get stuck.
 * @throws OutboxError `operation-refused` for what Kafka cannot do, and for a growth that breaks the order of keys and
 * was not acknowledged.
 */
export function planTopic(
  wanted: WantedTopic,
  found: FoundTopic | undefined,
  before?: Pick<WantedTopic, 'configs'>,
): readonly TopicStep[] {
  if (found === undefined) return [{ kind: 'create' }];
  if (before === undefined) refuseFewerPartitions(wanted, found);
  refuseOtherReplicas(wanted, found);
  const steps: TopicStep[] = [];
  if (wanted.partitions > found.partitions) {
    refuseUnacknowledged(wanted, found);
    steps.push({ kind: 'grow', partitions: wanted.partitions });
  }
  const configs = configsAfter(wanted, found, before?.configs ?? {});
  if (!sameTexts(configs, found.configs)) steps.push({ kind: 'configure', configs });
  return steps;
}

function refuseFewerPartitions({ topic, partitions }: WantedTopic, found: FoundTopic): void {
  if (partitions >= found.partitions) return;
  refuse(
    topic,
    `it has ${found.partitions} partitions and ${partitions} are wanted: Kafka cannot take any away. Write ${found.partitions}, or move to a topic of another name.`,
  );
}

function refuseOtherReplicas({ topic, replicationFactor }: WantedTopic, found: FoundTopic): void {
  if (replicationFactor === undefined || replicationFactor === found.replicationFactor) return;
  refuse(
    topic,
    `it has ${found.replicationFactor} replicas and ${replicationFactor} are wanted: that takes a reassignment of its partitions, which is done with Kafka's own tools. Then write what it has.`,
  );
}

function refuseUnacknowledged(
  { topic, partitions, keyed, acknowledgedPartitions }: WantedTopic,
  found: FoundTopic,
): void {
  if (!keyed || acknowledgedPartitions === partitions) return;
  refuse(
    topic,
    `growing it from ${found.partitions} to ${partitions} partitions moves keys to other ones, where their next messages can overtake those that consumers have not read yet. Stop writing, let consumers read everything, and set acknowledgedPartitions to ${partitions}; or set keyed to false if order does not matter.`,
  );
}

function configsAfter({ configs }: WantedTopic, found: FoundTopic, before: Readonly<Record<string, string>>) {
  const foreign = Object.entries(found.configs).filter(([name]) => !(name in before));
  return { ...Object.fromEntries(foreign), ...configs };
}

const sameTexts = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([name, value]) => other[name] === value);

function refuse(topic: string, why: string): never {
  throw new OutboxError('operation-refused', `topic "${topic}": ${why}`, { operation: `topic "${topic}"`, why });
}
