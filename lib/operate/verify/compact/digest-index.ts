import { hash } from 'node:crypto';
import { Column } from './column';

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
