import type { ItemStateName } from '../event/item-state';

/** Counts of a scan of the table. */
export interface Census {
  /** Number of outbox items in any state. */
  readonly items: number;
  /** Not yet acknowledged, and behind no hold. */
  readonly pending: number;
  /** Epoch milliseconds at which the oldest pending item was committed; items without a plausible time do not count. */
  readonly oldestPendingAt?: number;
  /** Partition key of that item. */
  readonly oldestPendingKey?: string;
  /** Not yet acknowledged, behind the hold of their key. */
  readonly waiting: number;
  readonly parked: number;
  readonly processed: number;
  /** Epoch milliseconds of the latest mark. */
  readonly lastProcessedAt?: number;
  /** Epoch milliseconds at which the newest published item was committed, or marked if that is earlier. */
  readonly newestPublishedAt?: number;
  readonly discarded: number;
  /** Signals that the relay has not acted on yet. */
  readonly signals: number;
  /** Signals that neither relay nor sweeper acts on. */
  readonly signalsSetAside: number;
  /** Partition keys of the first few signals set aside. */
  readonly setAsideKeys: readonly string[];
}

const KEYS_NAMED = 5;

export const EMPTY_CENSUS: Census = {
  items: 0,
  pending: 0,
  waiting: 0,
  parked: 0,
  processed: 0,
  discarded: 0,
  signals: 0,
  signalsSetAside: 0,
  setAsideKeys: [],
};

/** The combined census of two parts of a table. */
export function sumOf(a: Census, b: Census): Census {
  const [oldest, other] = (a.oldestPendingAt ?? Infinity) <= (b.oldestPendingAt ?? Infinity) ? [a, b] : [b, a];
  const latest = Math.max(a.lastProcessedAt ?? 0, b.lastProcessedAt ?? 0);
  const newest = Math.max(a.newestPublishedAt ?? 0, b.newestPublishedAt ?? 0);
  return {
    items: a.items + b.items,
    pending: a.pending + b.pending,
    oldestPendingAt: oldest.oldestPendingAt,
    oldestPendingKey: oldest.oldestPendingKey,
    waiting: a.waiting + b.waiting,
    parked: a.parked + b.parked,
    processed: a.processed + b.processed,
    lastProcessedAt: latest === 0 ? undefined : latest,
    newestPublishedAt: newest === 0 ? undefined : newest,
    discarded: a.discarded + b.discarded,
    signals: a.signals + b.signals,
    signalsSetAside: a.signalsSetAside + b.signalsSetAside,
    setAsideKeys: [...oldest.setAsideKeys, ...other.setAsideKeys].slice(0, KEYS_NAMED),
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Builds a census item by item. */
export class Count {
  readonly #census: Mutable<Census> & { setAsideKeys: string[] } = { ...EMPTY_CENSUS, setAsideKeys: [] };

  item(
    pk: string,
    state: ItemStateName,
    at: { readonly waits: boolean; readonly committedAt?: number; readonly processedAt?: number },
  ): void {
    const census = this.#census;
    census.items++;
    if (state === 'pending' && at.waits) census.waiting++;
    else census[state]++;
    if (state === 'pending' && !at.waits && (at.committedAt ?? Infinity) < (census.oldestPendingAt ?? Infinity)) {
      census.oldestPendingAt = at.committedAt;
      census.oldestPendingKey = pk;
    }
    if (at.processedAt !== undefined) {
      census.lastProcessedAt = Math.max(census.lastProcessedAt ?? 0, at.processedAt);
    }
    if (state === 'processed' && at.processedAt !== undefined) {
      const committedAt = Math.min(at.committedAt ?? at.processedAt, at.processedAt);
      census.newestPublishedAt = Math.max(census.newestPublishedAt ?? 0, committedAt);
    }
  }

  signal(pk: string, { isSetAside }: { readonly isSetAside: boolean }): void {
    const census = this.#census;
    if (!isSetAside) {
      census.signals++;
      return;
    }
    census.signalsSetAside++;
    if (census.setAsideKeys.length < KEYS_NAMED) census.setAsideKeys.push(pk);
  }

  get census(): Census {
    return { ...this.#census };
  }
}
