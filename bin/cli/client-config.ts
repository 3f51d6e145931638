/** The longest that a request may take, a page of a scan included. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * The configuration of every AWS client of the command line: the region and time limits. Without
 * `throwOnRequestTimeout` the SDK only warns when a service does not answer, and continues to wait.
 */
export const clientConfig = (region: string | undefined, requestTimeoutMs = REQUEST_TIMEOUT_MS) => ({
  region,
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
});
