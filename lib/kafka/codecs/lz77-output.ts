/** No batch is larger: brokers take some megabytes, and what expands to more was made to fill the memory. */
export const MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

/** The bytes that a block of LZ4 or Snappy expands to: literals, and repetitions of what was written before. */
export class Lz77Output {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** @throws RangeError when the input ends before. */
  literal(input: Buffer, from: number, count: number): void {
    if (from + count > input.length) throw new RangeError('the compressed data end too early');
    this.#reserve(count);
    input.copy(this.#bytes, this.#length, from, from + count);
    this.#length += count;
  }

  /** @throws RangeError when nothing was written at that distance. */
  repeat(distance: number, count: number): void {
    const from = this.#length - distance;
    if (distance < 1 || from < 0) throw new RangeError('the compressed data repeat what is not there');
    this.#reserve(count);
    if (distance >= count) this.#bytes.copyWithin(this.#length, from, from + count);
    // The repetition contains its own beginning, so that it has to be copied byte by byte.
    else for (let at = 0; at < count; at++) this.#bytes[this.#length + at] = this.#bytes[from + at] ?? 0;
    this.#length += count;
  }

  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.length) return;
    if (wanted > MAX_DECOMPRESSED_BYTES) {
      throw new RangeError(`the compressed data expand to more than ${MAX_DECOMPRESSED_BYTES} bytes`);
    }
    const bytes = Buffer.allocUnsafe(Math.min(MAX_DECOMPRESSED_BYTES, Math.max(wanted, 2 * this.#bytes.length)));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}
