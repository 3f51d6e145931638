import type { RetryBackoff } from '../timing/backoff';

/** After a conflict with another writer of the consumer's table. */
export const CONTENTION_BACKOFF: RetryBackoff = { initialDelayMs: 10, maxDelayMs: 1_000 };

/** For an event that this process cannot read, and while too many keys are parked as unreadable. */
export const BLOCKED_BACKOFF: RetryBackoff = { initialDelayMs: 1_000, maxDelayMs: 30_000 };

/** While the consumer's table is unavailable. */
export const TABLE_BACKOFF: RetryBackoff = { initialDelayMs: 200, maxDelayMs: 10_000 };

/** After a failed read of a partition's start offset. */
export const START_BACKOFF: RetryBackoff = { initialDelayMs: 200, maxDelayMs: 10_000 };

/** How often a blocked key checks whether a missing event was applied elsewhere. */
export const GAP_CHECK_MS = 1_000;

/**
 * If a service has failed one key for this long, while the handler of the type succeeded for others, the failure is
 * that key's own, and its attempts count.
 */
export const SERVICE_DELAY_MS = 60_000;
