import { backoffMs, wait, type Backoff } from './waiting';

const LONGEST_TRY_MS = 2_000;

/**
 * Closed while DynamoDB does not answer: everybody waits, and one at a time tries. An outage then costs one request per
 * back-off and no attempt of any message.
 */
export class Gate {
  readonly #backoff: Backoff;
  readonly #now: () => number;
  #failures = 0;
  #opensAt = 0;
  #isProbed = false;
  #probedAt = 0;
  /** Aborted when the gate opens, to wake who waits. */
  #opening = new AbortController();

  constructor(backoff: Backoff, now: () => number) {
    this.#backoff = backoff;
    this.#now = now;
  }

  get isClosed(): boolean {
    return this.#failures > 0;
  }

  /** Resolves when work may begin, or when the signal is aborted. Who passed answers with `opened`, `closed` or `left`. */
  async pass(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.tryPass()) {
      const restMs = this.#opensAt - this.#now();
      // Who is not the one that tries looks again after the shortest back-off: the one may have been given up.
      await wait(Math.max(restMs, this.#backoff.firstMs), AbortSignal.any([signal, this.#opening.signal]));
    }
  }

  /** As {@link pass}, but answers `false` instead of waiting. */
  tryPass(): boolean {
    if (!this.isClosed) return true;
    const now = this.#now();
    // The one that tries may be held up by its own handler.
    const isTrying = this.#isProbed && now - this.#probedAt < LONGEST_TRY_MS;
    if (isTrying || this.#opensAt > now) return false;
    this.#isProbed = true;
    this.#probedAt = now;
    return true;
  }

  opened(): void {
    this.#isProbed = false;
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#opening.abort();
    this.#opening = new AbortController();
  }

  /** Who passed did not try. */
  left(): void {
    this.#isProbed = false;
  }

  /** Answers whether it was open before. */
  closed(): boolean {
    const wasOpen = this.#failures === 0;
    // What was at work when it closed fails as well, and says nothing new.
    if (!wasOpen && !this.#isProbed) return false;
    this.#isProbed = false;
    this.#failures++;
    this.#opensAt = this.#now() + backoffMs(this.#backoff, this.#failures);
    return wasOpen;
  }
}
