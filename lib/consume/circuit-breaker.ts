import { backoffMs, type RetryBackoff } from '../timing/backoff';
import { wait } from '../timing/wait';
import { TableUnavailable } from './service-error';
import type { ConsumerTelemetry } from './ports';
import type { WhenBlocked } from './delays';

/** A handler may delay the caller that tries, so the next caller may try after this time. */
const MAX_TRIAL_MS = 2_000;

/**
 * Open while DynamoDB is unavailable: all work waits. After the backoff it is half-open: one caller at a time tries. An
 * outage then costs one request per backoff and no attempt of any message.
 */
export class CircuitBreaker {
  readonly #backoff: RetryBackoff;
  readonly #now: () => number;
  #failures = 0;
  #retryAt = 0;
  /** Set while a caller tries. */
  #trialSince: number | undefined;
  /** Aborted when the breaker closes, to wake the waiting callers. */
  #closing = new AbortController();

  constructor(backoff: RetryBackoff, now: () => number) {
    this.#backoff = backoff;
    this.#now = now;
  }

  get isOpen(): boolean {
    return this.#failures > 0;
  }

  /** @throws TableUnavailable if no attempt began or the table is unavailable; else the error of `attempt`. */
  async run<T>(
    { whenBlocked, signal, telemetry }: { whenBlocked: WhenBlocked; signal: AbortSignal; telemetry: ConsumerTelemetry },
    attempt: () => Promise<T>,
  ): Promise<T> {
    if (whenBlocked === 'wait') await this.acquire(signal);
    else if (!this.tryAcquire()) throw new TableUnavailable('The table is unavailable.');
    if (signal.aborted) {
      this.endTrial();
      throw new TableUnavailable('The message is no longer needed.');
    }
    try {
      const result = await attempt();
      if (this.isOpen) telemetry.outageOver();
      this.recordSuccess();
      return result;
    } catch (error) {
      // A handler can fail before the consumer calls the table.
      if (!(error instanceof TableUnavailable)) this.endTrial();
      else if (this.recordFailure()) telemetry.outage(error);
      throw error;
    }
  }

  /** Resolves when work may begin or the signal is aborted. The caller then records the result, or ends its trial. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.tryAcquire()) {
      const restMs = this.#retryAt - this.#now();
      // The others check again after the shortest backoff, because the caller that tries may have been abandoned.
      await wait(Math.max(restMs, this.#backoff.initialDelayMs), AbortSignal.any([signal, this.#closing.signal]));
    }
  }

  /** Like {@link acquire}, but returns `false` instead of waiting. */
  tryAcquire(): boolean {
    if (!this.isOpen) return true;
    const now = this.#now();
    const isTrying = this.#trialSince !== undefined && now - this.#trialSince < MAX_TRIAL_MS;
    if (isTrying || this.#retryAt > now) return false;
    this.#trialSince = now;
    return true;
  }

  /** Closes the breaker. */
  recordSuccess(): void {
    this.endTrial();
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#closing.abort();
    this.#closing = new AbortController();
  }

  /** The caller made no attempt. */
  endTrial(): void {
    this.#trialSince = undefined;
  }

  /** Opens the breaker. Returns whether it was closed before. */
  recordFailure(): boolean {
    const wasClosed = !this.isOpen;
    // Work that had begun before the breaker opened fails as well, and must not extend the backoff.
    if (!wasClosed && this.#trialSince === undefined) return false;
    this.endTrial();
    this.#failures++;
    this.#retryAt = this.#now() + backoffMs(this.#backoff, this.#failures);
    return wasClosed;
  }
}
