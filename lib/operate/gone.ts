import { type Hold, type ItemRefusal, isHeldItem, isRefused, refusalOf } from '../event/control';
import type { Image } from '../event/item';
import { queryPages } from '../relay/dynamodb/pages';
import { mapKeys } from './map-keys';
import { shownPosition } from '../event/position';
import { shellArgument } from './shell-command';
import { type OutboxTarget, readItem } from './target';

/** The item that a key waits for is not in the table. */
export interface GoneItem {
  readonly pk: string;
  readonly position: string;
  /** Id of the item. The hold of an older relay does not name it. */
  readonly id?: string;
  /** Another item lies at the position. */
  readonly isReplaced: boolean;
  /** Why it was parked: a restored item is refused again unless the cause is fixed. */
  readonly refusal?: ItemRefusal;
}

/**
 * Returns the holds whose item was deleted, by partition key: the position is empty or has another item, and the event
 * is at no other position of the key. Strongly consistent; reads only, at least one request for each hold.
 *
 * A hold that is being drained is left out: only the relay can tell whether its item was published a moment ago.
 */
export async function goneItems(target: OutboxTarget, holds: Iterable<Hold>): Promise<ReadonlyMap<string, GoneItem>> {
  const found = await mapKeys([...holds].filter(mayBeGone), async (hold) =>
    goneItemOf(target, hold, await readItem(target, { pk: hold.pk, sk: hold.position })),
  );
  return new Map(found.flatMap((gone) => (gone === undefined ? [] : [[gone.pk, gone]])));
}

const mayBeGone = (hold: Hold): boolean => hold.state === 'holding' && isRefused(hold);

/** The same for one hold; `stored` is the item at its position. */
export async function goneItemOf(
  target: OutboxTarget,
  hold: Hold,
  stored: Image | undefined,
): Promise<GoneItem | undefined> {
  const { pk, position, id } = hold;
  if (!mayBeGone(hold) || isHeldItem(hold, stored && { id: stored['id']?.S })) return undefined;
  if (id !== undefined && (await liesElsewhere(target, pk, id))) return undefined;
  return { pk, position, id, isReplaced: stored !== undefined, refusal: refusalOf(hold) };
}

/** An operator may have moved the item to another position. */
async function liesElsewhere(target: OutboxTarget, pk: string, id: string): Promise<boolean> {
  const pages = queryPages(target, {
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk',
    FilterExpression: 'id = :id',
    ProjectionExpression: 'sk',
    ExpressionAttributeValues: { ':pk': { S: pk }, ':id': { S: id } },
  });
  for await (const { items } of pages) if (items.length > 0) return true;
  return false;
}

/** The missing item, and the next step: the owner of the data decides between a restore and a recorded gap. */
export function goneLines({ pk, position, isReplaced, refusal }: GoneItem): readonly [what: string, next: string] {
  const at = shownPosition(position);
  // The key is always quoted, so that it stands out as one word in the sentence.
  const key = shellArgument(pk) === pk ? `"${pk}"` : shellArgument(pk);
  const gap = `outbox skip ${key} --at ${at} --why "…" --yes`;
  const cause = refusal === undefined ? '' : `. It was refused before: ${refusal.reason}: ${refusal.message}`;
  return isReplaced
    ? [
        `the item at ${at} is gone, and another item has its position: the event of the first one would be lost${cause}`,
        `compare both with outbox show ${key}; ask the owner of the data, then record the gap: ${gap}`,
      ]
    : [
        `the item at ${at} is gone: its event would be lost${cause}`,
        `ask the owner of the data whether the event is still wanted. If so, restore it: outbox restore ${key} ${at} --from FILE --yes. If not, or if no copy is left, record the gap: ${gap}`,
      ];
}
