import { errorText } from '../event/options';

/** What an error of the AWS SDK, or anything else that was thrown, says about itself. */
export interface SdkError {
  readonly name: string;
  readonly reason: string;
  /** HTTP status of the answer; `undefined` if there was none. */
  readonly status: number | undefined;
  /** Of Node.js, such as ECONNRESET. */
  readonly code: string | undefined;
  /** The SDK holds a repetition for useful: the service's model says so, or the clock's offset was corrected. */
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
    isThrottling:
      field(trait, 'throttling') === true || status === 429 || (typeof name === 'string' && THROTTLED.has(name)),
  };
}

/** A property of anything; `undefined` also if reading it throws. */
export function field(value: unknown, name: string): unknown {
  try {
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined;
  }
}

/** As the AWS SDK classifies them (`@smithy/core`, retry). */
export const THROTTLED: ReadonlySet<string> = new Set([
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
/** Of the client, or of a server that waited for the request in vain. */
export const TIMEOUTS: ReadonlySet<string> = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']);
const NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);
const MAX_CAUSES = 10;

/** Whether the same attempt may succeed later: the network, a timeout, throttling or a server's fault, also as a cause. */
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

/** A status that does not tell the outcome: of a timeout, a redirect or a server's fault. */
export const isInconclusive = (status: number): boolean =>
  status < 200 || status === 408 || (status >= 300 && status < 400) || status >= 500;
