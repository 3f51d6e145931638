import { deadLetterTopic } from '../../event/consumer-name';
import { deadLetters, type DeadLetter } from '../consumer/dead-letters';
import type { ExplainKafka } from './explain';
import { openKafkaMetadata } from '../kafka-metadata';
import type { KafkaTarget } from '../kafka-target';

/** The connection to the cluster that `explain` reads. */
export interface ExplainKafkaConnection extends ExplainKafka {
  /** Disconnects. */
  close(): Promise<void>;
}

/**
 * Connects to the cluster for `explain`. The caller must close the connection.
 *
 * @throws OutboxError `service-unavailable`, which names the brokers that cannot be reached and why.
 */
export async function explainKafka(
  target: KafkaTarget,
  onProgress?: (passed: number, toPass: number) => void,
): Promise<ExplainKafkaConnection> {
  const look = await openKafkaMetadata(target);
  return {
    async ends(topics) {
      return {
        ends: await look.ends(topics),
        absentTopics: topics.filter((topic) => !look.topics.has(topic)),
      };
    },
    async consumer({ consumer, groups = {} }, topics, kafkaKey) {
      let members = 0;
      const committed = new Map<string, bigint>();
      // On Lambda each topic has a mapping, and a group, of its own.
      for (const [groupId, read] of Map.groupBy(topics, (topic) => groups[topic] ?? consumer)) {
        const group = await look.group(groupId, read);
        members += group.members;
        for (const [partition, offset] of group.committed) committed.set(partition, offset);
      }
      const letters = new Map<string, readonly DeadLetter[] | undefined>();
      for (const topic of topics) {
        const exists = look.topics.has(deadLetterTopic(topic, consumer));
        const options = { topic, consumer, keys: [kafkaKey], onProgress };
        letters.set(topic, exists ? (await deadLetters(target, options)).letters : undefined);
      }
      return { group: { members, committed }, deadLetters: letters };
    },
    close: () => look.close(),
  };
}
