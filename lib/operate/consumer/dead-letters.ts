import { formatReceipt } from '../../event/receipt';
import type { IHeaders } from 'kafkajs';
import { aggregateIn, aggregateOf } from '../../consume/inbox-keys';
import { detached, headersByName, type ConsumedRecord } from '../../consume/record';
import { deadLetterTopic } from '../../event/consumer-name';
import { DEAD_LETTER_HEADERS } from '../../event/dead-letter';
import { OutboxError } from '../../event/errors';
import type { KafkaTarget } from '../kafka-target';
import { isSelectedKey } from '../key-name';
import { readTopics, type ReadTopics } from '../kafka-topic-reader';
import type { RawMessage, ReadTopicsOptions } from '../topic-consumption';

/** A message that a consumer has sent to its dead letters. */
export interface DeadLetter {
  /** Where it lies: topic, partition and offset of the dead letter. */
  readonly at: { readonly topic: string; readonly partition: number; readonly offset: string };
  /** Epoch milliseconds: when it was sent to the dead letters. */
  readonly deadLetteredAt: number;
  readonly reason: string;
  readonly message: string;
  /** Where the consumer read it. If no consumer of this package wrote it, the topic is empty and the partition -1. */
  readonly from: { readonly topic: string; readonly partition: number; readonly offset: string };
  /** The Kafka key as text. */
  readonly key: string;
  readonly id?: string;
  readonly source?: string;
  readonly aggregate?: string;
  readonly type?: string;
  readonly sequence?: string;
}

/** Which dead letters: those that meet all given conditions. */
export interface DeadLetterSelection {
  /** Epoch milliseconds: sent there then or later. Default: all that the topic keeps. */
  readonly sinceMs?: number;
  /** Sent there for one of these reasons, such as `handler-failed`. */
  readonly reasons?: readonly string[];
  /** Only those of these keys: `order#42`, or the Kafka key alone. */
  readonly keys?: readonly string[];
  /** Only those of this `ce_source`. */
  readonly source?: string;
  readonly aggregate?: string;
  /** Read at these places of their own topic, such as `orders-3@1024`. */
  readonly places?: readonly string[];
}

/** Which dead letters to list. */
export interface DeadLettersOptions extends DeadLetterSelection {
  /** The topic that the consumer reads. */
  readonly topic: string;
  readonly consumer: string;
  /** Called with the offsets passed so far, and all offsets to pass. */
  readonly onProgress?: (passed: number, toPass: number) => void;
  /** Called with each dead letter as it is read: those of a partition in their order. */
  readonly onLetter?: (letter: DeadLetter) => void;
}

/** The content of a dead-letter topic. */
export interface DeadLettersReport extends Pick<ReadTopics, 'leftGroup'> {
  /** The dead-letter topic. */
  readonly topic: string;
  /** `false`: the topic does not exist, so a message for it blocks its partition. */
  readonly exists: boolean;
  /** In the order in which they were sent there. */
  readonly letters: readonly DeadLetter[];
}

/**
 * Lists the dead letters of a consumer, without their data. Reads Kafka up to the end of the topic at the call.
 *
 * @throws OutboxError `topic-unreadable` when a part of the topic cannot be read, `service-unavailable`.
 */
export async function deadLetters(kafka: KafkaTarget, options: DeadLettersOptions): Promise<DeadLettersReport> {
  const letters: DeadLetter[] = [];
  const reading = (input: ReadTopicsOptions) => readTopics(kafka, input);
  const read = await readDeadLetters(reading, options, (letter) => {
    letters.push(letter);
    options.onLetter?.(letter);
  });
  letters.sort((a, b) => a.deadLetteredAt - b.deadLetteredAt);
  return { ...read, letters };
}

/** Shows the selected dead letters, those of a partition in order. `original` returns the message of one. */
export async function readDeadLetters(
  reading: (options: ReadTopicsOptions) => Promise<Pick<ReadTopics, 'absentTopics' | 'unread' | 'leftGroup'>>,
  { topic, consumer, onProgress, onLetter: _, ...selection }: DeadLettersOptions,
  onLetter: (letter: DeadLetter, original: () => ConsumedRecord) => void,
): Promise<Omit<DeadLettersReport, 'letters'>> {
  const name = deadLetterTopic(topic, consumer);
  const { absentTopics, unread, leftGroup } = await reading({
    topics: new Set([name]),
    sinceMs: selection.sinceMs ?? 0,
    onProgress,
    onMessage: ({ partition, offset, timestamp, key, id, source }, raw) => {
      const header = (of: string): string | undefined => raw.headers[of]?.toString();
      const aggregate =
        source === undefined ? undefined : aggregateOf({ source, ...aggregateIn(source, header('ce_aggregate')) });
      const letter: DeadLetter = {
        at: { topic: name, partition, offset: String(offset) },
        deadLetteredAt: timestamp,
        reason: header(DEAD_LETTER_HEADERS.reason) ?? 'unknown',
        message: header(DEAD_LETTER_HEADERS.message) ?? '',
        from: {
          topic: header(DEAD_LETTER_HEADERS.topic) ?? '',
          partition: Number(header(DEAD_LETTER_HEADERS.partition) ?? -1),
          offset: header(DEAD_LETTER_HEADERS.offset) ?? '',
        },
        key,
        id,
        source,
        aggregate,
        type: header('ce_type'),
        sequence: header('ce_sequence'),
      };
      if (isSelected(letter, selection)) onLetter(letter, () => originalOf(letter, raw));
    },
  });
  const [stopped] = unread;
  if (stopped !== undefined) {
    const { partition, offset, why } = stopped;
    const place =
      `Topic ${stopped.topic}` + (partition === undefined ? '' : `, partition ${partition} at offset ${offset},`);
    throw new OutboxError('topic-unreadable', `${place} cannot be read: ${why}`, stopped);
  }
  return { topic: name, exists: absentTopics.length === 0, leftGroup };
}

/** Where the consumer read it, in Kafka's notation. */
export const placeOf = ({ from }: Pick<DeadLetter, 'from'>): string => formatReceipt(from);

const isSelected = (letter: DeadLetter, { reasons, places, ...keys }: Omit<DeadLetterSelection, 'since'>): boolean =>
  (reasons?.includes(letter.reason) ?? true) &&
  isSelectedKey(letter, keys) &&
  (places?.includes(placeOf(letter)) ?? true);

const OWN_HEADERS: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS));

/** The message as the consumer read it, copied out of its batch. */
function originalOf(
  { from: { topic, partition, offset } }: DeadLetter,
  { key, value, headers }: RawMessage,
): ConsumedRecord {
  const own = Object.entries<IHeaders[string]>(headers).filter(([name]) => !OWN_HEADERS.has(name));
  return detached({
    topic,
    partition,
    offset: BigInt(offset),
    timestamp: Number(headers[DEAD_LETTER_HEADERS.timestamp]?.toString()),
    key,
    value,
    headers: headersByName(own),
  });
}
