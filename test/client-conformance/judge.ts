import type { StoredMessage } from '../local/publisher/read-topic';

/** Where the client says that a message was written. */
export interface Place {
  readonly partition: number;
  /** Left out by a client that names no offsets. */
  readonly offset?: bigint;
}

/** The messages of a topic compared with the acknowledgements of a client. */
export interface Verdict {
  readonly acknowledged: number;
  /** Acknowledged values that are not in the topic. */
  readonly lost: readonly string[];
  /** Acknowledged values that are not at the place that the client named. */
  readonly misplaced: readonly string[];
  /** Acknowledged values whose first delivery came after that of a later acknowledged one of the same partition. */
  readonly reordered: readonly string[];
  /** Further copies of values. */
  readonly duplicates: number;
}

/**
 * Compares acknowledgements with the messages of a topic. Acknowledged values are numbers; those of a partition were
 * given to the client in ascending order. Other values may be stored or not, and anywhere.
 */
export function judge(acknowledged: ReadonlyMap<string, Place>, stored: readonly StoredMessage[]): Verdict {
  const first = new Map<string, StoredMessage>();
  const at = new Map<string, string>();
  for (const message of stored) {
    const value = String(message.value);
    if (!first.has(value)) first.set(value, message);
    at.set(`${message.partition}@${message.offset}`, value);
  }
  const reordered: string[] = [];
  for (const messages of Map.groupBy(first.values(), ({ partition }) => partition).values()) {
    let highest = -1;
    for (const { value } of messages) {
      if (!acknowledged.has(String(value))) continue;
      if (Number(value) < highest) reordered.push(String(value));
      highest = Math.max(highest, Number(value));
    }
  }
  const values = [...acknowledged];
  return {
    acknowledged: values.length,
    lost: values.flatMap(([value]) => (first.has(value) ? [] : [value])),
    misplaced: values.flatMap(([value, { partition, offset }]) =>
      offset === undefined || at.get(`${partition}@${offset}`) === value ? [] : [value],
    ),
    reordered,
    duplicates: stored.length - first.size,
  };
}

export const isSound = ({ lost, misplaced, reordered }: Verdict): boolean =>
  lost.length + misplaced.length + reordered.length === 0;
