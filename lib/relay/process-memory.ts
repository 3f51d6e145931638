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
 * The first receipts of items with several events, of which a later one could not be written: a partition may be away for
 * hours, and the events before it must not go again with each attempt. What is forgotten goes again.
 */
class PartialReceipts {
  readonly #receipts = new Map<string, readonly Receipt[]>();

  of(identity: string): readonly Receipt[] {
    return this.#receipts.get(identity) ?? [];
  }

  remember(identity: string, receipts: readonly Receipt[]): void {
    if (this.#receipts.size >= MAX_PARTIAL) this.#receipts.clear();
    this.#receipts.set(identity, [...receipts]);
  }

  forget(identity: string): void {
    this.#receipts.delete(identity);
  }
}
