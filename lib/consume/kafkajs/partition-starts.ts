import type { Admin, Consumer as KafkaConsumer } from 'kafkajs';
import { partitionName, type TopicPartition } from '../../event/topic-partition';
import { START_BACKOFF } from '../delays';
import type { ConsumerTelemetry, MessagesGone } from '../ports';
import { backoffMs } from '../../timing/backoff';
import { wait } from '../../timing/wait';
import { withAdmin, type MaybeAdmin } from './admin';

/** After this many failures a partition begins where kafkajs begins it, if that loses nothing. */
const ATTEMPTS = 3;

export interface PartitionStartsOptions {
  readonly groupId: string;
  readonly kafka: MaybeAdmin;
  readonly consumer: Pick<KafkaConsumer, 'pause' | 'commitOffsets' | 'seek'>;
  readonly fromBeginning: boolean;
  readonly telemetry: ConsumerTelemetry;
  /** Called for a partition that may be read. */
  readonly begin: (place: TopicPartition) => void;
}

/**
 * Decides and commits where partitions begin that kafkajs must not begin by itself: those whose committed offset is not
 * in the log, and with `fromBeginning: false` those without one. No message of a partition is read before.
 */
export class PartitionStarts {
  readonly #options: PartitionStartsOptions;
  /** Partitions that must not be read yet. */
  readonly #waiting = new Set<string>();
  /** Topics whose partitions have all begun in this process: a later partition is new, and has lost nothing yet. */
  readonly #begun = new Set<string>();
  /** Ends of partitions without an offset, as they were before the partitions of their topic had begun. */
  readonly #firstEnds = new Map<string, bigint>();
  readonly #reported = new Map<string, string>();
  /** Partitions that the first assignment may begin at once. */
  readonly #immediate = new Set<string>();
  #assignment = new AbortController();

  constructor(options: PartitionStartsOptions) {
    this.#options = options;
  }

  /** @param name - of a partition, as `partitionName` makes it */
  isWaiting(name: string): boolean {
    return this.#waiting.has(name);
  }

  /**
   * Finds, before the group is joined, the partitions that need no decision: kafkajs does nothing for `maxWaitTimeInMs`
   * while all its partitions are paused. Never rejects.
   */
  async prepare(topics: readonly string[]): Promise<void> {
    const { groupId, kafka } = this.#options;
    try {
      await withAdmin(kafka, this.#assignment.signal, async (admin) => {
        for (const topic of topics) {
          const offsets = await readOffsets(admin, groupId, topic);
          this.#noteEnds(offsets);
          for (const each of offsets) if (this.#startOf(each) === undefined) this.#immediate.add(partitionName(each));
        }
      });
    } catch {
      // The assignment reads the offsets again, and reports a failure.
    }
  }

  assign(assigned: Readonly<Record<string, readonly number[]>>): void {
    this.end();
    const { signal } = this.#assignment;
    for (const [topic, partitions] of Object.entries(assigned)) {
      const undecided = partitions.filter((partition) => !this.#immediate.has(partitionName({ topic, partition })));
      if (undecided.length === 0) {
        this.#begun.add(topic);
        continue;
      }
      this.#options.consumer.pause([{ topic, partitions: undecided }]);
      for (const partition of undecided) this.#waiting.add(partitionName({ topic, partition }));
      void this.#begin(topic, undecided, signal);
    }
    this.#immediate.clear();
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
        await wait(backoffMs(START_BACKOFF, attempt), assignment);
      }
    }
    if (hasEnded()) return;
    for (const partition of partitions) {
      this.#waiting.delete(partitionName({ topic, partition }));
      begin({ topic, partition });
    }
  }

  async #decide(topic: string, partitions: readonly number[], assignment: AbortSignal): Promise<void> {
    const { groupId, kafka, consumer } = this.#options;
    const hasEnded = (): boolean => assignment.aborted;
    const offsets = await withAdmin(kafka, assignment, (admin) => readOffsets(admin, groupId, topic));
    if (hasEnded()) return;
    this.#noteEnds(offsets);
    const starts = offsets
      .filter(({ partition }) => partitions.includes(partition))
      .flatMap((each) => this.#startOf(each) ?? []);
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

  #noteEnds(offsets: readonly PartitionOffsets[]): void {
    for (const each of offsets) {
      const name = partitionName(each);
      if (each.committed >= 0n || this.#begun.has(each.topic) || this.#firstEnds.has(name)) continue;
      this.#firstEnds.set(name, each.high);
    }
  }

  /**
   * If a member dies before it commits where a partition begins, another one gets the partition after its own have
   * begun. Then it begins at the end that this process has first seen: it is not new.
   */
  #startOf(offsets: PartitionOffsets): Start | undefined {
    if (this.#options.fromBeginning) return startOf(offsets, undefined);
    const isFirst = !this.#begun.has(offsets.topic);
    return startOf(offsets, isFirst ? offsets.high : this.#firstEnds.get(partitionName(offsets)));
  }

  /** Reports a loss once, although the commit may fail and be retried. */
  #report(gone: MessagesGone): void {
    const name = partitionName(gone);
    const range = `${String(gone.from)}-${gone.to}`;
    if (this.#reported.get(name) === range) return;
    this.#reported.set(name, range);
    this.#options.telemetry.messagesGone?.(gone);
  }
}

interface PartitionOffsets extends TopicPartition {
  /** The group's committed offset; -1 if there is none. */
  readonly committed: bigint;
  /** The first offset of the log. */
  readonly low: bigint;
  /** The offset after the last message. */
  readonly high: bigint;
}

/** Where a partition begins that cannot begin at its committed offset. */
interface Start extends TopicPartition {
  readonly offset: bigint;
  readonly gone?: MessagesGone;
}

/** kafkajs commits this offset when it goes back to the beginning of a log. */
const RESET = -2n;

/**
 * The place where the partition begins; `undefined` if kafkajs finds it by itself: the committed offset, or the log's
 * beginning if there is none. A log lacks the committed offset if retention has cut it, or if the topic was recreated.
 *
 * @param end - where a partition without a committed offset begins; the log's beginning if left out
 */
function startOf(offsets: PartitionOffsets, end: bigint | undefined): Start | undefined {
  const { topic, partition, committed, low, high } = offsets;
  const place = { topic, partition };
  if (committed === RESET) return { ...place, offset: low, gone: { ...place, to: low } };
  if (committed < 0n) return end === undefined ? undefined : { ...place, offset: end > low ? end : low };
  if (committed >= low && committed <= high) return undefined;
  return { ...place, offset: low, gone: goneBetween(place, committed, low) };
}

/** Messages to read next that the log does not have. Their number is unknown if the log was recreated. */
export const goneBetween = (place: TopicPartition, from: bigint, to: bigint): MessagesGone => ({
  ...place,
  from,
  to,
  ...(to > from ? { count: Number(to - from) } : {}),
});

async function readOffsets(admin: Admin, groupId: string, topic: string): Promise<PartitionOffsets[]> {
  // First, because a log only grows: another member's commit cannot lie beyond an end that is read later.
  const committed = await admin.fetchOffsets({ groupId, topics: [topic] });
  const offsets = new Map(
    committed.flatMap(({ partitions }) =>
      partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const),
    ),
  );
  const logs = await admin.fetchTopicOffsets(topic);
  return logs.map(({ partition, low, high }) => ({
    topic,
    partition,
    committed: offsets.get(partition) ?? -1n,
    low: BigInt(low),
    high: BigInt(high),
  }));
}
