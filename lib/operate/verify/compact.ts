import { hash } from 'node:crypto';

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

export const columns = <Name extends string>(kinds: Readonly<Record<Name, Kind>>): Readonly<Record<Name, Column>> =>
  Object.fromEntries(Object.entries<Kind>(kinds).map(([name, kind]) => [name, new Column(kind)])) as Readonly<
    Record<Name, Column>
  >;

const WORDS = 4;
const FIRST_SLOTS = 64;
const MAX_LOAD = 0.6;

/**
 * Numbers texts from 0 on, and recognizes them by 128 bits of their SHA-256. Each takes 24 bytes, however long it is.
 * The chance that two of a billion texts collide is less than one in 10^20.
 */
export class DigestIndex {
  readonly #digests = new Column('uint32');
  /** Open addressing: the number of a text plus 1, or 0. */
  #slots = new Uint32Array(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns the number of a text: a new one if the text was not added before. */
  add(text: string): number {
    const digest = digestOf(text);
    const slot = this.#slotOf(digest);
    const known = this.#slots[slot] ?? 0;
    if (known > 0) return known - 1;
    const number = this.#size++;
    for (let word = 0; word < WORDS; word++) this.#digests.set(number * WORDS + word, digest.readUInt32LE(word * 4));
    this.#slots[slot] = number + 1;
    if (this.#size > MAX_LOAD * this.#slots.length) this.#grow();
    return number;
  }

  find(text: string): number | undefined {
    const known = this.#slots[this.#slotOf(digestOf(text))] ?? 0;
    return known === 0 ? undefined : known - 1;
  }

  /** The slot that has the digest, or is free for it. */
  #slotOf(digest: Buffer): number {
    for (let slot = digest.readUInt32LE(0) % this.#slots.length; ; slot = (slot + 1) % this.#slots.length) {
      const known = this.#slots[slot] ?? 0;
      if (known === 0 || this.#isAt(known - 1, digest)) return slot;
    }
  }

  #isAt(number: number, digest: Buffer): boolean {
    for (let word = 0; word < WORDS; word++) {
      if (this.#digests.get(number * WORDS + word) !== digest.readUInt32LE(word * 4)) return false;
    }
    return true;
  }

  #grow(): void {
    const slots = new Uint32Array(2 * this.#slots.length);
    for (let number = 0; number < this.#size; number++) {
      let slot = this.#digests.get(number * WORDS) % slots.length;
      while (slots[slot] !== 0) slot = (slot + 1) % slots.length;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');

const CHUNK_BYTES = 2 ** 20;
const FIRST_CHUNK_BYTES = 2 ** 10;
const LENGTH_BYTES = 4;

/** Keeps texts outside of the heap. */
export class TextStore {
  readonly #chunks: Buffer[] = [];
  #used = 0;

  /** Returns the reference by which `get` finds it. */
  add(text: string): number {
    const bytes = LENGTH_BYTES + Buffer.byteLength(text);
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#used + bytes > chunk.length) {
      const size = Math.min(CHUNK_BYTES, FIRST_CHUNK_BYTES * 2 ** this.#chunks.length);
      // A text that is longer than a chunk gets a chunk of its own.
      this.#chunks.push((chunk = Buffer.allocUnsafeSlow(Math.max(size, bytes))));
      this.#used = 0;
    }
    const at = this.#used;
    chunk.writeUInt32LE(bytes - LENGTH_BYTES, at);
    chunk.write(text, at + LENGTH_BYTES);
    this.#used += bytes;
    return (this.#chunks.length - 1) * CHUNK_BYTES + at;
  }

  get(reference: number): string {
    const chunk = this.#chunks[Math.floor(reference / CHUNK_BYTES)];
    if (chunk === undefined) return '';
    const from = (reference % CHUNK_BYTES) + LENGTH_BYTES;
    return chunk.toString('utf8', from, from + chunk.readUInt32LE(from - LENGTH_BYTES));
  }
}
