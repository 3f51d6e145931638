import { createHash } from 'node:crypto';
import { OutboxError } from '../event/errors';
import { LIMITS } from '../event/item-rules';
import { refuseOption, shown } from '../event/options';
import { derivedUuidV7, uuidV7 } from '../event/uuid';

/** When a transaction commits, and the ids that follow from it. */
export interface Commit {
  /** Epoch milliseconds. */
  readonly at: number;
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
   * a day ahead of the clock, and one in 1970 that epoch seconds give.
   *
   * @default the time of a `requestId` that is a UUIDv7, else now
   */
  readonly committedAt?: Date | number;
}

const MAX_TOKEN_CHARACTERS = 36;
const MAX_REQUEST_ID_CHARACTERS = 1024;
const DAY_MS = 24 * 60 * 60 * 1000;
/** As milliseconds these are days of 1970, before any outbox; as seconds, the years 1973 to 2286. */
const EPOCH_SECONDS = { from: 1e8, to: 1e10 } as const;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function commitOf({ requestId, committedAt }: CommitOptions, now: () => number): Commit {
  if (requestId === undefined) {
    const at = committedAt === undefined ? epochMs(now()) : timeOfOption(committedAt, now());
    return { at, idOf: () => uuidV7(at) };
  }
  checkRequestId(requestId);
  const at = committedAt === undefined ? epochMs(timeOf(requestId)) : timeOfOption(committedAt, now());
  return {
    at,
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

/** The time of a UUIDv7 lies in its first 48 bits. */
function timeOf(requestId: string): number {
  if (UUID_V7.test(requestId)) return Number.parseInt(requestId.slice(0, 8) + requestId.slice(9, 13), 16);
  throw new OutboxError(
    'committed-at-required',
    `Request id ${shown(requestId)} carries no time, so a retry would not be the same request: pass "committedAt", and the same one with every retry, or use a UUIDv7 as the request id.`,
    { requestId },
  );
}

const tokenOf = (requestId: string): string =>
  requestId.length <= MAX_TOKEN_CHARACTERS
    ? requestId
    : createHash('sha256').update(requestId).digest('base64url').slice(0, MAX_TOKEN_CHARACTERS);

function epochMs(committedAt: unknown): number {
  const ms = committedAt instanceof Date ? committedAt.getTime() : committedAt;
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 && ms <= LIMITS.committedAt
    ? ms
    : refuseOption('committedAt', committedAt, 'a valid Date, or an integer of epoch milliseconds');
}

function timeOfOption(committedAt: unknown, now: number): number {
  const ms = epochMs(committedAt);
  if (ms >= EPOCH_SECONDS.from && ms < EPOCH_SECONDS.to) {
    return refuseOption('committedAt', committedAt, 'epoch milliseconds; these look like seconds: multiply by 1000');
  }
  // The key's next events would lie before it, and nobody would miss it for as long.
  if (ms > now + DAY_MS) refuseOption('committedAt', committedAt, 'at most a day ahead of the clock');
  return ms;
}
