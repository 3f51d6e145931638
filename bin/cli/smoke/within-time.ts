/** Returns the result of `work`, or rejects after so many milliseconds. A later result is ignored. */
export async function withinTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it was not done within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until `look` returns something else than `undefined`, or the time is over. */
export async function pollUntil<T>(
  look: () => Promise<T | undefined>,
  { timeoutMs, pollMs = 1_000 }: { readonly timeoutMs: number; readonly pollMs?: number },
): Promise<T | undefined> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
