import type { Consumer as KafkaConsumer } from 'kafkajs';
import { partitionName } from '../partition-run';
import type { ConsumerTelemetry, MessagesGone } from '../ports';
import { backoffMs, wait } from '../waiting';
import { withAdmin, type MaybeAdmin } from './admin';
import { readOffsets, startOf } from './start-offsets';

const RETRY = { firstMs: 200, longestMs: 10_000 };
/** After so many failures a partition begins where kafkajs begins it, if that loses nothing. */
const ATTEMPTS = 3;

export interface PartitionStartsOptions {
  readonly groupId: string;
  readonly kafka: MaybeAdmin;
  readonly consumer: Pick<KafkaConsumer, 'pause' | 'commitOffsets' | 'seek'>;
  readonly fromBeginning: boolean;
  readonly telemetry: ConsumerTelemetry;
  /** Called for a partition that may be read. */
  readonly begin: (topic: string, partition: number) => void;
}

/**
 * Decides where partitions begin that kafkajs must not begin by itself, and commits it: those whose committed offset the
 * log does not have, and with `fromBeginning: false` those without one. Nothing of a partition is read before.
 */
export class PartitionStarts {
  readonly #options: PartitionStartsOptions;
  /** Partitions that must not be read yet. */
  readonly #waiting = new Set<string>();
  /** Topics of which this process has begun all its partitions: one that comes later is new, and has lost nothing yet. */
  readonly #begun = new Set<string>();
  readonly #reported = new Map<string, string>();
  #assignment = new AbortController();

  constructor(options: PartitionStartsOptions) {
    this.#options = options;
  }

  isWaiting(topic: string, partition: number): boolean {
    return this.#waiting.has(partitionName(topic, partition));
  }

  assign(assigned: Readonly<Record<string, readonly number[]>>): void {
    this.end();
    const { signal } = this.#assignment;
    const topics = Object.entries(assigned);
    this.#options.consumer.pause(topics.map(([topic, partitions]) => ({ topic, partitions: [...partitions] })));
    for (const [topic, partitions] of topics) {
      for (const partition of partitions) this.#waiting.add(partitionName(topic, partition));
      void this.#begin(topic, partitions, signal);
    }
  }

  /** The assignment has ended. */
  end(): void {
    this.#assignment.abort();
    this.#assignment = new AbortController();
    this.#waiting.clear();
  }

  /** Never rejects. */
  async #begin(topic: string, partitions: readonly number[], assignment: AbortSignal): Promise<void> {
    const { fromBeginning, telemetry, begin } = this.#options;
    const hasEnded = (): boolean => assignment.aborted;
    for (let attempt = 1; !hasEnded(); attempt++) {
      try {
        await this.#decide(topic, partitions, assignment);
        break;
      } catch (error) {
        if (hasEnded()) return;
        telemetry.readFailed(error);
        if (fromBeginning && attempt >= ATTEMPTS) break;
        await wait(backoffMs(RETRY, attempt), assignment);
      }
    }
    if (hasEnded()) return;
    for (const partition of partitions) {
      this.#waiting.delete(partitionName(topic, partition));
      begin(topic, partition);
    }
  }

  async #decide(topic: string, partitions: readonly number[], assignment: AbortSignal): Promise<void> {
    const { groupId, kafka, consumer, fromBeginning } = this.#options;
    const hasEnded = (): boolean => assignment.aborted;
    const offsets = await withAdmin(kafka, assignment, (admin) => readOffsets(admin, groupId, topic));
    if (hasEnded()) return;
    const atEnd = !fromBeginning && !this.#begun.has(topic);
    const starts = offsets
      .filter(({ partition }) => partitions.includes(partition))
      .flatMap((each) => startOf(each, atEnd) ?? []);
    if (starts.length > 0) {
      // Before the commit: a process that dies between the two must not leave the loss unreported.
      for (const { gone } of starts) if (gone !== undefined) this.#report(gone);
      const places = starts.map(({ partition, offset }) => ({ topic, partition, offset: String(offset) }));
      await consumer.commitOffsets(places);
      if (hasEnded()) return;
      for (const place of places) consumer.seek(place);
    }
    this.#begun.add(topic);
  }

  /** Once, although the commit may fail and be tried again. */
  #report(gone: MessagesGone): void {
    const name = partitionName(gone.topic, gone.partition);
    const range = `${String(gone.from)}-${gone.to}`;
    if (this.#reported.get(name) === range) return;
    this.#reported.set(name, range);
    this.#options.telemetry.messagesGone?.(gone);
  }
}
