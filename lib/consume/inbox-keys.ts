import { createHash } from 'node:crypto';
import { MAX_PARTITION_KEY_BYTES } from '../event/key';
import type { Envelope } from './decode';
import type { ConsumedRecord } from './record';

/** Where things lie in a consumer's table; several consumers may share one. */

/** Identifies the inbox of one key: consumer, source, topic and key. */
export type InboxKey = Pick<Envelope, 'source' | 'topic' | 'key'>;

/** A DynamoDB sort key holds at most 1024 bytes of UTF-8. */
const MAX_SORT_KEY_BYTES = 1024;

export const INBOX_SORT_KEY = 'inbox';
export const PARKED_PREFIX = 'parked#';

/**
 * The partition key of all that a consumer keeps about a key. Neither consumers nor topics contain `#` or `$`, and the
 * source's are escaped, so that no two keys are the same text.
 */
export function inboxPartitionKey(consumer: string, { source, topic, key }: InboxKey): string {
  const plain = `${consumer}#${topic}#${source.replace(/[%#]/g, encodeURIComponent)}#${key}`;
  return Buffer.byteLength(plain) <= MAX_PARTITION_KEY_BYTES
    ? plain
    : `${consumer}#${topic}#sha256:${sha256(JSON.stringify([source, key]))}`;
}

/** The partition key of the list of keys that have parked messages. */
export const parkedKeysPartition = (consumer: string): string => `${consumer}#$parked`;

export const parkedKeySortKey = (consumer: string, key: InboxKey): string =>
  shortened('', inboxPartitionKey(consumer, key));

/** The partition key of what operators ask a consumer to do. */
export const requestsPartition = (consumer: string): string => `${consumer}#$requests`;

/** The partition key of what became of it. */
export const answersPartition = (consumer: string): string => `${consumer}#$answers`;

export const markerSortKey = (id: string): string => shortened('event#', id);

/** A repetition of a message has the same place as its first delivery: that of the partition's order. */
export const parkedSortKey = ({ partition, offset }: Pick<ConsumedRecord, 'partition' | 'offset'>): string =>
  `${PARKED_PREFIX}${String(partition).padStart(10, '0')}#${String(offset).padStart(20, '0')}`;

function shortened(prefix: string, text: string): string {
  const plain = prefix + text;
  return Buffer.byteLength(plain) <= MAX_SORT_KEY_BYTES ? plain : `${prefix}sha256:${sha256(text)}`;
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
