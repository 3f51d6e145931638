import { errorText } from '../event/options';

/** The facts about an error of the AWS SDK, or about any other thrown value. */
export interface SdkError {
  readonly name: string;
  readonly reason: string;
  /** HTTP status of the response; `undefined` if there was no response. */
  readonly status: number | undefined;
  /** Error code of Node.js, such as ECONNRESET. */
  readonly code: string | undefined;
  /** The SDK considers a retry useful: the service's model marks it as retryable, or the SDK has corrected the clock's offset. */
  readonly isRetryable: boolean;
  readonly isThrottling: boolean;
}

/** Never throws, not even for an object whose getters do. */
export function readSdkError(error: unknown): SdkError {
  const name = field(error, 'name');
  const metadata = field(error, '$metadata');
  const status = field(metadata, 'httpStatusCode');
  const code = field(error, 'code');
  const trait = field(error, '$retryable');
  return {
    name: typeof name === 'string' && name !== '' ? name : 'unknown',
    reason: errorText(error),
    status: typeof status === 'number' ? status : undefined,
    code: typeof code === 'string' ? code : undefined,
    isRetryable: (typeof trait === 'object' && trait !== null) || field(metadata, 'clockSkewCorrected') === true,
    isThrottling: field(trait, 'throttling') === true || status === 429 || isThrottling(name),
  };
}

/** Reads a property of any value. Returns `undefined` if reading throws. */
export function field(value: unknown, name: string): unknown {
  try {
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined;
  }
}

/** Names of throttling errors, as the AWS SDK classifies them (`@smithy/core`, retry), and codes of throttled actions. */
const THROTTLING: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'KMSThrottlingException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceeded',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingError',
  'ThrottlingException',
  'TooManyRequestsException',
]);
export const isThrottling = (nameOrCode: unknown): boolean =>
  typeof nameOrCode === 'string' && THROTTLING.has(nameOrCode);

/** Timeouts of the client, and of a server that waited in vain for the request. */
export const TIMEOUTS: ReadonlySet<string> = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']);
/** Codes of Node.js and undici for a connection that fails or ends. */
export const NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);
const MAX_CAUSES = 10;

/** Whether a retry may succeed: after a network error, a timeout, throttling or a server error, also as a `cause`. */
export function isTransient(error: unknown, depth = 0): boolean {
  const { name, status, code, isRetryable, isThrottling } = readSdkError(error);
  return (
    isRetryable ||
    isThrottling ||
    field(error, 'retryable') === true ||
    TIMEOUTS.has(name) ||
    (code !== undefined && NETWORK.has(code)) ||
    (status !== undefined && (status === 408 || status >= 500)) ||
    (depth < MAX_CAUSES && field(error, 'cause') !== undefined && isTransient(field(error, 'cause'), depth + 1))
  );
}

/** Whether a status leaves the outcome unknown, as a timeout, a redirect or a server error does. */
export const isInconclusive = (status: number): boolean =>
  status < 200 || status === 408 || (status >= 300 && status < 400) || status >= 500;
