import type { OutboxItem } from './item';
import type { AggregateKey } from './key';
import type { Message } from './message';

/**
 * What a consumer must have applied to have seen a write: hand it to a reader that has to see its own write. It is plain
 * JSON.
 */
export interface ConsistencyToken extends AggregateKey {
  /** `ce_source` of the events. */
  readonly source: string;
  /** Where the events lie among those of their key. */
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
