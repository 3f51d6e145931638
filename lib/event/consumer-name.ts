/** What names a consumer: with room for the topic's own name in `deadLetterTopic`. */
export const CONSUMER_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Where a consumer sets the messages of a topic aside that it cannot apply. */
export const deadLetterTopic = (topic: string, consumer: string): string => `${topic}.${consumer}.dlt`;

/** A dead letter says why it is one in headers of its own, beside the whole message. */
export const DEAD_LETTER_OVERHEAD_BYTES = 4 * 1024;
