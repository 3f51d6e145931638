import type { Hold } from './control';
import { partitionName, type AwaitedPartition } from './topic-partition';

/** The reason of a hold that the relay set because a topic partition accepted no writes while others did. */
export const PARTITION_UNAVAILABLE = 'partition-unavailable' as const;

/** A partition for which keys are held. */
export interface UnavailablePartition extends AwaitedPartition {
  readonly name: string;
  /** Epoch milliseconds at which the first of these keys was held. */
  readonly since: number;
  readonly holds: readonly Hold[];
}

/** While keys are held for a partition, the relay sends nothing to it for this long after a failed send. */
export const PROBE_INTERVAL_MS = 10_000;

/** The partitions for which any of these holds waits, by name. */
export function unavailablePartitions(holds: Iterable<Hold>): ReadonlyMap<string, UnavailablePartition> {
  const waiting = [...holds].filter(({ awaits }) => awaits !== undefined);
  const byName = Map.groupBy(waiting, ({ awaits }) => (awaits === undefined ? '' : partitionName(awaits)));
  const partitions = new Map<string, UnavailablePartition>();
  for (const [name, ofPartition] of byName) {
    const [first] = ofPartition;
    if (first?.awaits === undefined) continue;
    const { topic, partition } = first.awaits;
    partitions.set(name, {
      topic,
      partition,
      name,
      failedAt: ofPartition.reduce((last, { awaits }) => Math.max(last, awaits?.failedAt ?? 0), 0),
      since: ofPartition.reduce((earliest, { since }) => Math.min(earliest, since), Infinity),
      holds: ofPartition,
    });
  }
  return partitions;
}

/** Whether the partition should be tried again. A future time comes from a wrong clock. */
export const isProbeDue = ({ failedAt }: AwaitedPartition, now: number): boolean =>
  Math.abs(now - failedAt) >= PROBE_INTERVAL_MS;

/**
 * The held key with which a partition is tried. Keys take turns by the clock: a key whose shard is stuck, or that
 * accepts no signal, must not block the others.
 */
export function probedHold({ holds }: UnavailablePartition, now: number): Hold | undefined {
  const waiting = holds.filter(({ state }) => state === 'holding').toSorted((a, b) => (a.pk < b.pk ? -1 : 1));
  return waiting[Math.floor(now / PROBE_INTERVAL_MS) % waiting.length];
}
