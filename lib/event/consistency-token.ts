import type { OutboxItem } from './item';
import { keeps, RULES } from './item-rules';
import type { AggregateKey } from './key';
import type { Message } from './message';
import { isRecord } from './options';
import { parseSequence } from './position';

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

/** Whether a value has the form of a token. A service can receive one from its client, who may have changed it. */
export function isConsistencyToken(value: unknown): value is ConsistencyToken {
  if (!isRecord(value) || !isRecord(value['topics'])) return false;
  const { aggregate, key, source, position, topics } = value;
  return (
    [aggregate, key, source, position].every(isName) &&
    Object.entries(topics).every(([topic, last]) => keeps(RULES.topic, topic) && isLastEvent(last))
  );
}

const isLastEvent = (value: unknown): boolean =>
  isRecord(value) &&
  isName(value['id']) &&
  (value['sequence'] === undefined || (isName(value['sequence']) && parseSequence(value['sequence']) !== undefined));

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.isWellFormed();
