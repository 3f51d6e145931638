import { GenerationalCache } from '../event/generational-cache';
import type { InboxRow } from './ports';
import { inboxKeyText, type InboxKey } from './inbox-keys';

/** The cache keeps up to twice as many rows. */
const GENERATION = 10_000;

/**
 * The rows that this process has read or written last. An outdated row does no harm: writes that depend on it are
 * conditional on its revision.
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
