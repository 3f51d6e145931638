import type { Change } from '../../lib/testing/dynamodb/memory-dynamodb';
import { firstIndex } from '../../lib/testing/dynamodb/sorted-list';

interface PastChange {
  readonly atMs: number;
  readonly change: Change;
}

/** Restores the state of the tables of a short time ago, for a read that is eventually consistent. */
export class PastStates {
  #changes: PastChange[] = [];

  /** @param longestMs - no later read goes further back */
  remember(changes: readonly Change[], nowMs: number, longestMs: number): void {
    for (const change of changes) this.#changes.push({ atMs: nowMs, change });
    const kept = this.#changes.findIndex(({ atMs }) => atMs >= nowMs - longestMs);
    // Some are cut off at once, because each cut copies the rest.
    if (kept > 1000 || longestMs === 0) this.#changes = kept === -1 ? [] : this.#changes.slice(kept);
  }

  /** The result of `read` on the state at `atMs`. `read` must be synchronous. */
  at<T>(atMs: number, read: () => T): T {
    const first = firstIndex(this.#changes.length, (at) => (this.#changes[at]?.atMs ?? 0) > atMs);
    const later = this.#changes.slice(first).map(({ change }) => change);
    for (const { table, key, before } of later.toReversed()) table.store(key, before);
    try {
      return read();
    } finally {
      for (const { table, key, after } of later) table.store(key, after);
    }
  }
}
