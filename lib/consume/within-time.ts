/**
 * What `work` gives. Its signal is aborted with `unwanted`, and when the time is up: then it rejects with `tooLate`,
 * whatever the work gives later.
 */
export async function withinTime<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  { ms, unwanted, tooLate }: { ms: number; unwanted: AbortSignal; tooLate: () => Error },
): Promise<T> {
  const end = new AbortController();
  const abort = (): void => end.abort();
  unwanted.addEventListener('abort', abort);
  if (unwanted.aborted) abort();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    abort();
    reject(tooLate());
  }, ms);
  // What nobody waits for any more keeps no process alive.
  timer.unref();
  try {
    return await Promise.race([work(end.signal), expired]);
  } finally {
    clearTimeout(timer);
    unwanted.removeEventListener('abort', abort);
  }
}
