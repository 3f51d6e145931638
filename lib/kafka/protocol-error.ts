/** The broker's name of the error, such as `UNKNOWN_TOPIC_OR_PARTITION`, which kafkajs wraps in its own errors. */
export function protocolErrorOf(error: unknown): string | undefined {
  let cause = error;
  // The limit also ends a circular chain of causes.
  for (let depth = 0; cause instanceof Error && depth < 8; depth++, cause = cause.cause) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type;
  }
  return undefined;
}
