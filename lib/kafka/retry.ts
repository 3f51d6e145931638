/**
 * Retries inside kafkajs keep their sequence numbers, so they cause no duplicates, but a new producer uses the time
 * better. An idempotent producer needs at least one.
 */
export const KAFKA_RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 500 } as const;
