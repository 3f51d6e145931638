import { Acknowledged } from './acknowledged';
import type { Receipt } from '../event/receipt';
import { PartitionHealth } from './partition-health';

/** The memory of a relay process between invocations. All of it may be lost at any time. */
export class ProcessMemory {
  readonly acknowledged = new Acknowledged();
  readonly partitions = new PartitionHealth();
  readonly partial = new PartialReceipts();
  /** Whether a broker acknowledged or refused a batch of the last send; `false` before the first send. */
  brokersAnswer = false;
  /** Epoch milliseconds at which an invocation last asked for delivery again. */
  askedAgainAt = -Infinity;
}

const MAX_PARTIAL = 2_000;

/**
 * Receipts of items whose first events are published and whose later events could not be written. Needed where the item
 * takes no note: on a table with replicas, or while the note cannot be written. Forgotten events are published again.
 */
class PartialReceipts {
  readonly #receipts = new Map<string, readonly Receipt[]>();

  of(identity: string): readonly Receipt[] {
    return this.#receipts.get(identity) ?? [];
  }

  /** @param receipts - empty for an item that is published as a whole, or not at all */
  note(identity: string, receipts: readonly Receipt[]): void {
    if (receipts.length === 0) this.#receipts.delete(identity);
    else {
      if (this.#receipts.size >= MAX_PARTIAL) this.#receipts.clear();
      this.#receipts.set(identity, [...receipts]);
    }
  }
}
