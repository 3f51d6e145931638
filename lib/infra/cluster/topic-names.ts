import { Token } from 'aws-cdk-lib';
import { invalidOption, requireOption } from '../options/invalid-option';

/** Internal topics of Kafka and MSK. */
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
