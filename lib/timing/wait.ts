/** Waits so many milliseconds. Injected where tests must not wait in real time. */
export type Sleep = (ms: number) => Promise<void>;

/** Waits; ends early when the signal is aborted. Never rejects. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

/** Waits until the work has ended or the time is up. The work may go on after that. Rejects if the work does before. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, wait(Math.max(0, ms), done.signal)]);
  } finally {
    done.abort();
  }
}

/**
 * Repeats the work until the signal is aborted, on average every `everyMs`. The interval is random, so that instances
 * that were started together drift apart. Resolves when the last work has ended; `work` must not reject.
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
