/** Valid names of a consumer; leaves room for the topic's own name in `deadLetterTopic`. */
export const CONSUMER_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The topic to which a consumer sends the messages of `topic` that it cannot apply. */
export const deadLetterTopic = (topic: string, consumer: string): string => `${topic}.${consumer}.dlt`;

/** A dead letter carries its reason in extra headers, next to the whole message. */
export const DEAD_LETTER_OVERHEAD_BYTES = 4 * 1024;
