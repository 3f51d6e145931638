/** The longest that a request may take, a page of a scan included. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * What every client of the command line has: a region, and limits of time. Without `throwOnRequestTimeout` the SDK only
 * warns of a service that does not answer, and waits on.
 */
export const clientConfig = (region: string | undefined, requestTimeoutMs = REQUEST_TIMEOUT_MS) => ({
  region,
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
});
