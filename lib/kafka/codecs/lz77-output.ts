/** No genuine batch is larger: brokers accept a few megabytes. A larger expansion is an attack on the memory. */
export const MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

/** Output of an LZ4 or Snappy block: literals, and matches that repeat earlier output. */
export class Lz77Output {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** @throws RangeError if the input ends too early. */
  literal(input: Buffer, from: number, count: number): void {
    if (from + count > input.length) throw new RangeError('the compressed data end too early');
    this.#reserve(count);
    input.copy(this.#bytes, this.#length, from, from + count);
    this.#length += count;
  }

  /** @throws RangeError if no output exists at that distance. */
  repeat(distance: number, count: number): void {
    const from = this.#length - distance;
    if (distance < 1 || from < 0) throw new RangeError('the compressed data repeat what is not there');
    this.#reserve(count);
    if (distance >= count) this.#bytes.copyWithin(this.#length, from, from + count);
    // The match overlaps its own output, so it must be copied byte by byte.
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
