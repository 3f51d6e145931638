import type { Hold } from '../event/control';
import type { ItemStateName } from '../event/item-state';

/** Counts of a scan of the table. */
export interface TableCounts {
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
  /** Signals that neither relay nor sweeper can act on. */
  readonly unprocessableSignals: number;
  /** Partition keys of the first few unprocessable signals. */
  readonly unprocessableKeys: readonly string[];
}

const KEYS_NAMED = 5;

const NO_ITEMS = {
  items: 0,
  pending: 0,
  waiting: 0,
  parked: 0,
  processed: 0,
  discarded: 0,
  signals: 0,
  unprocessableSignals: 0,
};

export const EMPTY_COUNTS: TableCounts = { ...NO_ITEMS, unprocessableKeys: [] };

export function sumOf(a: TableCounts, b: TableCounts): TableCounts {
  const [oldest, other] = (a.oldestPendingAt ?? Infinity) <= (b.oldestPendingAt ?? Infinity) ? [a, b] : [b, a];
  const latest = Math.max(a.lastProcessedAt ?? 0, b.lastProcessedAt ?? 0);
  const newest = Math.max(a.newestPublishedAt ?? 0, b.newestPublishedAt ?? 0);
  const sums = { ...NO_ITEMS };
  for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] = a[name] + b[name];
  return {
    ...sums,
    oldestPendingAt: oldest.oldestPendingAt,
    oldestPendingKey: oldest.oldestPendingKey,
    lastProcessedAt: latest === 0 ? undefined : latest,
    newestPublishedAt: newest === 0 ? undefined : newest,
    unprocessableKeys: [...oldest.unprocessableKeys, ...other.unprocessableKeys].slice(0, KEYS_NAMED),
  };
}

/** The keys that wait for an operator. The relay releases the keys of an unavailable partition itself. */
export function holdSummary(holds: Iterable<Hold>): { readonly heldKeys: number; readonly oldestHoldAt?: number } {
  const times = [...holds].filter(({ awaits }) => awaits === undefined).map(({ since }) => since);
  const oldestHoldAt = times.reduce((oldest, since) => Math.min(oldest, since), Infinity);
  return { heldKeys: times.length, oldestHoldAt: times.length === 0 ? undefined : oldestHoldAt };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class TableCounter {
  readonly #counts: Mutable<TableCounts> & { unprocessableKeys: string[] } = { ...NO_ITEMS, unprocessableKeys: [] };

  item(
    pk: string,
    state: ItemStateName,
    at: { readonly waits: boolean; readonly committedAt?: number; readonly processedAt?: number },
  ): void {
    const counts = this.#counts;
    counts.items++;
    if (state === 'pending' && at.waits) counts.waiting++;
    else counts[state]++;
    if (state === 'pending' && !at.waits && (at.committedAt ?? Infinity) < (counts.oldestPendingAt ?? Infinity)) {
      counts.oldestPendingAt = at.committedAt;
      counts.oldestPendingKey = pk;
    }
    if (at.processedAt !== undefined) {
      counts.lastProcessedAt = Math.max(counts.lastProcessedAt ?? 0, at.processedAt);
    }
    if (state === 'processed' && at.processedAt !== undefined) {
      const committedAt = Math.min(at.committedAt ?? at.processedAt, at.processedAt);
      counts.newestPublishedAt = Math.max(counts.newestPublishedAt ?? 0, committedAt);
    }
  }

  signal(pk: string, { isUnprocessable }: { readonly isUnprocessable: boolean }): void {
    const counts = this.#counts;
    if (!isUnprocessable) {
      counts.signals++;
      return;
    }
    counts.unprocessableSignals++;
    if (counts.unprocessableKeys.length < KEYS_NAMED) counts.unprocessableKeys.push(pk);
  }

  get counts(): TableCounts {
    return { ...this.#counts };
  }
}
