import { backoffMs, type Backoff } from '../timing/backoff';
import { wait } from '../timing/wait';

const MAX_TRIAL_MS = 2_000;

/**
 * Closed while DynamoDB is unavailable: all work waits, and one caller at a time tries. An outage then costs one
 * request per backoff and no attempt of any message.
 */
export class CircuitBreaker {
  readonly #backoff: Backoff;
  readonly #now: () => number;
  #failures = 0;
  #opensAt = 0;
  #isProbed = false;
  #probedAt = 0;
  /** Aborted when the gate opens, to wake the waiting callers. */
  #opening = new AbortController();

  constructor(backoff: Backoff, now: () => number) {
    this.#backoff = backoff;
    this.#now = now;
  }

  get isOpen(): boolean {
    return this.#failures > 0;
  }

  /** Resolves when work may begin or the signal is aborted. The caller then reports `opened`, `closed` or `left`. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.tryAcquire()) {
      const restMs = this.#opensAt - this.#now();
      // The others check again after the shortest backoff, because the caller that tries may have been abandoned.
      await wait(Math.max(restMs, this.#backoff.initialDelayMs), AbortSignal.any([signal, this.#opening.signal]));
    }
  }

  /** Like {@link acquire}, but returns `false` instead of waiting. */
  tryAcquire(): boolean {
    if (!this.isOpen) return true;
    const now = this.#now();
    // A handler may delay the caller that tries, so a try counts only for a limited time.
    const isTrying = this.#isProbed && now - this.#probedAt < MAX_TRIAL_MS;
    if (isTrying || this.#opensAt > now) return false;
    this.#isProbed = true;
    this.#probedAt = now;
    return true;
  }

  recordSuccess(): void {
    this.#isProbed = false;
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#opening.abort();
    this.#opening = new AbortController();
  }

  /** The caller that passed made no attempt. */
  release(): void {
    this.#isProbed = false;
  }

  /** Returns whether the gate was open before. */
  recordFailure(): boolean {
    const wasOpen = this.#failures === 0;
    // Work that had begun before the gate closed fails as well, and must not extend the backoff.
    if (!wasOpen && !this.#isProbed) return false;
    this.#isProbed = false;
    this.#failures++;
    this.#opensAt = this.#now() + backoffMs(this.#backoff, this.#failures);
    return wasOpen;
  }
}
