import { setTimeout as sleep } from 'node:timers/promises';
import { LocalStackError } from './errors';

const POLL_MS = 50;

/**
 * Resolves with the first answer of `probe` that is not `undefined`; what `probe` throws means "not yet".
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
      const answer = await probe();
      if (answer !== undefined) return answer;
    } catch (error) {
      // An `not-ready` from within is final: the server has ended and will never answer.
      if (error instanceof LocalStackError) throw error;
      cause = error;
    }
    await sleep(POLL_MS);
  } while (performance.now() < deadline);
  throw new LocalStackError('not-ready', `${what} did not come within ${timeoutMs / 1000} s.`, { cause });
}
