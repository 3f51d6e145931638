/** Waits; ends early when the signal is aborted. Never rejects. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Until the work has ended or the time is up, whatever becomes of the work then. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, wait(Math.max(0, ms), done.signal)]);
  } finally {
    done.abort();
  }
}

/** How long is waited between attempts: the first pause, and the one that is never exceeded. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Doubles with each attempt; half of it is random, so that what failed together does not come back together. */
export const backoffMs = ({ firstMs, longestMs }: Backoff, attempt: number, random = Math.random): number => {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.ceil(full / 2 + (random() * full) / 2);
};

/**
 * Works again and again until the signal is aborted, on average every `everyMs`: instances that were started together do
 * not stay together. Resolves when the last work has ended; `work` must not reject.
 */
export async function repeatedly(
  work: (signal: AbortSignal) => Promise<unknown>,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await wait(Math.ceil(everyMs * (0.75 + Math.random() / 2)), signal);
    if (signal.aborted) return;
    await work(signal);
  }
}
