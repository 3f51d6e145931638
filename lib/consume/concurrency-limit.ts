import { withinTime, type TimeLimit } from '../timing/within-time';

/** The AWS SDK opens as many connections for a client unless it is told otherwise; further calls would wait in it. */
const MOST_CALLS = 50;

interface Place {
  isTaken: boolean;
  readonly granted: PromiseWithResolvers<void>;
}

/**
 * Limits the calls that are in flight to what the called service carries, as TCP limits its segments: one more after as
 * many successes as the limit allows at once, half as many after a call that failed for overload.
 *
 * Without it, calls that wait for a connection run out of time although the service answers, are made again, and delay
 * the others: a consumer that was slow for a moment stays slow.
 */
export class ConcurrencyLimit {
  readonly #isOverload: (error: unknown) => boolean;
  #limit = MOST_CALLS;
  #running = 0;
  /** Calls that began before the limit was lowered say nothing about the lower limit. */
  #generation = 0;
  readonly #waiting: Place[] = [];

  constructor(isOverload: (error: unknown) => boolean) {
    this.#isOverload = isOverload;
  }

  /** Waits for a place, in the order of arrival and at most as long as the call may take, and then makes the call. */
  async run<T>(call: (signal: AbortSignal) => Promise<T>, time: TimeLimit): Promise<T> {
    const place: Place = { isTaken: false, granted: Promise.withResolvers() };
    this.#waiting.push(place);
    this.#grant();
    try {
      if (!place.isTaken) await withinTime(() => place.granted.promise, time);
      return await this.#observed(() => withinTime(call, time));
    } finally {
      this.#leave(place);
    }
  }

  async #observed<T>(call: () => Promise<T>): Promise<T> {
    const generation = this.#generation;
    try {
      const result = await call();
      this.#limit = Math.min(MOST_CALLS, this.#limit + 1 / this.#limit);
      return result;
    } catch (error) {
      if (generation === this.#generation && this.#isOverload(error)) {
        this.#limit = Math.max(1, this.#limit / 2);
        this.#generation++;
      }
      throw error;
    }
  }

  #grant(): void {
    while (this.#running < Math.floor(this.#limit)) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.isTaken = true;
      this.#running++;
      next.granted.resolve();
    }
  }

  #leave(place: Place): void {
    if (place.isTaken) this.#running--;
    else this.#waiting.splice(this.#waiting.indexOf(place), 1);
    this.#grant();
  }
}
