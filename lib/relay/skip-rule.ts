import type { Control, Hold } from '../event/control';
import { isOpen } from '../event/item-state';
import { positionKey } from '../event/position';
import type { Receipt } from '../event/receipt';
import { holdOf, isSameItem, type BatchItem } from './batch-item';
import type { Invocation } from './invocation';
import { KeyFailure } from './key-failure';
import type { MarkQueue } from './mark-queue';
import type { StoredState } from './ports';
import type { ProcessMemory } from './process-memory';

type SkipDecision =
  | { readonly kind: 'publish' }
  | { readonly kind: 'mark'; readonly receipts: readonly Receipt[] }
  /** Acknowledged and marked, or discarded. */
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly hold: Hold };

/**
 * Settles the items that need no publishing and returns the others, except those of blocked keys. Repeated each round,
 * because holds appear.
 *
 * The functions of this file are the only ones that skip an item. They skip it for two reasons: it is acknowledged or
 * discarded, as this process, a tombstone or the table shows; or it is at or after the position of a hold that was read
 * after its record arrived.
 */
export function settleSkippable(
  items: readonly BatchItem[],
  { control, memory, ports: { telemetry }, blocked }: Invocation,
  marks: MarkQueue,
): BatchItem[] {
  return items.filter((item) => {
    if (item.state !== 'open') return false;
    const decision = skipDecision(item, control, memory.acknowledged);
    if (decision.kind === 'publish') return !blocked.has(item.pk);
    item.state = 'settled';
    if (decision.kind === 'wait') telemetry.heldBack(item, decision.hold);
    else if (item.content.kind === 'item') {
      telemetry.duplicateSkipped(item.content.item);
      if (decision.kind === 'mark') marks.add([[item, item.content, decision.receipts]]);
    }
    return false;
  });
}

function skipDecision(
  item: BatchItem,
  { tombstones, holds }: Pick<Control, 'holds' | 'tombstones'>,
  acknowledged: ProcessMemory['acknowledged'],
): SkipDecision {
  if (tombstones.has(item.identity)) return { kind: 'done' };
  const known = acknowledged.get(item.identity);
  // Another sequence number means another insert: the item was written again under its old id.
  const isSameInsert = known?.sequence === undefined || known.sequence === item.sequence || item.isHead;
  if (known?.unmarked !== undefined && isSameInsert) return { kind: 'mark', receipts: known.unmarked };
  // A marked item that a drain finds open was written again too. An item that a drain published without its record is
  // looked up before this check.
  const isMarked = known !== undefined && known.unmarked === undefined;
  if (isMarked && known.sequence === item.sequence && !item.isHead) return { kind: 'done' };
  const hold = holdOf(item, holds);
  return hold === undefined ? { kind: 'publish' } : { kind: 'wait', hold };
}

/**
 * Settles an item if the read of its position proves that it needs no publishing: it is processed or discarded under
 * the same id, or gone. The strongly consistent read follows the insert, and an open item never expires, so an absent
 * item was published and deleted, or deleted by an operator. Another item at its position proves nothing.
 */
export function settleIfDone(item: BatchItem, stored: StoredState | undefined, invocation: Invocation): boolean {
  const isDone = isDoneIn(item, stored);
  if (isDone) settleDone(item, invocation, stored === undefined);
  return isDone;
}

function isDoneIn(item: BatchItem, stored: StoredState | undefined): boolean {
  if (stored === undefined) return true;
  if (stored.state !== 'processed' && stored.state !== 'discarded') return false;
  return item.content.kind === 'undecodable' || isSameItem(item, stored);
}

/**
 * Settles an item that is no longer open.
 *
 * @param isAbsent - the table may not have the item, which is no proof that it was published
 */
export function settleDone(item: BatchItem, { memory, ports }: Invocation, isAbsent: boolean): void {
  item.state = 'settled';
  memory.acknowledged.set(item.identity, { sequence: item.sequence, isAbsent });
  if (item.content.kind === 'item') ports.telemetry.duplicateSkipped(item.content.item);
}

/**
 * Handles an item that could not be held: it was published or discarded meanwhile, or deleted by hand after another
 * process parked it. In the last case the next drain decides. The relay must not pass the item before that is known.
 */
export async function settleGone(item: BatchItem, invocation: Invocation): Promise<void> {
  const { pk, sk, isHead } = item;
  const stored = isHead ? (await invocation.ports.keys.lookUp([{ pk, sk }])).get(positionKey(pk, sk)) : undefined;
  if (!isHead || (stored !== undefined && !isOpen(stored.state))) {
    item.state = 'settled';
    return;
  }
  const message = `The item of "${pk}" at "${sk}" was deleted or replaced while it was refused.`;
  invocation.failKey(pk, { message, cause: new KeyFailure(message) });
}
