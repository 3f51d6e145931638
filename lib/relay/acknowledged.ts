import { GenerationalCache } from '../event/generational-cache';
import type { Receipt } from '../event/receipt';

/** What is known of an acknowledged item: its receipts as long as they must still be marked. */
export type Acknowledgement = {
  /** The record that was acknowledged; left out for what a drain read in the table. */
  readonly sequence?: string;
} & ({ readonly kind: 'unmarked'; readonly receipts: readonly Receipt[] } | { readonly kind: 'marked' });

/**
 * The items that this process published: when a record comes again, an unmarked one is only marked and a marked one is
 * done. Bounded; what falls out is published again, a duplicate at worst.
 */
export class Acknowledged {
  readonly #items: GenerationalCache<Acknowledgement>;

  /** Remembers at least the last `generation` items and at most twice as many. */
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
