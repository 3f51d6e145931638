import { forEachKey } from '../timing/for-each';

/** The results of `work` for each key, in the order of the keys; several at once. */
export async function mapKeys<T, R>(keys: readonly T[], work: (key: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  await forEachKey([...keys.entries()], async ([at, key]) => {
    results[at] = await work(key);
  });
  return results;
}

const PORTION = 100;

/** The same for a long list, of which `onPortion` shows a hundred results at a time. */
export async function mapInPortions<T, R>(
  keys: readonly T[],
  work: (key: T) => Promise<R>,
  onPortion?: (results: readonly R[]) => void,
): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < keys.length; at += PORTION) {
    const portion = await mapKeys(keys.slice(at, at + PORTION), work);
    onPortion?.(portion);
    results.push(...portion);
  }
  return results;
}
