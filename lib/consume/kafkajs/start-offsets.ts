import type { Admin } from 'kafkajs';
import type { TopicPartition } from '../../event/topic-partition';
import type { MessagesGone } from '../ports';

/** The offsets of a partition when it is assigned. */
export interface PartitionOffsets extends TopicPartition {
  /** The group's committed offset; -1 if there is none. */
  readonly committed: bigint;
  /** The first offset of the log. */
  readonly low: bigint;
  /** The offset after the last message. */
  readonly high: bigint;
}

/** Where a partition begins that cannot begin at its committed offset. */
export interface Start extends TopicPartition {
  readonly offset: bigint;
  readonly gone?: MessagesGone;
}

/** kafkajs commits this offset when it goes back to the beginning of a log. */
const RESET = -2n;

/**
 * The place where the partition begins; `undefined` if kafkajs finds it by itself: the committed offset, or the log's
 * beginning if there is none. A log lacks the committed offset if retention has cut it, or if the topic was recreated.
 */
export function startOf(offsets: PartitionOffsets, atEnd: boolean): Start | undefined {
  const { topic, partition, committed, low, high } = offsets;
  const place = { topic, partition };
  if (committed === RESET) return { ...place, offset: low, gone: { ...place, to: low } };
  if (committed < 0n) return atEnd ? { ...place, offset: high } : undefined;
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

/** Reads the group's committed offsets of a topic, and the offsets of its log. */
export async function readOffsets(admin: Admin, groupId: string, topic: string): Promise<PartitionOffsets[]> {
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
