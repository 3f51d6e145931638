/** The delays between attempts: the first one, and the longest one. */
export interface RetryBackoff {
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * The delay after so many failed attempts; it doubles with each. A part of it is random (`jitter`, from 0 to 1), so that
 * work that failed together is not retried together.
 */
export function backoffMs(
  { initialDelayMs, maxDelayMs }: RetryBackoff,
  attempt: number,
  { jitter = 0.5, random = Math.random } = {},
): number {
  const full = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.ceil(full * (1 - jitter) + random() * full * jitter);
}

const THROTTLED: RetryBackoff = { initialDelayMs: 50, maxDelayMs: 1_000 };

/** The delay before a call that DynamoDB has throttled is repeated. All of it is random. */
export const throttledMs = (attempt: number): number => backoffMs(THROTTLED, attempt, { jitter: 1 });
