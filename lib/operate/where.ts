import { positionOfVersion, shownPosition, versionOfPosition } from '../event/position';
import { parseReceipt } from '../event/receipt';
import { partitionName } from '../event/topic-partition';
import { show } from './show';
import { type OutboxTarget, refuse, timeLimited } from './target';

/** Where an event lies in Kafka. */
export interface EventLocation {
  readonly position: string;
  readonly eventId: string;
  readonly type: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Epoch milliseconds: when the broker's acknowledgement was noted. */
  readonly processedAt: number;
  /** Why the message no longer lies there, as far as the ends of the topics show. */
  readonly gone?: string;
}

/** The topics that exist, and the offset after the last message of each partition, by `topic-partition`. */
export interface TopicEnds {
  readonly topics: ReadonlySet<string>;
  readonly ends: ReadonlyMap<string, bigint>;
}

/**
 * Returns where the events of an item lie: of the key's latest processed item, or of the item at `position`, which is a
 * version or a position as `show` prints it.
 *
 * @throws OutboxError `operation-refused` if the item does not exist, or is not processed, with its state;
 * `service-unavailable` if the table does not respond.
 */
export async function where(target: OutboxTarget, key: string, position?: string): Promise<readonly EventLocation[]> {
  const { pk, items } = await show(timeLimited(target, `reading the items of ${key}`), key);
  const wanted = position === undefined ? undefined : positionOf(position);
  const item =
    wanted === undefined
      ? items.findLast(({ state }) => state === 'processed')
      : items.find((candidate) => candidate.position === wanted);
  if (item === undefined) {
    const what = wanted === undefined ? 'no processed item' : `no item at ${shownPosition(wanted)}`;
    return refuse('where', `${pk} has ${what} in the table. Processed items expire after their retention.`);
  }
  const { processedAt, receipts, events, state } = item;
  if (processedAt === undefined) {
    return refuse(
      'where',
      `the item of ${pk} at ${shownPosition(item.position)} is ${state}: it has not been acknowledged.`,
    );
  }
  return receipts.flatMap((text, index) => {
    const receipt = parseReceipt(text);
    if (receipt === undefined) return [];
    const { id = '', type = '' } = events[index] ?? {};
    const { topic, partition, offset } = receipt;
    return [{ position: item.position, eventId: id, type, topic, partition, offset: String(offset), processedAt }];
  });
}

/** Adds `gone` to each location that no longer exists in its topic: a recreated topic begins at offset 0. */
export const comparedWith = (
  locations: readonly EventLocation[],
  { topics, ends }: TopicEnds,
): readonly EventLocation[] =>
  locations.map((location) => {
    const { topic, partition, offset } = location;
    const end = ends.get(partitionName(location));
    if (!topics.has(topic)) return { ...location, gone: `topic ${topic} does not exist` };
    if (end === undefined) return { ...location, gone: `topic ${topic} has no partition ${partition}` };
    return BigInt(offset) < end ? location : { ...location, gone: `${partitionName(location)} ends at ${end}` };
  });

/** A version is given as a number. */
export const positionOf = (text: string): string =>
  /^\d{1,15}$/.test(text) && versionOfPosition(text) === undefined ? positionOfVersion(Number(text)) : text;
