import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchOutcome, PartitionBatch } from '../../lib/relay/ports';
import type { OpenClient } from './client';
import type { Place } from './judge';

export interface LoadOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly messagesPerPartition: number;
}

/** So that a client that fails at once does not fill the processor. */
const PAUSE_AFTER_FAILURE_MS = 20;

/** Publishes numbers in order per partition: a number without an acknowledgement is sent again before any later one. */
export class Load {
  readonly acknowledged = new Map<string, Place>();
  readonly refused: BatchOutcome[] = [];
  outages = 0;
  readonly #client: OpenClient;
  readonly #options: LoadOptions;
  readonly #unacknowledged = new Map<number, PartitionBatch>();
  #next = 0;

  constructor(client: OpenClient, options: LoadOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Resolves when it was stopped and each number that was sent is acknowledged or refused.
   *
   * @param isControl - whether the client may never publish again after a failure: then nothing is waited for
   */
  async until(stopped: AbortSignal, isControl = false): Promise<void> {
    while (!stopped.aborted || (this.#unacknowledged.size > 0 && !isControl)) await this.round();
  }

  /** Sends one batch to each partition. */
  async round(): Promise<void> {
    const { partitions } = this.#options;
    const batches = Array.from({ length: partitions }, (_, partition) => this.#batch(partition));
    const outcomes = await this.#client.publish(batches);
    let hasFailed = false;
    for (const [at, batch] of batches.entries()) {
      const outcome = outcomes[at];
      if (outcome?.kind === 'acked') {
        this.#unacknowledged.delete(batch.partition);
        for (const [index, { value }] of batch.messages.entries()) {
          const offset = outcome.baseOffset < 0n ? undefined : outcome.baseOffset + BigInt(index);
          this.acknowledged.set(String(value), { partition: batch.partition, offset });
        }
      } else if (outcome?.kind === 'poison') {
        this.#unacknowledged.delete(batch.partition);
        this.refused.push(outcome);
      } else {
        hasFailed = true;
        this.#unacknowledged.set(batch.partition, batch);
        this.outages++;
      }
    }
    if (hasFailed) await sleep(PAUSE_AFTER_FAILURE_MS);
  }

  #batch(partition: number): PartitionBatch {
    const { topic, messagesPerPartition } = this.#options;
    const waiting = this.#unacknowledged.get(partition);
    if (waiting !== undefined) return waiting;
    const key = Buffer.from(`key-${partition}`);
    const messages = Array.from({ length: messagesPerPartition }, () => {
      return { topic, key, value: Buffer.from(String(this.#next++)), headers: {} };
    });
    return { topic, partition, messages };
  }
}
