import type { EventEnvelope } from './decode';
import { SERVICE_DELAY_MS } from './delays';
import type { SequenceGap } from './gap';
import type { KeyDelayed } from './service-error';
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

/** So many successes of the handler for other keys show that the service works. */
const SUCCESSES = 10;

/** The messages in flight that wait for a service: their attempts do not count, and one outage is reported for all. */
export class ServiceDelays {
  readonly #settings: ConsumerSettings;
  /** How often the handler of each type succeeded. */
  readonly #successes = new Map<string, number>();
  readonly #waiting = new Set<Progress>();

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
  }

  succeeded(type: string): void {
    this.#successes.set(type, (this.#successes.get(type) ?? 0) + 1);
  }

  /** Whether a service is unavailable for this key alone, and has been for a while. */
  isOwnFailure({ reason }: KeyDelayed, { type }: EventEnvelope, progress: Progress): boolean {
    if (reason === 'throttled') return false;
    const now = this.#settings.clock.now();
    const successes = this.#successes.get(type) ?? 0;
    progress.delayedSince ??= { at: now, successes };
    return (
      now - progress.delayedSince.at >= SERVICE_DELAY_MS && successes - progress.delayedSince.successes >= SUCCESSES
    );
  }

  /** A throttled item concerns only its key; an unavailable service is reported once for all keys. */
  begin(envelope: EventEnvelope, error: KeyDelayed, progress: Progress): void {
    const { telemetry } = this.#settings;
    telemetry.keyDelayed?.(envelope, error);
    if (error.reason === 'throttled' || this.#waiting.has(progress)) return;
    if (this.#waiting.size === 0) telemetry.outage(error);
    this.#waiting.add(progress);
  }

  /** The message was left, which does not show whether the service is available again. */
  leave(progress: Progress): void {
    this.#waiting.delete(progress);
  }

  end(progress: Progress): void {
    progress.delayedSince = undefined;
    if (this.#waiting.delete(progress) && this.#waiting.size === 0) this.#settings.telemetry.outageOver();
  }
}
