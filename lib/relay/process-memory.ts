import { Acknowledged } from './acknowledged';
import type { Receipt } from '../event/receipt';
import { PartitionHealth } from './partition-health';

/** What a process of the relay remembers from one invocation to the next. All of it may be forgotten at any time. */
export class ProcessMemory {
  readonly acknowledged = new Acknowledged();
  readonly partitions = new PartitionHealth();
  readonly partial = new PartialReceipts();
  /** Whether the last send had an acknowledgement; `false` too before the first one. */
  brokersAnswer = false;
  /** Epoch milliseconds at which an invocation last asked for delivery again. */
  askedAgainAt = -Infinity;
}

const MAX_PARTIAL = 2_000;

/**
 * The receipts of the first events of items whose later events could not be written, where they cannot be noted on the
 * item: on a table with replicas, or while the table takes no note. What is forgotten goes again.
 */
class PartialReceipts {
  readonly #receipts = new Map<string, readonly Receipt[]>();

  of(identity: string): readonly Receipt[] {
    return this.#receipts.get(identity) ?? [];
  }

  /** @param receipts - none for an item that is published as a whole, or not at all */
  note(identity: string, receipts: readonly Receipt[]): void {
    if (receipts.length === 0) this.#receipts.delete(identity);
    else {
      if (this.#receipts.size >= MAX_PARTIAL) this.#receipts.clear();
      this.#receipts.set(identity, [...receipts]);
    }
  }
}
