import { isThrottling, NETWORK } from '../dynamodb/sdk-error';
import { messageOf, namedMessageOf, OutboxError } from '../event/errors';
import { isRecord } from '../event/options';

/** Temporary errors, even if their status is 400. */
const PASSING: ReadonlySet<string> = new Set([
  'InternalServerError',
  'ServiceUnavailable',
  'TransactionInProgressException',
  'TimeoutError',
]);

const MAX_DEPTH = 8;

/**
 * The kind of failure of a called service, derived from an error.
 *
 * `throttled` and `unavailable` (no response, or a server error) are temporary. `permanent`: an AWS service answered that
 * this request is not possible. `undefined`: the error does not come from a service.
 */
export type ServiceFailure = 'throttled' | 'unavailable' | 'permanent';

/** Reads fields that the AWS SDK and Node.js set on the error or on one of its causes, and never a message. */
export function serviceFailureOf(error: unknown): ServiceFailure | undefined {
  let link = error;
  for (let depth = 0; depth < MAX_DEPTH && link instanceof Error; depth++) {
    const failure = failureOfLink(link);
    if (failure !== undefined) return failure;
    link = link.cause;
  }
  return undefined;
}

/** `LimitExceededException` is also the error of an exhausted quota, which does not pass. */
const isThrottled = ({ name }: Error): boolean => isThrottling(name) && name !== 'LimitExceededException';

function failureOfLink(error: Error): ServiceFailure | undefined {
  if (error instanceof OutboxError) {
    if (error.is('throttled')) return 'throttled';
    return error.is('service-unavailable') ? 'unavailable' : undefined;
  }
  if ('$metadata' in error && isRecord(error.$metadata)) {
    const status = error.$metadata['httpStatusCode'];
    if (isThrottled(error) || status === 429) return 'throttled';
    if (typeof status !== 'number' || status >= 500 || PASSING.has(error.name)) return 'unavailable';
    return 'permanent';
  }
  if (error.name === 'CredentialsProviderError') return 'permanent';
  // The error of `AbortSignal.timeout`.
  if (error.name === 'TimeoutError') return 'unavailable';
  if (error instanceof AggregateError) return serviceFailureOf((error.errors as unknown[])[0]);
  return 'code' in error && typeof error.code === 'string' && NETWORK.has(error.code) ? 'unavailable' : undefined;
}

/**
 * The consumer's own table cannot be used: DynamoDB is unavailable or throttles, or the table or a permission is
 * missing. Every key waits, and no attempt counts.
 */
export class TableUnavailable extends Error {
  override readonly name = 'TableUnavailable';
}

/** `undefined` for an error that does not come from a service, such as a bug. */
export function asUnavailable(error: unknown, what: string): TableUnavailable | undefined {
  if (error instanceof TableUnavailable) return error;
  if (serviceFailureOf(error) === undefined) return undefined;
  return new TableUnavailable(`${what}: ${namedMessageOf(error)}`, { cause: error });
}

/**
 * `service-unavailable`: a service that the handler calls. `throttled`: an item of the transaction. `not-committed`:
 * the transaction got no response or a server error, while the key's row can be read.
 */
export type DelayReason = 'service-unavailable' | 'throttled' | 'not-committed';

/** Something that one key needs is unavailable. Only this key waits, and no attempt counts. */
export class KeyDelayed extends Error {
  override readonly name = 'KeyDelayed';
  readonly reason: DelayReason;

  constructor(reason: DelayReason, cause: unknown) {
    super(messageOf(cause), { cause });
    this.reason = reason;
  }
}
