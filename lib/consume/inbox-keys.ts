import { createHash } from 'node:crypto';
import { MAX_PARTITION_KEY_BYTES } from '../event/key';
import { withoutUndefined } from '../event/options';
import { headerText, type ConsumedRecord } from './record';

/**
 * Identifies the inbox of one key. Together with the consumer, it is the unit in which events have an order.
 *
 * The outbox orders events by aggregate and key. `source` names the aggregate by default; if it does not, `aggregate`
 * keeps two aggregates with the same key apart.
 */
export interface InboxKey {
  readonly source: string;
  readonly topic: string;
  /** The Kafka key as text; empty for messages without a key. */
  readonly key: string;
  /** `ce_aggregate`. Left out if `source` ends with it. */
  readonly aggregate?: string;
  /** Set for messages without a key, which have an order only within their partition. */
  readonly partition?: number;
}

/** A DynamoDB sort key holds at most 1024 bytes of UTF-8. */
const MAX_SORT_KEY_BYTES = 1024;

export const INBOX_SORT_KEY = 'inbox';
export const PARKED_PREFIX = 'parked#';
export const MARKER_PREFIX = 'event#';

/** The aggregate, unless the source ends with it: rows from before `ce_aggregate` stay valid for the default source. */
export const aggregateIn = (source: string, aggregate: string | null | undefined): Pick<InboxKey, 'aggregate'> =>
  aggregate === undefined || aggregate === null || aggregate === '' || source.endsWith(`/${aggregate}`)
    ? {}
    : { aggregate };

export const aggregateOf = ({ aggregate, source }: Pick<InboxKey, 'aggregate' | 'source'>): string =>
  aggregate ?? source.split('/').at(-1) ?? '';

/** The key alone, from an object that may have other fields. */
export const inboxKeyOf = ({ source, topic, key, aggregate, partition }: InboxKey): InboxKey =>
  withoutUndefined({ source, topic, key, aggregate, partition });

/** The key in an item of the table, which may have other attributes. */
export const decodeInboxKey = (item: Readonly<Record<string, unknown>>): InboxKey =>
  withoutUndefined({
    source: String(item['source']),
    topic: String(item['topic']),
    key: String(item['key']),
    aggregate: typeof item['aggregate'] === 'string' ? item['aggregate'] : undefined,
    partition: item['partition'] === undefined ? undefined : Number(item['partition']),
  });

/**
 * The key without aggregate and partition, as in rows from before `ce_aggregate`. An event id is unique within its
 * source (CloudEvents 1.0, "id"), so markers are found by this key whatever the event's aggregate or partition.
 */
export const sourceKeyOf = ({ source, topic, key }: InboxKey): InboxKey => ({ source, topic, key });

/** Two keys have the same text only if they are the same: topics contain neither `/` nor `|` nor `#`. */
export function inboxKeyText({ source, topic, key, aggregate, partition }: InboxKey): string {
  const inPartition = partition === undefined ? '' : `/${partition}`;
  const ofAggregate = aggregate === undefined ? '' : `|${escaped(aggregate)}`;
  return `${topic}${inPartition}${ofAggregate}#${escaped(source)}#${key}`;
}

/** Like {@link inboxKeyText} of the message's event, but for every message, also for one that is no event. */
export function queueKeyOf(record: Pick<ConsumedRecord, 'topic' | 'partition' | 'key' | 'headers'>): string {
  const { topic, partition, key } = record;
  const source = headerText(record, 'ce_source') ?? '';
  return inboxKeyText({
    topic,
    source,
    key: key?.toString('latin1') ?? '',
    ...aggregateIn(source, headerText(record, 'ce_aggregate')),
    ...(key === null ? { partition } : {}),
  });
}

const escaped = (text: string): string => text.replace(/[%#]/g, encodeURIComponent);
const unescaped = (text: string): string => text.replace(/%2[35]/g, decodeURIComponent);

/** Parses the text of {@link inboxKeyText}; `undefined` for other text, such as the digest of a long key. */
export function decodeInboxKeyText(text: string): InboxKey | undefined {
  const [, topic, partition, aggregate, source, key] =
    /^([^/|#]+)(?:\/(\d+))?(?:\|([^#]*))?#([^#]*)#(.*)$/s.exec(text) ?? [];
  if (topic === undefined || source === undefined || key === undefined) return undefined;
  return withoutUndefined({
    source: unescaped(source),
    topic,
    key,
    aggregate: aggregate === undefined ? undefined : unescaped(aggregate),
    partition: partition === undefined ? undefined : Number(partition),
  });
}

/** The partition key of all items about a key. Consumer names contain neither `#` nor `$`, so no two keys share it. */
export function inboxPartitionKey(consumer: string, key: InboxKey): string {
  const plain = `${consumer}#${inboxKeyText(key)}`;
  if (Buffer.byteLength(plain) <= MAX_PARTITION_KEY_BYTES) return plain;
  const { source, topic, key: name, aggregate, partition } = key;
  const parts = aggregate === undefined && partition === undefined ? [] : [aggregate ?? null, partition ?? null];
  return `${consumer}#${topic}#sha256:${sha256(JSON.stringify([source, name, ...parts]))}`;
}

/** The partition keys of what a consumer stores next to its keys. */
export const parkedKeysPartition = (consumer: string): string => `${consumer}#$parked`;
export const requestsPartition = (consumer: string): string => `${consumer}#$requests`;
export const requestResultsPartition = (consumer: string): string => `${consumer}#$answers`;
export const unreadableCountPartition = (consumer: string): string => `${consumer}#$breaker`;
/** A dead letter to apply is not in its request: each poll reads the requests, so they must stay small. */
export const resendPartition = (consumer: string, requestId: string): string => `${consumer}#$resend#${requestId}`;

export const RESEND_SORT_KEY = 'message';

export const parkedKeySortKey = (consumer: string, key: InboxKey): string =>
  shortened('', inboxPartitionKey(consumer, key));

export const markerSortKey = (id: string): string => shortened(MARKER_PREFIX, id);

/** A second delivery of a message gets the same sort key as the first. Sort keys follow the partition's order. */
export const parkedSortKey = ({ partition, offset }: Pick<ConsumedRecord, 'partition' | 'offset'>): string =>
  `${PARKED_PREFIX}${String(partition).padStart(10, '0')}#${String(offset).padStart(20, '0')}`;

function shortened(prefix: string, text: string): string {
  const plain = prefix + text;
  return Buffer.byteLength(plain) <= MAX_SORT_KEY_BYTES ? plain : `${prefix}sha256:${sha256(text)}`;
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
