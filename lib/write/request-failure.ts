import { OutboxError } from '../event/errors';
import { isRecord, shown } from '../event/options';

const THROTTLED: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TooManyRequestsException',
]);
const CONFLICTS: ReadonlySet<string> = new Set(['TransactionConflictException', 'ReplicatedWriteConflictException']);
/** New credentials are fetched for the next call. */
const STALE_CREDENTIALS: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
  'CredentialsProviderError',
]);
const DENIED: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'MissingAuthenticationTokenException',
  'MissingAuthenticationToken',
  'IncompleteSignatureException',
  'InvalidSignatureException',
]);
const REJECTED: ReadonlySet<string> = new Set([
  'ValidationException',
  'ResourceNotFoundException',
  'SerializationException',
]);

const MAX_REASON_CHARACTERS = 500;

/**
 * What the failure of a whole `TransactWriteItems` call means, as an `OutboxError` with the failure as its `cause`. It
 * goes by the name and status that the SDK notes on each error, never by a message.
 *
 * An error that is not known proves nothing about the transaction: the outcome is unknown.
 */
export function requestFailure(cause: unknown, requestId: string | undefined): OutboxError {
  const name = cause instanceof Error ? cause.name : 'unknown';
  const reason = (cause instanceof Error ? cause.message : shown(cause)).slice(0, MAX_REASON_CHARACTERS);
  const status = statusOf(cause);
  const about = { name, reason };
  if (name === 'IdempotentParameterMismatchException') return requestIdReused(requestId, cause);
  if (name === 'TransactionInProgressException') return inProgress(requestId, cause);
  if (name === 'ItemCollectionSizeLimitExceededException') {
    return new OutboxError(
      'item-collection-full',
      "An item collection of the transaction is at DynamoDB's limit of 10 GB. Shorten the retention, or give the aggregate a new key.",
      { indexes: [] },
      { cause },
    );
  }
  if (CONFLICTS.has(name)) {
    return new OutboxError(
      'transaction-conflict',
      `Another write was in progress on an item of the transaction (${name}). Repeat the call.`,
      { indexes: [] },
      { cause },
    );
  }
  if (THROTTLED.has(name) || status === 429) {
    return new OutboxError(
      'throttled',
      `DynamoDB throttled the call (${name}). Repeat the call later.`,
      { indexes: [] },
      { cause },
    );
  }
  if (STALE_CREDENTIALS.has(name)) {
    return new OutboxError(
      'access-denied',
      `The credentials are missing or have expired (${name}: ${reason}). The client gets new ones for the next call; if this repeats, check where they come from.`,
      about,
      { cause, retryable: true },
    );
  }
  if (DENIED.has(name) || status === 401 || status === 403) {
    return new OutboxError(
      'access-denied',
      `DynamoDB refused the credentials of the call (${name}: ${reason}). The role needs dynamodb:PutItem on the outbox table, and the actions of the business entries: Outbox.grantWrite gives the first.`,
      about,
      { cause },
    );
  }
  if (REJECTED.has(name) || (status !== undefined && status >= 400 && status < 500)) {
    return new OutboxError(
      'request-rejected',
      `DynamoDB rejected the call, and would reject it again (${name}: ${reason}). Check table names and region of the client, and the entries of the transaction.`,
      about,
      { cause },
    );
  }
  return outcomeUnknown(about, requestId, cause);
}

export const requestIdReused = (requestId: string | undefined, cause: unknown): OutboxError<'request-id-reused'> =>
  new OutboxError(
    'request-id-reused',
    `Request id ${shown(requestId)} was used for another transaction, or a retry differs from its first attempt, such as by a new timestamp. Use one request id per transaction, and repeat it with the same entries.`,
    { requestId: requestId ?? '' },
    { cause },
  );

const REPEAT = 'Repeat the call with the same requestId: if the transaction was written, it has no second effect.';
const READ = 'The call had no requestId, so a repetition could write twice: read the aggregate, and decide again.';

const inProgress = (requestId: string | undefined, cause: unknown): OutboxError<'transaction-in-progress'> =>
  new OutboxError(
    'transaction-in-progress',
    `An earlier attempt of this transaction is still in progress, and may be written. ${requestId === undefined ? READ : `${REPEAT} Wait some seconds before.`}`,
    requestId === undefined ? {} : { requestId },
    { cause, retryable: requestId !== undefined },
  );

const outcomeUnknown = (
  about: { readonly name: string; readonly reason: string },
  requestId: string | undefined,
  cause: unknown,
): OutboxError<'outcome-unknown'> =>
  new OutboxError(
    'outcome-unknown',
    `DynamoDB did not tell whether the transaction was written (${about.name}: ${about.reason}). ${requestId === undefined ? READ : REPEAT}`,
    about,
    { cause, retryable: requestId !== undefined },
  );

function statusOf(error: unknown): number | undefined {
  if (!isRecord(error) || !isRecord(error['$metadata'])) return undefined;
  const status = error['$metadata']['httpStatusCode'];
  return typeof status === 'number' ? status : undefined;
}
