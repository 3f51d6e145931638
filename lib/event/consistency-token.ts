import type { OutboxItem } from './item';
import type { AggregateKey } from './key';
import type { Message } from './message';

/**
 * Names a write that a consumer must have applied before a reader can see it. Pass it to a reader that must see its own
 * write. It is plain JSON.
 */
export interface ConsistencyToken extends AggregateKey {
  /** `ce_source` of the events. */
  readonly source: string;
  /** Position of the events within their key. */
  readonly position: string;
  /** The last event per topic: its id and, for a key with versions, its `ce_sequence`. */
  readonly topics: Readonly<Record<string, { readonly id: string; readonly sequence?: string }>>;
}

export function consistencyToken(item: OutboxItem, messages: readonly Message[]): ConsistencyToken {
  const topics = new Map<string, { id: string; sequence?: string }>();
  messages.forEach(({ topic, headers }, index) => {
    const sequence = headers['ce_sequence'];
    const id = item.events[index]?.id ?? item.id;
    topics.set(topic, sequence === undefined ? { id } : { id, sequence });
  });
  return {
    aggregate: item.aggregate,
    key: item.key,
    source: item.source,
    position: item.sk,
    topics: Object.fromEntries(topics),
  };
}
