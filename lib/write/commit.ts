import { LIMITS } from '../event/item-rules';
import { createHash } from 'node:crypto';
import { OutboxError } from '../event/errors';
import { checkOption, optional } from '../event/option-rules';
import { errorText, refuseOption, shown } from '../event/options';
import { derivedUuidV7, epochMsOfUuidV7, uuidV7 } from '../event/uuid';

/** The time of a transaction's commit, and the ids that derive from it. */
export interface Commit {
  /** Epoch milliseconds. */
  readonly at: number;
  /** The clock at the call, epoch milliseconds. */
  readonly now: number;
  readonly clientRequestToken?: string;
  /** The id at `index` of the partition key `pk`. If there is a request id, each call returns the same id. */
  idOf(pk: string, index: number): string;
}

/** Options that make a call repeatable. */
export interface CommitOptions {
  /**
   * Makes a repeated call the same request, so that it has its effect once. It becomes the `ClientRequestToken` (hashed
   * if longer than 36 characters), and event ids derive from it. Use it for a single transaction only. A UUIDv7
   * supplies the commit time; any other id needs `committedAt`.
   */
  readonly requestId?: string;
  /**
   * The commit time: a date, or epoch milliseconds. A repeated request must repeat it. Do not pass a business date: the
   * position of an event without a version derives from it, and consumers dead-letter such an event on its first
   * delivery if it is older than their `markerRetentionMs` (7 days). A time more than a day ahead of the clock is refused,
   * and so is one in 1970 that epoch seconds give. The same holds for the time of a `requestId`.
   *
   * @default the time of a `requestId` that is a UUIDv7, else now
   */
  readonly committedAt?: Date | number;
}

const MAX_TOKEN_CHARACTERS = 36;
const MAX_REQUEST_ID_CHARACTERS = 1024;
const REQUEST_ID = optional(
  (id) => typeof id === 'string' && id !== '' && id.length <= MAX_REQUEST_ID_CHARACTERS && id.isWellFormed(),
  `a text of 1 to ${MAX_REQUEST_ID_CHARACTERS} characters`,
);

export function commitOf({ requestId, committedAt }: CommitOptions, now: () => number): Commit {
  const clock = clockTime(now);
  if (requestId === undefined) {
    const at = committedAt === undefined ? clock : timeOfOption(committedAt, clock);
    return { at, now: clock, idOf: () => uuidV7(at) };
  }
  checkOption(REQUEST_ID, 'requestId', requestId);
  const at = committedAt === undefined ? timeOfRequestId(requestId, clock) : timeOfOption(committedAt, clock);
  return {
    at,
    now: clock,
    clientRequestToken: tokenOf(requestId),
    idOf: (pk, index) => derivedUuidV7(at, JSON.stringify([requestId, pk, index])),
  };
}

function timeOfRequestId(requestId: string, clock: number): number {
  const ms = epochMsOfUuidV7(requestId);
  if (ms === undefined) {
    throw new OutboxError(
      'committed-at-required',
      `Request id ${shown(requestId)} carries no time, so a retry would not be the same request: pass "committedAt", and the same one with every retry, or use a UUIDv7 as the request id.`,
      { requestId },
    );
  }
  const problem = commitTimeProblem(ms, clock);
  if (problem === undefined) return ms;
  return refuseOption('requestId', requestId, `a UUIDv7 whose time is ${problem}; or pass "committedAt", too`);
}

const tokenOf = (requestId: string): string =>
  requestId.length <= MAX_TOKEN_CHARACTERS
    ? requestId
    : createHash('sha256').update(requestId).digest('base64url').slice(0, MAX_TOKEN_CHARACTERS);

function clockTime(now: () => number): number {
  let ms: unknown;
  try {
    ms = now();
  } catch (cause) {
    const message = `Option "clock" throws when it is read: ${errorText(cause)}. Its now() must return epoch milliseconds.`;
    const details = { option: 'clock', got: cause, allowed: 'an object whose now() returns epoch milliseconds' };
    throw new OutboxError('invalid-option', message, details, { cause });
  }
  const problem = typeof ms === 'number' ? commitTimeProblem(ms, ms) : 'epoch milliseconds';
  return problem === undefined ? (ms as number) : refuseOption('clock.now()', ms, problem);
}

function timeOfOption(committedAt: unknown, now: number): number {
  const ms = committedAt instanceof Date ? committedAt.getTime() : committedAt;
  const problem = commitTimeProblem(typeof ms === 'number' ? ms : Number.NaN, now);
  return problem === undefined ? (ms as number) : refuseOption('committedAt', committedAt, problem);
}

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
