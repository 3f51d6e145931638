import { setTimeout as sleep } from 'node:timers/promises';
import { LocalStackError } from './errors';

const POLL_MS = 50;

/**
 * Resolves with the first result of `probe` that is not `undefined`. If `probe` throws, that means "not yet"; a
 * LocalStackError is passed on.
 *
 * @throws LocalStackError `not-ready` after `timeoutMs`, with the last error as its cause.
 */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const result = await probe();
      if (result !== undefined) return result;
    } catch (error) {
      // A LocalStackError from within is final: the server has ended, for example, and will never respond.
      if (error instanceof LocalStackError) throw error;
      cause = error;
    }
    await sleep(POLL_MS);
  } while (performance.now() < deadline);
  throw new LocalStackError('not-ready', `${what} did not come within ${timeoutMs / 1000} s.`, { cause });
}
