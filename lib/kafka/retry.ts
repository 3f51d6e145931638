/**
 * Retries inside kafkajs keep their sequence numbers and are therefore free of duplicates, but they cost time that a new
 * producer uses better. An idempotent producer must have some.
 */
export const KAFKA_RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 500 } as const;
