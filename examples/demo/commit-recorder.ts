import { sequenceOf, streamOf, type CommittedEvent } from './record';

interface Request {
  readonly TransactItems?: readonly { readonly Put?: { readonly Item?: unknown } | undefined }[] | undefined;
}

interface WrittenItem {
  readonly pk: string;
  readonly sk: string;
  readonly source: string;
  readonly committedAt: number;
  readonly events: readonly { readonly id: string; readonly type: string; readonly topic?: string }[];
}

/**
 * The events in a transaction, read from the request itself, so that neither the table nor the result of the library
 * decides which events count as committed.
 */
export const eventsInRequest = ({ TransactItems: entries = [] }: Request): CommittedEvent[] =>
  entries.flatMap(({ Put: put }) => (isWrittenItem(put?.Item) ? eventsOfItem(put.Item) : []));

function eventsOfItem({ pk, sk, source, committedAt, events }: WrittenItem): CommittedEvent[] {
  const key = pk.slice(pk.indexOf('#') + 1);
  return events.map(({ id, type, topic = events[0]?.topic ?? '' }, index) => ({
    ...{ id, type, topic, key, committedAt },
    stream: streamOf(source, key),
    sequence: sequenceOf(sk, index),
  }));
}

/** Rows of the business table have no events. */
const isWrittenItem = (item: unknown): item is WrittenItem =>
  typeof item === 'object' && item !== null && 'events' in item && Array.isArray(item.events);
