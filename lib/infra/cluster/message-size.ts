import { Token } from 'aws-cdk-lib';
import { requireOption } from '../options/invalid-option';

export const MAX_MESSAGE_BYTES = 'max.message.bytes';

/** The default of Kafka and of Amazon MSK. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** A topic with its properties, which limit its messages. */
export interface LimitedTopic {
  readonly topic: string;
  readonly configs: Readonly<Record<string, string>>;
}

/** The limit of a topic; `undefined` if it is known only at deployment. */
export function maxMessageBytesOf({ configs }: LimitedTopic): number | undefined {
  const given = configs[MAX_MESSAGE_BYTES];
  return Token.isUnresolved(given) ? undefined : Number(given ?? DEFAULT_MAX_MESSAGE_BYTES);
}

/** @throws OutboxError `invalid-option` if services may write events that the topic refuses: each parks its key. */
export function checkWriterLimit(topic: LimitedTopic, writerBytes: number): void {
  const bytes = maxMessageBytesOf(topic);
  requireOption(
    bytes === undefined || bytes >= writerBytes,
    `topics["${topic.topic}"].configs["${MAX_MESSAGE_BYTES}"]`,
    bytes,
    `at least ${writerBytes}, the maxMessageBytes of its events`,
    'A larger event would be committed and then refused by the topic, which parks its key. Raise it, or lower maxMessageBytes.',
  );
}

/** @throws OutboxError `invalid-option` if the relay may send batches that a topic refuses as a whole. */
export function checkBatchLimit(topics: readonly LimitedTopic[], maxBatchBytes: number): void {
  for (const topic of topics) {
    const bytes = maxMessageBytesOf(topic) ?? Infinity;
    requireOption(
      bytes >= maxBatchBytes,
      'maxBatchBytes',
      maxBatchBytes,
      `at most ${bytes}, the ${MAX_MESSAGE_BYTES} of topic "${topic.topic}"`,
      'Kafka applies that limit to a whole batch: larger ones are refused and sent again in halves. Lower maxBatchBytes.',
    );
  }
}
