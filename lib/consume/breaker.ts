import type { BreakerStore, Clock, ConsumerTelemetry } from './ports';
import type { TransactionAction } from '../event/transaction';

/**
 * How many keys of a consumer may be parked in a while because this version cannot read their events. More of them are
 * one wrong deployment and not many bad events.
 */
export const UNREADABLE_BREAKER = { maxKeys: 100, windowMs: 300_000 } as const;

/** Too many keys were parked as unreadable: the consumer parks no more of them for now. */
export class BreakerOpen extends Error {
  override readonly name = 'BreakerOpen';

  constructor(keys: number) {
    super(
      `${keys} keys were parked within ${UNREADABLE_BREAKER.windowMs / 60_000} minutes because this version of the consumer cannot read their events, so no more are parked and they wait in Kafka. Deploy a version with the right catalogue, schemas and upcasters.`,
    );
  }
}

/** Counts, for all instances of a consumer together, the keys that are parked because their events are unreadable. */
export class UnreadableBreaker {
  readonly #store: BreakerStore;
  readonly #clock: Clock;
  readonly #telemetry: ConsumerTelemetry;
  #isOpen = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: BreakerStore, { clock, telemetry }: { clock: Clock; telemetry: ConsumerTelemetry }) {
    this.#store = store;
    this.#clock = clock;
    this.#telemetry = telemetry;
  }

  /**
   * Runs `park` with an action that counts one more key; it belongs into the transaction that parks it. One at a time, so
   * that parkings of one process do not conflict.
   *
   * @throws BreakerOpen when too many keys are counted.
   */
  admit<T>(park: (counting: TransactionAction) => Promise<T>): Promise<T> {
    const admitted = this.#turn.then(async () => park(await this.#counting()));
    this.#turn = admitted.catch(() => undefined);
    return admitted;
  }

  async #counting(): Promise<TransactionAction> {
    const { maxKeys, windowMs } = UNREADABLE_BREAKER;
    const now = this.#clock.now();
    const known = await this.#store.read();
    const isOver = now - known.since >= windowMs;
    const keys = isOver ? 0 : known.keys;
    if (keys >= maxKeys) {
      const error = new BreakerOpen(keys);
      if (!this.#isOpen) this.#telemetry.outage(error);
      this.#isOpen = true;
      throw error;
    }
    if (this.#isOpen) this.#telemetry.outageOver();
    this.#isOpen = false;
    return this.#store.counted(known, { since: isOver ? now : known.since, keys: keys + 1 });
  }
}
