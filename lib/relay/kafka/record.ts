import type { Message as KafkaMessage, TopicMessages } from 'kafkajs';
import type { Message } from '../../event/message';
import type { PartitionBatch } from '../ports';

/** The batches as kafkajs takes them: by topic, each message with its partition. */
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
 * What of a message kafkajs could not encode, or nothing. Asked before sending, because from kafkajs such a message
 * comes back as a `TypeError` that looks like any other fault of the client.
 */
export function unencodablePart({ key, value, headers }: Message): string | undefined {
  if (!Buffer.isBuffer(key)) return 'key';
  if (value !== null && !Buffer.isBuffer(value)) return 'value';
  for (const name in headers) if (typeof headers[name] !== 'string') return `header "${name}"`;
  return undefined;
}
