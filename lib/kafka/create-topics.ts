import type { Admin, ITopicConfig } from 'kafkajs';
import { wait } from '../timing/wait';
import { protocolErrorOf } from './protocol-error';

/** Until all brokers know a new topic, a broker that is asked can miss the topic or the leaders of its partitions. */
const NOT_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);

const POLL_MS = 100;

/**
 * Creates topics, and resolves when a broker names a leader for each of their partitions. Does nothing with topics that
 * exist.
 *
 * KafkaJS can wait for leaders too, but fails with UNKNOWN_TOPIC_OR_PARTITION, although the topic was created, if the
 * broker that it asks has not seen the topic yet.
 *
 * @param timeoutMs - for the creation, and again for the leaders
 * @throws Error of kafkajs when the controller refuses a topic or no broker answers
 * @throws Error when the leaders are not there in time; the topics exist then
 */
export async function createTopicsWithLeaders(
  admin: Admin,
  topics: readonly ITopicConfig[],
  timeoutMs: number,
): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, timeout: timeoutMs, topics: [...topics] });
  const names = topics.map(({ topic }) => topic);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const missing = await withoutLeader(admin, names);
    if (missing.length === 0) return;
    if (performance.now() >= deadline) {
      throw new Error(
        `No leader for each partition of ${missing.join(', ')} after ${timeoutMs} ms. The topics were created.`,
      );
    }
    await wait(POLL_MS);
  }
}

/** The topics with a partition that has no leader, or all of them while a broker does not know one. */
async function withoutLeader(admin: Admin, names: string[]): Promise<readonly string[]> {
  // KafkaJS would list all topics of the cluster.
  if (names.length === 0) return [];
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    return topics
      .filter(({ partitions }) => partitions.length === 0 || partitions.some(({ leader }) => leader < 0))
      .map(({ name }) => name);
  } catch (error) {
    if (NOT_YET.has(protocolErrorOf(error) ?? '')) return names;
    throw error;
  }
}
