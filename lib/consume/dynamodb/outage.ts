import { OutboxError } from '../../event/errors';
import { isRecord } from '../../event/options';

/** Errors of DynamoDB, and of the SDK before it reaches DynamoDB, that concern every request. */
const OUTAGES: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
  'Throttling',
  'TransactionInProgressException',
  'LimitExceededException',
  'InternalServerError',
  'ServiceUnavailable',
  'ResourceNotFoundException',
  'AccessDeniedException',
  'UnrecognizedClientException',
  'ExpiredTokenException',
  'InvalidSignatureException',
  'CredentialsProviderError',
  'TimeoutError',
]);

const MAX_DEPTH = 8;

/**
 * Whether an error says that an AWS service is away, throttles or refuses everybody, be it thrown by a commit or by what
 * a handler read. It goes by what the SDK notes on every error, never by a message.
 */
export function isDynamoDbOutage(error: unknown): boolean {
  let link = error;
  for (let depth = 0; depth < MAX_DEPTH && link instanceof Error; depth++) {
    if (link instanceof OutboxError && link.is('throttled')) return true;
    if ('$metadata' in link && isRecord(link.$metadata)) {
      const status = link.$metadata['httpStatusCode'];
      // Without a status nothing answered.
      if (typeof status !== 'number' || status >= 500 || status === 429) return true;
      return OUTAGES.has(link.name);
    }
    if (link.name === 'CredentialsProviderError') return true;
    link = link.cause;
  }
  return false;
}
