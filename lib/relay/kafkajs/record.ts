import type { Message as KafkaMessage, TopicMessages } from 'kafkajs';
import type { Message } from '../../event/message';
import type { PartitionBatch } from '../ports';

/** The batches in kafkajs's form: by topic, each message with its partition. */
export function topicMessagesOf(batches: readonly PartitionBatch[]): TopicMessages[] {
  const byTopic = new Map<string, KafkaMessage[]>();
  for (const { topic, partition, messages } of batches) {
    let list = byTopic.get(topic);
    if (list === undefined) byTopic.set(topic, (list = []));
    for (const { key, value, headers } of messages) list.push({ key, value, headers, partition });
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}

/**
 * The part of a message that kafkajs cannot encode, or `undefined`. Checked before sending, because kafkajs would throw
 * a `TypeError` that looks like any other fault of the client.
 */
export function unencodablePart({ key, value, headers }: Message): string | undefined {
  if (!Buffer.isBuffer(key)) return 'key';
  if (value !== null && !Buffer.isBuffer(value)) return 'value';
  for (const name in headers) if (typeof headers[name] !== 'string') return `header "${name}"`;
  return undefined;
}
