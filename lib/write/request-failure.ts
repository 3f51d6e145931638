import { OutboxError } from '../event/errors';
import { shown } from '../event/options';
import type { RequestProbe } from './request-probe';
import { isInconclusive, readSdkError, TIMEOUTS } from '../dynamodb/sdk-error';
import { isUnencodable, unsentFailure } from './unsent';
import type { TransactionAction } from '../dynamodb/transaction';

const CONFLICTS: ReadonlySet<string> = new Set(['TransactionConflictException', 'ReplicatedWriteConflictException']);
/** The client fetches new credentials for the next call, or corrects its clock. */
const STALE_CREDENTIALS: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'CredentialsProviderError',
  'TokenProviderError',
  'IDPCommunicationError',
  'IDPCommunicationErrorException',
]);
const DENIED: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'MissingAuthenticationTokenException',
  'MissingAuthenticationToken',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'InvalidClientTokenId',
  'InvalidIdentityToken',
  'InvalidIdentityTokenException',
  'IDPRejectedClaim',
  'IDPRejectedClaimException',
]);
const REJECTED: ReadonlySet<string> = new Set([
  'ValidationException',
  'ResourceNotFoundException',
  'SerializationException',
]);

/** Names of errors that the SDK creates from a response without a service's error name, such as a proxy's response. */
const NAMELESS: ReadonlySet<string> = new Set([
  'unknown',
  'Unknown',
  'UnknownError',
  'Error',
  'SyntaxError',
  'TypeError',
]);
/** Codes of the last attempt. If an earlier attempt of the call may have succeeded, the outcome is unknown. */
const OF_LAST_ATTEMPT: ReadonlySet<string> = new Set(['throttled', 'access-denied', 'request-rejected']);

export interface FailedCall {
  readonly actions: readonly TransactionAction[];
  readonly requestId: string | undefined;
  readonly probe?: RequestProbe | undefined;
}

/**
 * Explains the failure of a whole `TransactWriteItems` call as an `OutboxError` with the failure as its `cause`. It
 * decides by the requests that the client sent, if they were observed, and by the name and status that the SDK sets on
 * each error. It reads a message only of a call that was not sent, because the SDK sets nothing else on such errors.
 *
 * An unknown error proves nothing about the transaction: the outcome is unknown.
 */
export function requestFailure(cause: unknown, { actions, requestId, probe }: FailedCall): OutboxError {
  const wasUnsent = probe?.isObserved === true ? !probe.wasSent : isUnencodable(cause);
  if (wasUnsent) return unsentFailure(cause, actions);
  const failure = answeredFailure(cause, requestId);
  if (probe?.hasLostAttempt !== true || !OF_LAST_ATTEMPT.has(failure.code)) return failure;
  const { name, reason } = readSdkError(cause);
  return outcomeUnknown(
    { name, reason: `an earlier attempt had no answer, the last one: ${reason}` },
    requestId,
    cause,
  );
}

function answeredFailure(cause: unknown, requestId: string | undefined): OutboxError {
  const { name, reason, status, isRetryable, isThrottling } = readSdkError(cause);
  const about = { name, reason };
  if (name === 'IdempotentParameterMismatchException') return requestIdReused(requestId, cause);
  if (name === 'TransactionInProgressException') return inProgress(requestId, cause);
  if (name === 'ItemCollectionSizeLimitExceededException') {
    return actionsFailed('item-collection-full', 'an action', [], cause);
  }
  if (CONFLICTS.has(name))
    return actionsFailed('transaction-conflict', `an item of the transaction (${name})`, [], cause);
  if (isThrottling) return actionsFailed('throttled', `the call (${name})`, [], cause);
  if (STALE_CREDENTIALS.has(name) || (isRetryable && DENIED.has(name))) {
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
      `DynamoDB refused the credentials of the call (${name}: ${reason}). The role needs dynamodb:PutItem on the outbox table, and the business actions: Outbox.grantWrite gives the first.`,
      about,
      { cause },
    );
  }
  const isRefusal = status !== undefined && !isInconclusive(status) && status >= 400;
  if (REJECTED.has(name) || (isRefusal && !isRetryable && !NAMELESS.has(name) && !TIMEOUTS.has(name))) {
    return new OutboxError(
      'request-rejected',
      `DynamoDB rejected the call, and would reject it again (${name}: ${reason}). Check table names and region of the client, and the actions of the transaction.`,
      about,
      { cause },
    );
  }
  return outcomeUnknown(about, requestId, cause);
}

const ACTION_FAILURES = {
  'item-collection-full': (what: string) =>
    `The item collection of ${what} is at DynamoDB's limit of 10 GB. Shorten the retention, or give the aggregate a new key.`,
  'transaction-conflict': (what: string) => `Another write of ${what} was in progress. Repeat the call.`,
  throttled: (what: string) => `DynamoDB throttled ${what}. Repeat the call later.`,
};

/** @param indexes - the actions that failed; empty if DynamoDB refused the whole call */
export const actionsFailed = (
  code: keyof typeof ACTION_FAILURES,
  what: string,
  indexes: readonly number[],
  cause: unknown,
): OutboxError => new OutboxError(code, ACTION_FAILURES[code](what), { indexes }, { cause });

export const requestIdReused = (requestId: string | undefined, cause: unknown): OutboxError<'request-id-reused'> =>
  new OutboxError(
    'request-id-reused',
    `Request id ${shown(requestId)} was used for another transaction, or a retry differs from its first attempt, such as by a new timestamp. Use one request id per transaction, and repeat it with the same actions.`,
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
