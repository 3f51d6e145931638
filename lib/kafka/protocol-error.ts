/** An error in a chain of causes, with the properties that kafkajs adds. */
export interface KafkaCause extends Error {
  readonly type?: unknown;
  readonly broker?: unknown;
  readonly originalError?: unknown;
}

/** Errors wrap errors; the limit ends a chain that contains a cycle. */
const MAX_DEPTH = 8;

/** An error and the errors that it wraps. */
export function* kafkaCausesOf(error: unknown): Generator<KafkaCause> {
  let cause = error;
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    const known: KafkaCause = cause;
    yield known;
    cause = known.cause ?? known.originalError;
  }
}

/** The error of a broker among the causes. It has its name in `type`, such as `UNKNOWN_TOPIC_OR_PARTITION`. */
export function protocolErrorIn(error: unknown): { readonly type: string; readonly message: string } | undefined {
  for (const { type, message } of kafkaCausesOf(error)) if (typeof type === 'string') return { type, message };
  return undefined;
}

/** The name of the broker's error, which kafkajs wraps in its own errors; `undefined` if no broker answered. */
export const protocolErrorOf = (error: unknown): string | undefined => protocolErrorIn(error)?.type;
