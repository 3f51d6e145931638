import { GenerationalCache } from '../event/generational-cache';
import type { Receipt } from '../event/receipt';

/** Memory of an acknowledged item; keeps its receipts until they are marked. */
export type Acknowledgement = {
  /** The acknowledged record; left out for an item that a drain read in the table. */
  readonly sequence?: string;
} & ({ readonly kind: 'unmarked'; readonly receipts: readonly Receipt[] } | { readonly kind: 'marked' });

/**
 * The items that this process published. If a record is delivered again, an unmarked item is only marked and a marked
 * one is done. The memory is bounded; a forgotten item is published again, as a duplicate.
 */
export class Acknowledged {
  readonly #items: GenerationalCache<Acknowledgement>;

  /** Remembers at least the last `generation` items, and at most twice as many. */
  constructor(generation = 5_000) {
    this.#items = new GenerationalCache(generation);
  }

  unmarked(identity: string, receipts: readonly Receipt[], sequence?: string): void {
    this.#items.set(identity, { kind: 'unmarked', receipts, sequence });
  }

  marked(identity: string, sequence?: string): void {
    this.#items.set(identity, { kind: 'marked', sequence });
  }

  get(identity: string): Acknowledgement | undefined {
    return this.#items.get(identity);
  }
}
