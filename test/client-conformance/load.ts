import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchOutcome, PartitionBatch, Poison } from '../../lib/relay/ports';
import type { OpenClient } from './client';
import type { Place } from './judge';

export interface LoadOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly messagesPerPartition: number;
}

/** So that a client that fails at once does not fill the processor. */
const PAUSE_AFTER_FAILURE_MS = 20;

/**
 * Publishes ascending numbers to each partition. After a failure, half of the partitions get the same batch again before
 * any later one, as from a relay that retries. The other half get new numbers, as from a relay that holds the keys of
 * the failed batch: a client that reuses sequence numbers then loses the new ones.
 */
export class Load {
  readonly acknowledged = new Map<string, Place>();
  readonly refused: Poison[] = [];
  /** Calls of `publish` that have ended. */
  calls = 0;
  outages = 0;
  slowestMs = 0;
  readonly #client: OpenClient;
  readonly #options: LoadOptions;
  /** The batches that failed last, by partition. */
  readonly #failed = new Map<number, PartitionBatch>();
  #next = 0;

  constructor(client: OpenClient, options: LoadOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Publishes until `stopped`, and then until the last batch of each partition is acknowledged or refused, or `givenUp`. */
  async until(stopped: AbortSignal, givenUp?: AbortSignal): Promise<void> {
    while (!stopped.aborted || (this.#failed.size > 0 && givenUp?.aborted !== true)) await this.round();
  }

  /** The partitions whose last batch failed. */
  get failing(): readonly number[] {
    return [...this.#failed.keys()];
  }

  /** Sends one batch to each partition. */
  async round(): Promise<void> {
    const { partitions } = this.#options;
    const batches = Array.from({ length: partitions }, (_, partition) => this.#batch(partition));
    const startedAt = performance.now();
    const outcomes = await this.#client.publish(batches);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
    for (const [at, batch] of batches.entries()) this.#note(batch, outcomes[at]);
    this.calls++;
    if (this.#failed.size > 0) await sleep(PAUSE_AFTER_FAILURE_MS);
  }

  #note(batch: PartitionBatch, outcome: BatchOutcome | undefined): void {
    const { partition, messages } = batch;
    if (outcome === undefined || outcome.kind === 'outage') {
      this.#failed.set(partition, batch);
      this.outages++;
      return;
    }
    this.#failed.delete(partition);
    if (outcome.kind === 'poison') {
      this.refused.push(outcome);
      return;
    }
    for (const [index, { value }] of messages.entries()) {
      const offset = outcome.baseOffset < 0n ? undefined : outcome.baseOffset + BigInt(index);
      this.acknowledged.set(String(value), { partition, offset });
    }
  }

  #batch(partition: number): PartitionBatch {
    const { topic, messagesPerPartition } = this.#options;
    const failed = this.#failed.get(partition);
    if (failed !== undefined && isRetried(partition)) return failed;
    const key = Buffer.from(`key-${partition}`);
    const messages = Array.from({ length: messagesPerPartition }, () => {
      return { topic, key, value: Buffer.from(String(this.#next++)), headers: {} };
    });
    return { topic, partition, messages };
  }
}

const isRetried = (partition: number): boolean => partition % 2 === 0;
