/** Headers that a dead letter has next to the original message. */
export const DEAD_LETTER_HEADERS = {
  reason: 'outbox-dlt-reason',
  message: 'outbox-dlt-message',
  topic: 'outbox-dlt-topic',
  partition: 'outbox-dlt-partition',
  offset: 'outbox-dlt-offset',
  timestamp: 'outbox-dlt-timestamp',
  stack: 'outbox-dlt-stack',
} as const;
