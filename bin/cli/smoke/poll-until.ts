import { wait } from '../../../lib/timing/wait';

/** Polls until `read` returns something else than `undefined`, or the time is over. */
export async function pollUntil<T>(
  read: () => Promise<T | undefined>,
  { timeoutMs, pollMs = 1_000 }: { readonly timeoutMs: number; readonly pollMs?: number },
): Promise<T | undefined> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await read();
    if (found !== undefined || Date.now() > end) return found;
    await wait(pollMs);
  }
}
