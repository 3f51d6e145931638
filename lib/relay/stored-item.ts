import type { Image } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { parseReceipts } from '../event/receipt';
import type { StoredItem, StoredState } from './ports';
import { decodeStored } from './record';

/** The part of an item that a lookup has read. */
export function storedStateOf(image: Image): StoredState {
  const { state, receipts } = itemStateOf(image);
  const noted = isOpen(state) ? parseReceipts(receipts) : [];
  return {
    state,
    id: image['id']?.S,
    region: image['region']?.S,
    ...(noted.length === 0 ? {} : { receipts: noted }),
  };
}

/** An item that was read as a whole. */
export function storedItemOf(image: Image): StoredItem {
  const { parked } = itemStateOf(image);
  return {
    ...storedStateOf(image),
    pk: image['pk']?.S ?? '',
    sk: image['sk']?.S ?? '',
    content: decodeStored(image),
    refusals: { attempts: parked?.attempts ?? 0, since: parked?.since },
  };
}
