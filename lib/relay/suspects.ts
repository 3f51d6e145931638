import type { StreamRecord } from './record';

/** An item that was being published when the process died this often in a row is parked. */
export const MAX_STARTS = 5;
const SUSPECT_AGE_MS = 60_000;

/**
 * Whether the process may have died on this batch before: Lambda halves a batch that ends without an answer until one
 * record is left, and that takes its time.
 */
export function maySuspect(records: readonly StreamRecord[], now: number): boolean {
  return records.length === 1 && (ageMs(records[0], now) ?? 0) > SUSPECT_AGE_MS;
}

/** How long a record has been in the stream; `undefined` when it does not tell. */
export function ageMs(record: StreamRecord | undefined, now: number): number | undefined {
  const createdAt = record?.dynamodb?.ApproximateCreationDateTime;
  return createdAt === undefined ? undefined : now - createdAt * 1000;
}
