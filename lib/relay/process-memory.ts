import { GenerationalCache } from '../event/generational-cache';
import type { Receipt } from '../event/receipt';
import { PartitionHealth } from './partition-health';

/** Memory of an acknowledged item. */
interface Acknowledgement {
  /** The acknowledged record; left out for an item that a drain read in the table. */
  readonly sequence?: string;
  /** The receipts of an item that is not marked yet. */
  readonly unmarked?: readonly Receipt[];
}

/** The memory of a relay process between invocations. All of it may be lost at any time. */
export class ProcessMemory {
  /**
   * The items that this process published, by identity. If a record is delivered again, an unmarked item is only marked
   * and a marked one is done. A forgotten item is published again, as a duplicate.
   */
  readonly acknowledged = new GenerationalCache<Acknowledgement>(5_000);
  /**
   * Receipts of items whose first events are published and whose later events could not be written, by identity. Needed
   * where the item takes no note: on a table with replicas, or while the note cannot be written. Forgotten events are
   * published again.
   */
  readonly partlyPublished = new GenerationalCache<readonly Receipt[]>(1_000);
  readonly partitions = new PartitionHealth();
  /** Whether a broker acknowledged or refused a batch of the last send; `false` before the first send. */
  lastSendAnswered = false;
  /** Epoch milliseconds at which an invocation last asked for delivery again. */
  askedAgainAt = -Infinity;
}
