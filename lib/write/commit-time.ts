import { LIMITS } from '../event/item-rules';

const DAY_MS = 24 * 60 * 60 * 1000;
/** As milliseconds these are days of 1970, before any outbox; as seconds, the years 1973 to 2286. */
const EPOCH_SECONDS = { from: 1e8, to: 1e10 } as const;

/**
 * Returns the end of "it must be …" if `ms` cannot be the time of a commit, and `undefined` if it can. Applies to
 * `committedAt` and to the time in a UUIDv7, which becomes a commit time.
 */
export function commitTimeProblem(ms: number, now: number): string | undefined {
  if (!Number.isSafeInteger(ms) || ms < 0 || ms > LIMITS.committedAt) {
    return 'a valid Date, or an integer of epoch milliseconds';
  }
  if (ms >= EPOCH_SECONDS.from && ms < EPOCH_SECONDS.to) {
    return 'epoch milliseconds; these look like seconds: multiply by 1000';
  }
  // For a key without versions, later events would sort before this one until the clock catches up.
  return ms > now + DAY_MS ? 'at most a day ahead of the clock' : undefined;
}
