import { createHash } from 'node:crypto';
import { OutboxError } from './errors';
import { shown } from './options';

/** The unit of order: the kind of thing, and which one. */
export interface AggregateKey {
  readonly aggregate: string;
  readonly key: string;
}

/** The aggregate that changes, and its new version. */
export interface ChangedAggregate extends AggregateKey {
  /**
   * The aggregate's version after this transaction. With it, a second writer of the same version is refused
   * (`version-conflict`) and consumers can detect gaps and duplicates. A key must have versions always or never.
   */
  readonly version?: number;
}

/** A DynamoDB partition key holds at most 2048 bytes of UTF-8. */
export const MAX_PARTITION_KEY_BYTES = 2048;
/** A DynamoDB sort key holds at most 1024 bytes of UTF-8. */
const MAX_SORT_KEY_BYTES = 1024;

/** No `#` and no leading `$`: `$outbox#…` is reserved for the outbox itself, and the first `#` ends the aggregate. */
export const AGGREGATE_SYNTAX = '[A-Za-z][A-Za-z0-9._-]*';
const AGGREGATE_PATTERN = new RegExp(`^${AGGREGATE_SYNTAX}$`);

/** Partition key of holds, tombstones and the state item in a table with one region: see `controlPartitionOf`. */
export const CONTROL_PARTITION = '$outbox#control';

/** Partition key of signals that do not fit next to the items of their key, whose collection has 10 GB. */
export const SIGNALS_PARTITION = '$outbox#signals';

/** Prefix of partitions in which the outbox stores its own state, of this region or another. */
export const OWN_PARTITIONS = '$outbox#';
export const isOwnPartition = (pk: string): boolean => pk.startsWith(OWN_PARTITIONS);

export function partitionKeyOf({ aggregate, key }: AggregateKey): string {
  if (typeof aggregate !== 'string' || !AGGREGATE_PATTERN.test(aggregate)) {
    throw new OutboxError(
      'invalid-aggregate',
      `Aggregate ${shown(aggregate)} is not allowed: it must be a string that starts with a letter, followed by letters, digits, ".", "_" or "-". Name the kind of thing, such as "order".`,
      { aggregate },
    );
  }
  if (typeof key !== 'string' || key === '' || !key.isWellFormed()) {
    throw new OutboxError(
      'invalid-key',
      `Key ${shown(key)} of aggregate "${aggregate}" is not allowed: it must be a non-empty, well-formed string. Convert numbers with String(…).`,
      { key },
    );
  }
  const pk = `${aggregate}#${key}`;
  const bytes = Buffer.byteLength(pk);
  if (bytes > MAX_PARTITION_KEY_BYTES) {
    throw new OutboxError(
      'invalid-key',
      `Key "${key.slice(0, 40)}…" of aggregate "${aggregate}" is too long: "<aggregate>#<key>" takes ${bytes} bytes, a DynamoDB partition key holds ${MAX_PARTITION_KEY_BYTES}. Use a shorter identifier, such as a hash.`,
      { key, bytes, maxBytes: MAX_PARTITION_KEY_BYTES },
    );
  }
  return pk;
}

/** The aggregate and key of a partition key; `undefined` if it is not the partition key of an outbox item. */
export function parsePartitionKey(pk: string): AggregateKey | undefined {
  const at = pk.indexOf('#');
  if (at < 1) return undefined;
  const aggregate = pk.slice(0, at);
  const key = pk.slice(at + 1);
  return AGGREGATE_PATTERN.test(aggregate) && key !== '' ? { aggregate, key } : undefined;
}

/**
 * The sort key of an entry about a partition key in the control partition. A partition key may be twice as long as a
 * sort key, so a long one is replaced by its hash; the item itself stores the partition key in full.
 */
export function controlSortKey(prefix: string, pk: string): string {
  const plain = `${prefix}#${pk}`;
  return Buffer.byteLength(plain) <= MAX_SORT_KEY_BYTES
    ? plain
    : `${prefix}#sha256:${createHash('sha256').update(pk).digest('hex')}`;
}
