/** Number of keys that are read and drained at once. Their DynamoDB calls overlap, their publishing takes turns. */
const KEYS_AT_ONCE = 16;

/** Runs `work` for each key, several at once. Rejects if one run rejects, after the other runs have ended. */
export async function forEachKey<T>(keys: readonly T[], work: (key: T) => Promise<void>): Promise<void> {
  const waiting = keys.values();
  const lane = async (): Promise<void> => {
    for (const key of waiting) await work(key);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(KEYS_AT_ONCE, keys.length) }, lane));
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
}
