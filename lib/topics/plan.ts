import { OutboxError } from '../event/errors';
import type { WantedTopic } from './request';

export interface FoundTopic {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The properties set on the topic itself, without the cluster's defaults. */
  readonly configs: Readonly<Record<string, string>>;
}

export type TopicStep =
  | { readonly kind: 'create' }
  | { readonly kind: 'grow'; readonly partitions: number }
  /** The complete set of the topic's own properties: Kafka resets each property that the request omits. */
  | { readonly kind: 'configure'; readonly configs: Readonly<Record<string, string>> };

/**
 * The changes that bring a topic to the requested state; empty if there are none.
 *
 * @param before - the configuration managed until now, if this resource manages the topic already. A property that is
 * no longer requested returns to its default. Fewer partitions are then ignored, not refused: the rollback of a
 * deployment that grew the topic requests exactly that, and must not get stuck.
 * @throws OutboxError `operation-refused` for a change that Kafka does not support, and for a growth that breaks the
 * order of keys without an acknowledgement.
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
