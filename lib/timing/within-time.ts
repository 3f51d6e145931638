export interface TimeLimit {
  readonly ms: number;
  /** Creates the error when the time is up. */
  readonly onTimeout: () => Error;
  /** If it is aborted, the signal of the work is aborted. */
  readonly signal?: AbortSignal;
  /** Creates the error if `signal` is aborted. Left out: the result of the work is awaited nevertheless. */
  readonly onAbort?: () => Error;
  /** Lets the process end while it waits for nothing else. */
  readonly unref?: boolean;
}

/**
 * Returns the result of `work`. When the time is up, rejects with `onTimeout` and aborts the signal of the work. A later
 * result is dropped, and a later rejection counts as handled.
 */
export async function withinTime<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  { ms, onTimeout, signal, onAbort, unref = false }: TimeLimit,
): Promise<T> {
  const end = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  // If the work throws at once, nothing else handles it.
  ended.catch(() => undefined);
  const abort = (): void => {
    if (onAbort !== undefined) reject(onAbort());
    end.abort();
  };
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  const timer = setTimeout(() => {
    reject(onTimeout());
    end.abort();
  }, ms);
  if (unref) timer.unref();
  try {
    return await Promise.race([work(end.signal), ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Runs one of several calls that share a time limit. When the time is up, rejects without starting the call. */
export type Deadline = <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** One time limit from now on for several calls, sequential or concurrent; each is limited as by `withinTime`. */
export function deadlineIn(ms: number, onTimeout: () => Error): Deadline {
  const endsAt = performance.now() + ms;
  return async (call) => {
    const restMs = endsAt - performance.now();
    if (restMs <= 0) throw onTimeout();
    return withinTime(call, { ms: restMs, onTimeout });
  };
}
