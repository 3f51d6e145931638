import type { Random } from '../../lib/testing/random';
import type { Shown, TableStream } from './table-stream';

interface Pending {
  readonly stream: TableStream;
  readonly change: Shown;
  readonly dueMs: number;
  readonly onShown: () => void;
}

/** How often records that are due are shown. */
const TURN_MS = 1;

/** Delays the records of a stream, each by a time of its own. The order of one item is kept. */
export class Interleaver {
  readonly #random: Random;
  #pending: Pending[] = [];
  /** When the last pending record of an item is due. */
  readonly #lastDue = new Map<string, number>();
  #isWaiting = false;

  constructor(random: Random) {
    this.#random = random;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  /** Resolves when the record is in the stream. */
  add(stream: TableStream, change: Shown, longestMs: number): Promise<void> {
    const item = `${stream.arn} ${change.table.nameOf(change.key)}`;
    const dueMs = Math.max(performance.now() + this.#random.next() * longestMs, this.#lastDue.get(item) ?? 0);
    this.#lastDue.set(item, dueMs);
    const shown = new Promise<void>((onShown) => this.#pending.push({ stream, change, dueMs, onShown }));
    this.#wait();
    return shown;
  }

  /** Shows all records now. */
  flush(): void {
    this.#show(Infinity);
  }

  #wait(): void {
    if (this.#isWaiting || this.isEmpty) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      this.#show(performance.now());
      this.#wait();
    }, TURN_MS);
  }

  #show(nowMs: number): void {
    const due = this.#pending.filter(({ dueMs }) => dueMs <= nowMs).toSorted((a, b) => a.dueMs - b.dueMs);
    this.#pending = this.#pending.filter(({ dueMs }) => dueMs > nowMs);
    for (const { stream, change, onShown } of due) {
      stream.show(change);
      onShown();
    }
    if (this.isEmpty) this.#lastDue.clear();
    else for (const [item, dueMs] of this.#lastDue) if (dueMs <= nowMs) this.#lastDue.delete(item);
  }
}
