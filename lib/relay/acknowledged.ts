import type { Receipt } from '../event/receipt';

/**
 * The receipts of items that this process published, by item id: when a mark failed, the next delivery of the record
 * finds them here and only marks. Bounded; what falls out is published again, a duplicate at worst.
 */
export class Acknowledged {
  readonly #receipts = new Map<string, readonly Receipt[]>();
  readonly #capacity: number;

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  add(id: string, receipts: readonly Receipt[]): void {
    this.#receipts.delete(id);
    this.#receipts.set(id, receipts);
    for (const oldest of this.#receipts.keys()) {
      if (this.#receipts.size <= this.#capacity) break;
      this.#receipts.delete(oldest);
    }
  }

  get(id: string): readonly Receipt[] | undefined {
    return this.#receipts.get(id);
  }
}
