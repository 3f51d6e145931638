/** The name of the error that a broker answered, such as `UNKNOWN_TOPIC_OR_PARTITION`. kafkajs wraps it in errors of its own. */
export function protocolErrorOf(error: unknown): string | undefined {
  let cause = error;
  // A chain of causes that is a circle must end as well.
  for (let depth = 0; cause instanceof Error && depth < 8; depth++, cause = cause.cause) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type;
  }
  return undefined;
}
