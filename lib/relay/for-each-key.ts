import { forEachOf } from '../timing/for-each';

/** Number of keys that are read and drained at once. Their DynamoDB calls overlap, their publishing takes turns. */
const KEYS_AT_ONCE = 16;

/** Runs `work` for each key, several at once. Rejects if one run rejects, after the other runs have ended. */
export const forEachKey = <T>(keys: readonly T[], work: (key: T) => Promise<void>): Promise<void> =>
  forEachOf(keys, KEYS_AT_ONCE, work);

/** The results of `work` for each key, in the order of the keys. */
export async function mapKeys<T, R>(keys: readonly T[], work: (key: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  await forEachKey([...keys.entries()], async ([at, key]) => {
    results[at] = await work(key);
  });
  return results;
}
