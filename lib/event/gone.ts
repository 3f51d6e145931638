import type { AwaitedItem, Hold } from './control';
import type { Image } from './item';
import { shownPosition } from './position';

/** Sorts before every position. */
export const FIRST_POSITION = ' ';

/** Whether an image at the position of a hold is the item that the key waits for. */
export const isHeldItem = ({ id }: AwaitedItem, image: Image | undefined): boolean =>
  image !== undefined && (id === undefined || image['id']?.S === id);

/**
 * Whether the key must not be released without its item. A hold for a partition is released by the relay, and one that a
 * drain has left behind without the name of an item may be left after all was published: unless its item was refused.
 */
export const isRefused = ({ awaits, attempts, id, reason }: Hold): boolean =>
  attempts > 0 || (awaits === undefined && (id !== undefined || reason !== 'drain-unfinished'));

/** Why a key stays held whose item was deleted. */
export const goneMessage = ({ position, id }: AwaitedItem): string =>
  `The item at ${shownPosition(position)} is gone${id === undefined ? '' : ` (event ${id})`}: it was deleted, and nothing shows that it was published. Restore it, or record the gap.`;
