import { itemStateOf } from '../event/item-state';
import { isOwnPartition } from '../event/key';
import { shownPosition } from '../event/position';
import { isSignalKey } from '../event/signal';
import type { Item } from './dynamodb/value';

/** The outbox items that are not published. */
export interface ItemsLeft {
  /** Items that only need a run of the relay. */
  readonly pending: number;
  /** Items behind a parked item of their key. */
  readonly waiting: number;
  readonly parked: readonly string[];
}

export function itemsLeft(items: readonly Item[]): ItemsLeft {
  const open = items
    .map((item) => ({ pk: item['pk']?.S ?? '', sk: item['sk']?.S ?? '', ...itemStateOf(item) }))
    .filter(({ pk, sk }) => !isOwnPartition(pk) && !isSignalKey(sk));
  const parked = open.filter(({ state }) => state === 'parked');
  const heldFrom = new Map<string, string>();
  for (const { pk, sk } of parked) {
    const known = heldFrom.get(pk);
    if (known === undefined || sk < known) heldFrom.set(pk, sk);
  }
  const unsent = open.filter(({ state }) => state === 'pending');
  const waiting = unsent.filter(({ pk, sk }) => sk > (heldFrom.get(pk) ?? '~'));
  return {
    pending: unsent.length - waiting.length,
    waiting: waiting.length,
    parked: parked.map(
      ({ pk, sk, parked: why }) => `${pk} at ${shownPosition(sk)}: ${why?.reason ?? ''}, ${why?.message ?? ''}`,
    ),
  };
}
