import { deadLetterTopic } from '../../event/consumer-name';
import { OutboxError } from '../../event/errors';
import type { KafkaTarget } from '../kafka-target';
import { readTopics, type ReadTopics } from '../kafka-topic-reader';

/** A message that a consumer has set aside. */
export interface DeadLetter {
  /** Where it lies: topic, partition and offset of the dead letter. */
  readonly at: { readonly topic: string; readonly partition: number; readonly offset: string };
  /** Epoch milliseconds: when it was set aside. */
  readonly setAsideAt: number;
  readonly reason: string;
  readonly message: string;
  /** Where the consumer had read it; an empty topic and -1 on what no consumer of this package wrote. */
  readonly from: { readonly topic: string; readonly partition: number; readonly offset: string };
  /** The Kafka key as text. */
  readonly key: string;
  readonly id?: string;
  readonly source?: string;
  readonly type?: string;
  readonly sequence?: string;
}

/** Which dead letters to list. */
export interface DeadLettersOptions {
  /** The topic that the consumer reads. */
  readonly topic: string;
  readonly consumer: string;
  /** Epoch milliseconds: set aside then or later. Default: all that the topic keeps. */
  readonly since?: number;
  /** Called as offsets are passed, with all that will be. */
  readonly onProgress?: (passed: number, toPass: number) => void;
}

/** What a dead-letter topic holds. */
export interface DeadLettersReport extends Pick<ReadTopics, 'leftGroup'> {
  /** The dead-letter topic. */
  readonly topic: string;
  /** `false`: the topic is not there, so a consumer that wants to set something aside is blocked. */
  readonly exists: boolean;
  /** In the order in which they were set aside. */
  readonly letters: readonly DeadLetter[];
}

/**
 * Lists what a consumer has set aside, without its data. Reads Kafka, to the end that the topic has when the call begins.
 *
 * @throws OutboxError `topic-unreadable` when a part of the topic cannot be read, `service-unavailable`.
 */
export async function deadLetters(
  kafka: KafkaTarget,
  { topic, consumer, since = 0, onProgress }: DeadLettersOptions,
): Promise<DeadLettersReport> {
  const name = deadLetterTopic(topic, consumer);
  const letters: DeadLetter[] = [];
  const { absentTopics, unread, leftGroup } = await readTopics(kafka, {
    topics: new Set([name]),
    sinceMs: since,
    lowest: () => undefined,
    onProgress,
    onMessage: ({ partition, offset, timestamp, key, id, source }, headers) => {
      const header = (of: string): string | undefined => headers[of]?.toString();
      letters.push({
        at: { topic: name, partition, offset: String(offset) },
        setAsideAt: timestamp,
        reason: header('outbox-dlt-reason') ?? 'unknown',
        message: header('outbox-dlt-message') ?? '',
        from: {
          topic: header('outbox-dlt-topic') ?? '',
          partition: Number(header('outbox-dlt-partition') ?? -1),
          offset: header('outbox-dlt-offset') ?? '',
        },
        key,
        id,
        source,
        type: header('ce_type'),
        sequence: header('ce_sequence'),
      });
    },
  });
  const [stopped] = unread;
  if (stopped !== undefined) {
    const { topic, partition, offset, why } = stopped;
    const place =
      partition === undefined ? `Topic ${topic}` : `Topic ${topic}, partition ${partition} at offset ${offset},`;
    throw new OutboxError('topic-unreadable', `${place} cannot be read: ${why}`, { topic, partition, offset, why });
  }
  letters.sort((a, b) => a.setAsideAt - b.setAsideAt);
  return { topic: name, exists: absentTopics.length === 0, letters, leftGroup };
}
