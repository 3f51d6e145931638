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
