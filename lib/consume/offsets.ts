/** The messages of a partition in progress. An offset may be committed only if every earlier message is finished. */
export class OffsetTracker {
  /** In the order of the partition. Offsets may have holes: compaction and transactions leave them. */
  #entries: { readonly offset: bigint; finished: boolean }[] = [];
  #byOffset = new Map<bigint, { finished: boolean }>();
  #next: bigint | undefined;
  #unfinished = 0;

  /** A second call for the same offset changes nothing. */
  begin(offset: bigint): void {
    if (this.#byOffset.has(offset)) return;
    const entry = { offset, finished: false };
    this.#entries.push(entry);
    this.#byOffset.set(offset, entry);
    this.#unfinished++;
  }

  finish(offset: bigint): void {
    const entry = this.#byOffset.get(offset);
    if (entry === undefined || entry.finished) return;
    entry.finished = true;
    this.#unfinished--;
    const lowest = this.#entries.findIndex(({ finished }) => !finished);
    const done = this.#entries.splice(0, lowest === -1 ? this.#entries.length : lowest);
    for (const { offset: passed } of done) this.#byOffset.delete(passed);
    const last = done.at(-1);
    if (last !== undefined) this.#next = last.offset + 1n;
  }

  /** The offset to commit: that of the next message to read. `undefined` while the first message is unfinished. */
  get committable(): bigint | undefined {
    return this.#next;
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  /** How many messages are kept, with finished ones behind an unfinished one: so many may be delivered again. */
  get kept(): number {
    return this.#entries.length;
  }

  get lowestUnfinished(): bigint | undefined {
    return this.#entries[0]?.offset;
  }
}
