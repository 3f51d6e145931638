import type { Control, Hold } from '../event/control';
import type { Receipt } from '../event/receipt';
import type { Acknowledged } from './acknowledged';
import { holdOf, type BatchItem } from './batch-item';

export type SkipDecision =
  | { readonly kind: 'publish' }
  | { readonly kind: 'mark'; readonly receipts: readonly Receipt[] }
  /** Acknowledged and marked, or discarded. */
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly hold: Hold };

/**
 * The only rule that skips an item: it is acknowledged, or discarded, or at or after the position of a hold that was
 * read after its record arrived. Every other item is published. Acknowledged means known to this process; triage.ts
 * settles items that the table shows as processed.
 */
export function skipDecision(
  entry: BatchItem,
  control: Pick<Control, 'holds' | 'tombstones'>,
  acknowledged: Pick<Acknowledged, 'get'>,
): SkipDecision {
  if (control.tombstones.has(entry.identity)) return { kind: 'done' };
  const known = acknowledged.get(entry.identity);
  // Another sequence number means another insert: the item was written again under its old id.
  const isSameInsert = known?.sequence === undefined || known.sequence === entry.sequence || entry.isHead;
  if (known?.kind === 'unmarked' && isSameInsert) return { kind: 'mark', receipts: known.receipts };
  // The same applies to a marked item that a drain finds open. An item that a drain published without its record is
  // looked up before this check.
  if (known?.kind === 'marked' && known.sequence === entry.sequence && !entry.isHead) return { kind: 'done' };
  const hold = holdOf(entry, control.holds);
  return hold === undefined ? { kind: 'publish' } : { kind: 'wait', hold };
}
