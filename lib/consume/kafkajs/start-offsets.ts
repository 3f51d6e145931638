import type { Admin } from 'kafkajs';
import type { MessagesGone } from '../ports';

/** What Kafka knows of a partition when it is assigned. */
export interface PartitionOffsets {
  readonly topic: string;
  readonly partition: number;
  /** What the group has committed; -1 for nothing. */
  readonly committed: bigint;
  /** The first offset of the log. */
  readonly low: bigint;
  /** Behind the last one. */
  readonly high: bigint;
}

/** Where a partition begins that cannot begin at its committed offset. */
export interface Start {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly gone?: MessagesGone;
}

/** kafkajs commits it when it goes back to the beginning of a log. */
const RESET = -2n;

/**
 * Where the partition begins; `undefined` for where kafkajs begins by itself: at the committed offset, and at the log's
 * beginning if there is none. A log that lacks the committed offset was cut by its retention, or made again.
 */
export function startOf(offsets: PartitionOffsets, atEnd: boolean): Start | undefined {
  const { topic, partition, committed, low, high } = offsets;
  const place = { topic, partition };
  if (committed === RESET) return { ...place, offset: low, gone: { ...place, to: low } };
  if (committed < 0n) return atEnd ? { ...place, offset: high } : undefined;
  if (committed >= low && committed <= high) return undefined;
  return { ...place, offset: low, gone: goneBetween(place, committed, low) };
}

/** Messages that were to be read next, and that the log does not have. How many is unknown of a log that was made again. */
export const goneBetween = (
  place: { readonly topic: string; readonly partition: number },
  from: bigint,
  to: bigint,
): MessagesGone => ({ ...place, from, to, ...(to > from ? { count: Number(to - from) } : {}) });

/** What the group has committed of a topic, and what its log has. */
export async function readOffsets(admin: Admin, groupId: string, topic: string): Promise<PartitionOffsets[]> {
  // First, because a log only grows: a commit of another member is not beyond an end that is read later.
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
