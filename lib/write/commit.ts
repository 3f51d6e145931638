import { createHash } from 'node:crypto';
import { OutboxError } from '../event/errors';
import { errorText, refuseOption, shown } from '../event/options';
import { derivedUuidV7, epochMsOfUuidV7, uuidV7 } from '../event/uuid';
import { commitTimeProblem } from './commit-time';

/** When a transaction commits, and the ids that follow from it. */
export interface Commit {
  /** Epoch milliseconds. */
  readonly at: number;
  /** The clock at the call, epoch milliseconds. */
  readonly now: number;
  readonly clientRequestToken?: string;
  /** The id at `index` of the partition key `pk`: always the same one when there is a request id. */
  idOf(pk: string, index: number): string;
}

/** What makes a call repeatable. */
export interface CommitOptions {
  /**
   * Makes a repeated call the same request, so that it has its effect once: becomes the `ClientRequestToken` (hashed
   * when longer than 36 characters), and event ids are derived from it. Use one for a single transaction only. Unless
   * it is a UUIDv7, whose time is taken, it needs `committedAt`.
   */
  readonly requestId?: string;
  /**
   * When the transaction commits: a date, or epoch milliseconds. A repeated request must repeat it. Not a business date:
   * the position of a key without versions, and the age of its events, follow from it, so that consumers dead-letter an
   * event on its first delivery if it is older than their `markerLifeMs` (7 days). Refused are a time that is more than
   * a day ahead of the clock, and one in 1970 that epoch seconds give. The same holds for the time of a `requestId`.
   *
   * @default the time of a `requestId` that is a UUIDv7, else now
   */
  readonly committedAt?: Date | number;
}

const MAX_TOKEN_CHARACTERS = 36;
const MAX_REQUEST_ID_CHARACTERS = 1024;

export function commitOf({ requestId, committedAt }: CommitOptions, now: () => number): Commit {
  const clock = clockTime(now);
  if (requestId === undefined) {
    const at = committedAt === undefined ? clock : timeOfOption(committedAt, clock);
    return { at, now: clock, idOf: () => uuidV7(at) };
  }
  checkRequestId(requestId);
  const at = committedAt === undefined ? timeOfRequestId(requestId, clock) : timeOfOption(committedAt, clock);
  return {
    at,
    now: clock,
    clientRequestToken: tokenOf(requestId),
    idOf: (pk, index) => derivedUuidV7(at, JSON.stringify([requestId, pk, index])),
  };
}

function checkRequestId(requestId: unknown): void {
  const fits =
    typeof requestId === 'string' &&
    requestId !== '' &&
    requestId.length <= MAX_REQUEST_ID_CHARACTERS &&
    requestId.isWellFormed();
  if (!fits) refuseOption('requestId', requestId, `a text of 1 to ${MAX_REQUEST_ID_CHARACTERS} characters`);
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
