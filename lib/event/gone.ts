import { ITEM_GONE, othersBehind, PARK_REASONS, type AwaitedItem, type Hold, type ItemRefusal } from './control';
import { shownPosition } from './position';

/** Whether the item at the position of a hold is the one that the key waits for. */
export const isHeldItem = ({ id }: AwaitedItem, stored: { readonly id?: string } | undefined): boolean =>
  stored !== undefined && (id === undefined || stored.id === id);

/**
 * Whether the key must not be released without its item. Unless the item was refused, two holds may be released without
 * it: one for a partition, and one of an unfinished drain that names no item.
 */
export const isRefused = ({ awaits, attempts, id, reason }: Hold): boolean =>
  attempts > 0 || (awaits === undefined && (id !== undefined || reason !== 'drain-unfinished'));

/** Why the awaited item of the key was refused, as far as its hold states it. */
export function refusalOf({ reason, message, refused }: Hold): ItemRefusal | undefined {
  const parkReason = PARK_REASONS.find((each) => each === reason);
  return parkReason === undefined ? refused : { reason: parkReason, message };
}

/** The hold of a key whose item was deleted. `known`: the hold with which a drain has begun. */
export const holdForGone = (known: Hold, item: AwaitedItem, message: string, revision: string): Hold => {
  const { pk, attempts, since, position } = known;
  const refused = item.position === position ? refusalOf(known) : undefined;
  return {
    ...{ pk, position: item.position, id: item.id, ...othersBehind(item.position, known) },
    ...{ state: 'holding', reason: ITEM_GONE, message, attempts, since, revision },
    ...(refused === undefined ? {} : { refused }),
  };
};

/** Why a key whose item was deleted stays held. */
export const goneMessage = ({ position, id }: AwaitedItem): string =>
  `The item at ${shownPosition(position)} is gone${id === undefined ? '' : ` (event ${id})`}: it was deleted, and nothing shows that it was published. Restore it, or record the gap.`;
