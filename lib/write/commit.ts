import { createHash } from 'node:crypto';
import { OutboxError } from '../event/errors';
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
   * When the transaction commits: a date, or epoch milliseconds. A repeated request must repeat it.
   *
   * @default the time of a `requestId` that is a UUIDv7, else now
   */
  readonly committedAt?: Date | number;
}

const MAX_TOKEN_CHARACTERS = 36;
const MAX_REQUEST_ID_CHARACTERS = 1024;
/** Where the four-digit years of RFC 3339 end. */
const MAX_EPOCH_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function commitOf({ requestId, committedAt }: CommitOptions, now: () => number): Commit {
  if (requestId === undefined) {
    const at = epochMs(committedAt ?? now());
    return { at, idOf: () => uuidV7(at) };
  }
  checkRequestId(requestId);
  const at = epochMs(committedAt ?? timeOf(requestId));
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
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_EPOCH_MS
    ? ms
    : refuseOption('committedAt', committedAt, 'a valid Date, or an integer of epoch milliseconds');
}
