/** The time limit of work. */
export interface TimeLimit {
  readonly ms: number;
  /** Aborts the signal of the work. */
  readonly unwanted: AbortSignal;
  /** The error when the time is up. */
  readonly tooLate: () => Error;
  /** The error if `unwanted` is aborted. Left out: the result of the work is awaited nevertheless. */
  readonly ended?: () => Error;
}

/**
 * Returns the result of `work`. The signal of the work is aborted with `unwanted`, and when the time is up. In the
 * second case it rejects with `tooLate`, and a later result is dropped.
 */
export async function withinTime<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  { ms, unwanted, tooLate, ended }: TimeLimit,
): Promise<T> {
  const end = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    end.abort();
    if (ended !== undefined) reject(ended());
  };
  unwanted.addEventListener('abort', abort);
  if (unwanted.aborted) abort();
  const timer = setTimeout(() => {
    end.abort();
    reject(tooLate());
  }, ms);
  // Abandoned work must not keep the process alive.
  timer.unref();
  try {
    return await Promise.race([work(end.signal), expired]);
  } finally {
    clearTimeout(timer);
    unwanted.removeEventListener('abort', abort);
  }
}
