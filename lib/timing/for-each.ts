/** Runs `work` for each item, at most `limit` at once. Rejects if one run rejects, after the other runs have ended. */
export async function forEachOf<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  const workers = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  for (const ended of workers) if (ended.status === 'rejected') throw ended.reason;
}

/** Number of keys that are read and drained at once. Their DynamoDB calls overlap, and they share their sends. */
const KEYS_AT_ONCE = 16;

/** Runs `work` for each key, several at once. Rejects if one run rejects, after the other runs have ended. */
export const forEachKey = <T>(keys: readonly T[], work: (key: T) => Promise<void>): Promise<void> =>
  forEachOf(keys, KEYS_AT_ONCE, work);
