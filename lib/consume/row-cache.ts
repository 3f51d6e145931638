import { GenerationalCache } from '../event/generational-cache';
import type { InboxRow } from './ports';
import { inboxKeyText, type InboxKey } from './inbox-keys';

/** Up to twice as many rows are kept. */
const GENERATION = 10_000;

/**
 * The rows that this process has read or written last. A row that has changed meanwhile does no harm: what is decided on
 * it is conditional on its revision.
 */
export class RowCache {
  readonly #rows = new GenerationalCache<InboxRow>(GENERATION);

  get(key: InboxKey): InboxRow | undefined {
    return this.#rows.get(inboxKeyText(key));
  }

  set(key: InboxKey, row: InboxRow): void {
    this.#rows.set(inboxKeyText(key), row);
  }

  forget(key: InboxKey): void {
    this.#rows.delete(inboxKeyText(key));
  }
}
