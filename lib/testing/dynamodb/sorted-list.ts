/** An insertion moves at most this many elements. */
const MAX_CHUNK = 512;

/** Compares two keys as `Array.sort` does. */
export type Compare<K> = (a: K, b: K) => number;

/**
 * Elements in the order of their keys, each key once. Millions of elements cost little: a search compares some twenty
 * keys, and an element that comes last is appended.
 */
export class SortedList<K, T> {
  readonly #keyOf: (element: T) => K;
  readonly #compare: Compare<K>;
  /** None of them is empty, except the only one. */
  readonly #chunks: T[][] = [[]];

  constructor(keyOf: (element: T) => K, compare: Compare<K>) {
    this.#keyOf = keyOf;
    this.#compare = compare;
  }

  get isEmpty(): boolean {
    return this.#chunks[0]?.length === 0;
  }

  get(key: K): T | undefined {
    const [chunk, at] = this.#find(key);
    const found = this.#chunks[chunk]?.[at];
    return found !== undefined && this.#compare(this.#keyOf(found), key) === 0 ? found : undefined;
  }

  /** Adds the element, in place of the one with its key. */
  set(element: T): void {
    const key = this.#keyOf(element);
    const [index, at] = this.#find(key);
    const chunk = this.#chunks[index] ?? [];
    const found = chunk[at];
    if (found !== undefined && this.#compare(this.#keyOf(found), key) === 0) chunk[at] = element;
    else if (at === chunk.length) this.#append(chunk, element);
    else this.#insert(index, at, element);
  }

  delete(key: K): void {
    const [index, at] = this.#find(key);
    const chunk = this.#chunks[index] ?? [];
    const found = chunk[at];
    if (found === undefined || this.#compare(this.#keyOf(found), key) !== 0) return;
    chunk.splice(at, 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(index, 1);
  }

  /** From the first element whose key is not below `from`, or else from the first one. */
  *ascending(from?: K): Generator<T, void, undefined> {
    let [index, at] = from === undefined ? [0, 0] : this.#find(from);
    for (; index < this.#chunks.length; index++, at = 0) {
      const chunk = this.#chunks[index] ?? [];
      for (; at < chunk.length; at++) yield chunk[at] as T;
    }
  }

  /** From the last element whose key is not above `from`, or else from the last one. */
  *descending(from?: K): Generator<T, void, undefined> {
    const last = this.#chunks.length - 1;
    let [index, at] = from === undefined ? [last, (this.#chunks[last] ?? []).length] : this.#find(from);
    const found = this.#chunks[index]?.[at];
    if (from !== undefined && found !== undefined && this.#compare(this.#keyOf(found), from) === 0) at++;
    for (;;) {
      const chunk = this.#chunks[index] ?? [];
      while (at > 0) yield chunk[--at] as T;
      if (index === 0) return;
      at = (this.#chunks[--index] ?? []).length;
    }
  }

  /** The place of the first element whose key is not below `key`; the end of the last chunk if there is none. */
  #find(key: K): [chunk: number, at: number] {
    const last = this.#chunks.length - 1;
    const index = firstIndex(last, (chunk) => !this.#isBelow(this.#chunks[chunk]?.at(-1), key));
    const chunk = this.#chunks[index] ?? [];
    if (index === last && this.#isBelow(chunk.at(-1), key)) return [last, chunk.length];
    return [index, firstIndex(chunk.length, (at) => !this.#isBelow(chunk[at], key))];
  }

  #isBelow(element: T | undefined, key: K): boolean {
    return element !== undefined && this.#compare(this.#keyOf(element), key) < 0;
  }

  /** Elements that arrive in order fill each chunk. */
  #append(last: T[], element: T): void {
    if (last.length < MAX_CHUNK) last.push(element);
    else this.#chunks.push([element]);
  }

  #insert(index: number, at: number, element: T): void {
    const chunk = this.#chunks[index] ?? [];
    chunk.splice(at, 0, element);
    if (chunk.length > MAX_CHUNK) this.#chunks.splice(index + 1, 0, chunk.splice(MAX_CHUNK / 2));
  }
}

/** The first index below `end` that passes; `end` if none does. Every index above one that passes must pass. */
export function firstIndex(end: number, passes: (index: number) => boolean): number {
  let [low, high] = [0, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
