import { messageBytes } from '../event/message';
import type { BatchOutcome, Clock, PartitionBatch, Publisher } from './ports';

/** Interval at which the relay tries larger batches again, at the cost of one refused batch if they fail. */
const GROW_AFTER_MS = 10 * 60_000;

interface Limit {
  readonly bytes: number;
  readonly learnedAt: number;
}

/**
 * The batch size that each topic accepts, as far as this process knows. Brokers count the compressed batch and do not
 * report their limit, so the size is learned: half of a refused batch, and at least the largest batch accepted since.
 */
export class BatchSizes {
  readonly #limits = new Map<string, Limit>();
  readonly #maxBytes: number;
  readonly #clock: Clock;

  /** @param maxBytes - the configured limit, for a topic that has refused no batch */
  constructor(maxBytes: number, clock: Clock) {
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /** Maximum bytes of one batch of `topic`. After a refusal it doubles every ten minutes. */
  readonly limitOf = (topic: string): number => {
    const limit = this.#limits.get(topic);
    if (limit === undefined) return this.#maxBytes;
    const now = this.#clock.now();
    if (now - limit.learnedAt < GROW_AFTER_MS) return limit.bytes;
    this.#remember(topic, limit.bytes * 2, now);
    return Math.min(limit.bytes * 2, this.#maxBytes);
  };

  learningFrom(publisher: Publisher): Publisher {
    return {
      partitionCount: (topic) => publisher.partitionCount(topic),
      knownPartitionCount: (topic) => publisher.knownPartitionCount?.(topic),
      otherPartitionsInSync: (topic, partition) => publisher.otherPartitionsInSync(topic, partition),
      publish: async (batches) => {
        const outcomes = await publisher.publish(batches);
        batches.forEach((batch, at) => this.#learn(batch, outcomes[at]));
        return outcomes;
      },
    };
  }

  #learn(batch: PartitionBatch, outcome: BatchOutcome | undefined): void {
    const { topic, messages } = batch;
    // A message that is refused alone is too large itself and proves nothing about batches.
    const isRefused = outcome?.kind === 'poison' && outcome.reason === 'message-too-large' && messages.length > 1;
    const limit = this.#limits.get(topic);
    if (!isRefused && (limit === undefined || outcome?.kind !== 'acked')) return;
    const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
    if (isRefused) this.#remember(topic, Math.floor(bytes / 2), this.#clock.now());
    else if (limit !== undefined && bytes > limit.bytes) this.#remember(topic, bytes, limit.learnedAt);
  }

  #remember(topic: string, bytes: number, learnedAt: number): void {
    if (bytes >= this.#maxBytes) this.#limits.delete(topic);
    else this.#limits.set(topic, { bytes, learnedAt });
  }
}
