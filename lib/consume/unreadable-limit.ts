import type { UnreadableCountStore } from './ports';
import type { ConsumerSettings } from './settings';
import type { TransactionAction } from '../dynamodb/transaction';

/**
 * Within this time, at most `maxUnreadableKeys` keys of a consumer are parked because this version cannot read their
 * events. More such keys mean one wrong deployment, not many bad events.
 */
export const UNREADABLE_WINDOW_MS = 300_000;

/** Too many keys were parked as unreadable, so the consumer parks no more of them for now. */
export class TooManyUnreadableKeys extends Error {
  override readonly name = 'TooManyUnreadableKeys';

  constructor(keys: number) {
    super(
      `${keys} keys were parked within ${UNREADABLE_WINDOW_MS / 60_000} minutes because this version of the consumer cannot read their events. No more keys are parked; their messages wait in Kafka. Deploy a version with the right catalogue, schemas and upcasters.`,
    );
  }
}

type Settings = Pick<ConsumerSettings, 'maxUnreadableKeys' | 'clock' | 'telemetry'>;

/** Counts, for all instances of a consumer together, the keys that are parked because their events are unreadable. */
export class UnreadableLimit {
  readonly #store: UnreadableCountStore;
  readonly #settings: Settings;
  #isExceeded = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: UnreadableCountStore, settings: Settings) {
    this.#store = store;
    this.#settings = settings;
  }

  /**
   * Runs `park` with an action that counts one more key; the action must be in the transaction that parks the key.
   * Calls run one at a time, so that two transactions of one process do not conflict.
   *
   * @throws TooManyUnreadableKeys if too many keys are counted.
   */
  admit<T>(park: (counting: TransactionAction) => Promise<T>): Promise<T> {
    const admitted = this.#turn.then(async () => park(await this.#counting()));
    // The caller gets the failure; the next call only waits for its turn.
    this.#turn = admitted.catch(() => undefined);
    return admitted;
  }

  async #counting(): Promise<TransactionAction> {
    const { maxUnreadableKeys, clock, telemetry } = this.#settings;
    const now = clock.now();
    const known = await this.#store.read();
    // The clock of another instance may be ahead, or may have been.
    const isOver = Math.abs(now - known.since) >= UNREADABLE_WINDOW_MS;
    const keys = isOver ? 0 : known.keys;
    if (keys >= maxUnreadableKeys) {
      const error = new TooManyUnreadableKeys(keys);
      if (!this.#isExceeded) telemetry.outage(error);
      this.#isExceeded = true;
      throw error;
    }
    if (this.#isExceeded) telemetry.outageOver();
    this.#isExceeded = false;
    return this.#store.replace(known, { since: isOver ? now : known.since, keys: keys + 1 });
  }
}
