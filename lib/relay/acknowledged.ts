import type { Receipt } from '../event/receipt';

/** What is known of an acknowledged item: its receipts as long as they must still be marked. */
export type Acknowledgement = {
  /** The record that was acknowledged; left out for what a drain read in the table. */
  readonly sequence?: string;
} & ({ readonly kind: 'unmarked'; readonly receipts: readonly Receipt[] } | { readonly kind: 'marked' });

/**
 * The items that this process published: when a record comes again, an unmarked one is only marked and a marked one is
 * done. Bounded; what falls out is published again, a duplicate at worst.
 *
 * Two generations instead of one map that drops its oldest entry with each new one: finding the first entry of a Map
 * steps over all that were deleted before it, which was measured to cost a tenth of the relay's CPU.
 */
export class Acknowledged {
  #recent = new Map<string, Acknowledgement>();
  #older: ReadonlyMap<string, Acknowledgement> = new Map();
  readonly #generation: number;

  /** Remembers at least the last `generation` items and at most twice as many. */
  constructor(generation = 5_000) {
    this.#generation = generation;
  }

  unmarked(identity: string, receipts: readonly Receipt[], sequence?: string): void {
    this.#set(identity, { kind: 'unmarked', receipts, sequence });
  }

  marked(identity: string, sequence?: string): void {
    this.#set(identity, { kind: 'marked', sequence });
  }

  get(identity: string): Acknowledgement | undefined {
    return this.#recent.get(identity) ?? this.#older.get(identity);
  }

  #set(identity: string, acknowledgement: Acknowledgement): void {
    if (this.#recent.size >= this.#generation && !this.#recent.has(identity)) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(identity, acknowledgement);
  }
}
