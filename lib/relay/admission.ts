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
 */
export function admit(
  entry: Entry,
  control: Pick<Control, 'holds' | 'tombstones'>,
  acknowledged: Pick<Acknowledged, 'get'>,
): Admission {
  if (control.tombstones.has(entry.identity)) return { kind: 'done' };
  const known = acknowledged.get(entry.identity);
  if (known?.kind === 'unmarked') return { kind: 'mark', receipts: known.receipts };
  // What was marked and is open where a drain reads it has been written again since, under its old name.
  if (known !== undefined && !entry.isHead) return { kind: 'done' };
  const hold = holdOf(entry, control.holds);
  return hold === undefined ? { kind: 'publish' } : { kind: 'wait', hold };
}
