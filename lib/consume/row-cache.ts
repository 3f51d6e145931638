import type { InboxRow } from './ports';
import { inboxKeyText as nameOf, type InboxKey } from './inbox-keys';

const MAX_ROWS = 20_000;

/**
 * The rows that this process has read or written last. A row that has changed meanwhile does no harm: what is decided on
 * it is conditional on its revision.
 */
export class RowCache {
  /** In the order of their last use. */
  readonly #rows = new Map<string, InboxRow>();

  get(key: InboxKey): InboxRow | undefined {
    const name = nameOf(key);
    const row = this.#rows.get(name);
    if (row === undefined) return undefined;
    this.#rows.delete(name);
    this.#rows.set(name, row);
    return row;
  }

  set(key: InboxKey, row: InboxRow): void {
    this.#rows.delete(nameOf(key));
    this.#rows.set(nameOf(key), row);
    if (this.#rows.size <= MAX_ROWS) return;
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest);
      return;
    }
  }

  forget(key: InboxKey): void {
    this.#rows.delete(nameOf(key));
  }
}
