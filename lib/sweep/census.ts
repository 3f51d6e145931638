import type { ItemStateName } from '../event/item-state';

/** What a scan of the table counts. */
export interface Census {
  /** Outbox items of any state. */
  readonly items: number;
  /** Not yet acknowledged, and behind no hold. */
  readonly pending: number;
  /** Epoch milliseconds: when the oldest of the pending ones was committed. */
  readonly oldestPendingAt?: number;
  /** Not yet acknowledged, behind the hold of their key. */
  readonly waiting: number;
  readonly parked: number;
  readonly processed: number;
  /** Epoch milliseconds of the latest mark. */
  readonly lastProcessedAt?: number;
  readonly discarded: number;
  /** Signals that the relay has still to act on. */
  readonly signals: number;
  /** Signals that nobody will act on. */
  readonly signalsSetAside: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Adds up a census, item by item. */
export class Count {
  readonly #census: Mutable<Census> = {
    items: 0,
    pending: 0,
    waiting: 0,
    parked: 0,
    processed: 0,
    discarded: 0,
    signals: 0,
    signalsSetAside: 0,
  };

  item(
    state: ItemStateName,
    at: { readonly waits: boolean; readonly committedAt: number; readonly processedAt?: number },
  ) {
    const census = this.#census;
    census.items++;
    if (state === 'pending' && at.waits) census.waiting++;
    else census[state]++;
    if (state === 'pending' && !at.waits) {
      census.oldestPendingAt = Math.min(census.oldestPendingAt ?? Infinity, at.committedAt);
    }
    if (at.processedAt !== undefined) {
      census.lastProcessedAt = Math.max(census.lastProcessedAt ?? 0, at.processedAt);
    }
  }

  signal({ isSetAside }: { readonly isSetAside: boolean }): void {
    if (isSetAside) this.#census.signalsSetAside++;
    else this.#census.signals++;
  }

  get census(): Census {
    return { ...this.#census };
  }
}
