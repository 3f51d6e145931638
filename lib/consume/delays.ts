import type { RetryBackoff } from '../timing/backoff';
import { wait } from '../timing/wait';

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

/**
 * The reaction to a message that cannot be settled now. `wait`: the consumer retries until the message is settled or no
 * longer needed, because Kafka would not deliver it again. `leave`: the consumer never waits, because Lambda delivers
 * the message again.
 */
export type WhenBlocked = 'wait' | 'leave';

/** Waits before the next attempt, unless the message is left. */
export async function pause(whenBlocked: WhenBlocked, ms: number, signal: AbortSignal): Promise<'again' | 'unsettled'> {
  if (whenBlocked === 'leave') return 'unsettled';
  await wait(ms, signal);
  return 'again';
}
