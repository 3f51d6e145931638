import type { EventEnvelope } from './decode';
import type { SequenceGap } from './gap';
import type { ConsumerSettings } from './settings';

/** Reports a gap once, and limits how long it blocks its key. */
export class GapWait {
  readonly #settings: ConsumerSettings;
  #until: number | undefined;
  #isReported = false;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
  }

  mustWait(event: EventEnvelope, gap: SequenceGap): boolean {
    const { onGap, gapTimeoutMs, clock, telemetry } = this.#settings;
    if (onGap === 'ignore') return false;
    const waits = onGap === 'block';
    if (!this.#isReported) telemetry.gap(event, gap, { waits });
    this.#isReported = true;
    if (!waits) return false;
    this.#until ??= clock.now() + gapTimeoutMs;
    return this.restMs() > 0;
  }

  get hasBegun(): boolean {
    return this.#until !== undefined;
  }

  restMs(): number {
    return (this.#until ?? 0) - this.#settings.clock.now();
  }
}

/** The progress of a message that is not settled. */
export class Progress {
  readonly gap: GapWait;
  failures = 0;
  /** Attempts that did not count. */
  delays = 0;
  /** Since when a service has been unavailable for the key, and how often the handler had succeeded by then. */
  delayedSince: { readonly at: number; readonly successes: number } | undefined;

  constructor(settings: ConsumerSettings) {
    this.gap = new GapWait(settings);
  }

  get hasBegun(): boolean {
    return this.gap.hasBegun || this.failures > 0 || this.delays > 0;
  }
}
