const ARRAYS = { uint8: Uint8Array, uint32: Uint32Array, float64: Float64Array };

type Kind = keyof typeof ARRAYS;
type Numbers = InstanceType<(typeof ARRAYS)[Kind]>;

const CHUNK_BITS = 16;
const CHUNK = 2 ** CHUNK_BITS;
const FIRST = 64;

/**
 * Numbers by a dense index, outside of the heap: a million JavaScript objects would take ten times the memory. Growth
 * copies at most the first chunk. An index is below 2^32; one that was never set is 0.
 */
export class Column {
  readonly #chunks: Numbers[] = [];
  readonly #kind: Kind;

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  get(index: number): number {
    return this.#chunks[index >>> CHUNK_BITS]?.[index & (CHUNK - 1)] ?? 0;
  }

  set(index: number, value: number): void {
    const within = index & (CHUNK - 1);
    this.#chunkWith(index >>> CHUNK_BITS, within)[within] = value;
  }

  /** Returns the new value. */
  add(index: number, difference: number): number {
    const value = this.get(index) + difference;
    this.set(index, value);
    return value;
  }

  /** Only the first chunk grows: most comparisons are small, and have many columns. */
  #chunkWith(number: number, index: number): Numbers {
    const chunk = this.#chunks[number];
    if (chunk !== undefined && index < chunk.length) return chunk;
    while (this.#chunks.length < number) this.#chunkWith(this.#chunks.length, CHUNK - 1);
    const length = number > 0 ? CHUNK : Math.min(CHUNK, Math.max(FIRST, 2 ** Math.ceil(Math.log2(index + 1))));
    const grown = new ARRAYS[this.#kind](length);
    if (chunk !== undefined) grown.set(chunk);
    return (this.#chunks[number] = grown);
  }
}

/** The columns of a table, by their names. */
export const columns = <Name extends string>(kinds: Readonly<Record<Name, Kind>>): Readonly<Record<Name, Column>> =>
  Object.fromEntries(Object.entries<Kind>(kinds).map(([name, kind]) => [name, new Column(kind)])) as Readonly<
    Record<Name, Column>
  >;
