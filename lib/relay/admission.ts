import type { Control, Hold } from '../event/control';
import type { Receipt } from '../event/receipt';
import type { Acknowledged } from './acknowledged';
import { holdOf, type Entry } from './entry';

export type Admission =
  | { readonly kind: 'publish' }
  | { readonly kind: 'mark'; readonly receipts: readonly Receipt[] }
  /** Acknowledged and marked, or discarded. */
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly hold: Hold };

/**
 * The one rule of what may be skipped: an item that is acknowledged, or discarded, or at or after the position of a
 * hold that was read after its record arrived. Everything else is published.
 *
 * A late record, a doubtful stream and strict order would be decided here as well: they put a drain before `publish`.
 */
export function admit(
  entry: Entry,
  control: Pick<Control, 'holds' | 'tombstones'>,
  acknowledged: Pick<Acknowledged, 'get'>,
): Admission {
  if (entry.content.kind === 'item') {
    const { item, identity } = entry.content;
    if (control.tombstones.has(item.id)) return { kind: 'done' };
    const known = acknowledged.get(identity);
    if (known !== undefined) {
      return known.kind === 'marked' ? { kind: 'done' } : { kind: 'mark', receipts: known.receipts };
    }
  }
  const hold = holdOf(entry, control.holds);
  return hold === undefined ? { kind: 'publish' } : { kind: 'wait', hold };
}
