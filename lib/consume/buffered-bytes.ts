export interface BufferLimits {
  /** Of one partition. */
  readonly maxBufferedBytes: number;
  /** Of all partitions together. */
  readonly maxTotalBufferedBytes: number;
}

export interface BufferingPartition {
  /** Of the messages that are in memory. */
  readonly bufferedBytes: number;
  /** Aborted when the assignment has ended. After that, only hanging work keeps messages in memory. */
  readonly signal: AbortSignal;
}

/**
 * Divides the memory of a process among its partitions. Half of the total is divided evenly, and a partition may always
 * use its share: otherwise a blocked partition would stop the others. The other half goes to partitions that need more.
 * A partition without any message may always take one.
 */
export class BufferedBytes {
  readonly #limits: BufferLimits;
  #partitions = 1;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  /** @param partitions - how many are assigned to this process */
  assign(partitions: number): void {
    this.#partitions = Math.max(1, partitions);
  }

  /** How many more bytes the partition may take next to `others`. */
  roomOf(partition: BufferingPartition, others: Iterable<BufferingPartition>): number {
    const { maxBufferedBytes, maxTotalBufferedBytes } = this.#limits;
    const pool = maxTotalBufferedBytes / 2;
    const share = Math.min(pool / this.#partitions, maxBufferedBytes);
    let free = pool;
    for (const { bufferedBytes, signal } of others) {
      free -= signal.aborted ? bufferedBytes : Math.max(0, bufferedBytes - share);
    }
    return Math.min(share + Math.max(0, free), maxBufferedBytes) - partition.bufferedBytes;
  }
}
