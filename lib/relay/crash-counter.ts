import type { StreamRecord } from './record';

/** If the process dies this often in a row while it publishes an item, the relay parks the item. */
export const MAX_CRASHED_ATTEMPTS = 5;
const SUSPECT_AGE_MS = 60_000;

/**
 * Whether the process may have died on this batch before. Lambda halves a batch that ends without a result until one
 * record is left, which takes some time.
 */
export function mayHaveCrashed(records: readonly StreamRecord[], now: number): boolean {
  return records.length === 1 && (ageMs(records[0], now) ?? 0) > SUSPECT_AGE_MS;
}

/** Milliseconds since the record was written to the stream; `undefined` if the record has no timestamp. */
export function ageMs(record: StreamRecord | undefined, now: number): number | undefined {
  const createdAt = record?.dynamodb?.ApproximateCreationDateTime;
  return createdAt === undefined ? undefined : now - createdAt * 1000;
}
