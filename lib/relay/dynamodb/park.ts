import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { othersBehind, type Hold, PARTITION_UNAVAILABLE } from '../../event/control';
import type { ItemRef } from '../../event/item';
import { IS_OPEN, type ParkedItem } from '../../event/item-state';
import { uuidV7 } from '../../event/uuid';
import type { ControlWriter } from './control-writer';
import { isFull } from '../../dynamodb/refusals';
import { putHold, readHold } from './control';
import type { OutboxTable } from './pages';
import { conditionalOn } from './item';
import { KeyFailure } from '../key-failure';
import type { Clock, ItemStore, ParkRequest, PartitionHoldRequest } from '../ports';

/** Attempts in case the hold is replaced meanwhile; one more in case the item is too large for the note. */
const ATTEMPTS = 7;
const MESSAGE_CHARACTERS = 500;

/**
 * Parks an item and holds its key in one transaction, or only holds the key. Both raise the control revision.
 *
 * If an item has no room for the `parked` attribute (400 KB, or a collection at 10 GB), its key is held without it.
 */
export function parkWriter(
  table: OutboxTable,
  writer: ControlWriter,
  clock: Clock,
): Pick<ItemStore, 'park' | 'holdForPartition'> {
  const { tableName } = table;
  /** Writes the hold together with one action on the item; returns `undefined` if the item is no longer owed. */
  const write = async (
    { pk, hold: begun }: Pick<ParkRequest, 'pk' | 'hold'>,
    nextHold: (known: Hold | undefined, now: number) => Hold,
    actionOn: (now: number, noteOnItem: boolean) => TransactWriteItem,
  ): Promise<Hold | undefined> => {
    let known = begun;
    let noteOnItem = true;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = clock.now();
      const hold = nextHold(known, now);
      const refusals = await writer.write([actionOn(now, noteOnItem), putHold(table, hold, known)]);
      if (refusals === undefined) return hold;
      const [item, replaced] = refusals;
      if (item === 'ConditionalCheckFailed') return undefined;
      if (replaced === 'ConditionalCheckFailed') known = await readHold(table, pk);
      else if (noteOnItem && isFull(item)) noteOnItem = false;
      else
        throw new KeyFailure(
          `The key "${pk}" could not be held: DynamoDB refused the item (${item ?? 'no reason'}) or the hold (${replaced ?? 'no reason'}).`,
        );
    }
    throw new KeyFailure(`The hold of "${pk}" was replaced ${ATTEMPTS} times between its read and its write.`);
  };

  return {
    async park(request) {
      const hold = await write(
        request,
        (known, now) => nextHold(request, known, now, parkedHold(request, known, now)),
        (now, noteOnItem) => (noteOnItem ? parkItem(tableName, request, now) : checkItem(tableName, request)),
      );
      return hold === undefined ? { kind: 'gone' } : { kind: 'parked', hold };
    },

    async holdForPartition(request) {
      const hold = await write(
        request,
        (known, now) => nextHold(request, known, now, partitionHold(request, known, now)),
        () => checkItem(tableName, request),
      );
      return hold === undefined ? { kind: 'gone' } : { kind: 'held', hold };
    },
  };
}

/** The cut may split a surrogate pair, and DynamoDB accepts well-formed text only. */
const cut = (message: string): string => message.slice(0, MESSAGE_CHARACTERS).toWellFormed();

/**
 * A key is held from its earliest parked position on, with the time of its first hold. A drain has settled all earlier
 * items, so its hold moves to the item that stopped it. A relay that was frozen in a drain has settled nothing for the
 * hold that its successor wrote.
 */
function nextHold(
  { pk, sk, id, isHead, drainedUnder }: Pick<ParkRequest, 'pk' | 'sk' | 'id' | 'isHead' | 'drainedUnder'>,
  known: Hold | undefined,
  now: number,
  why: Pick<Hold, 'reason' | 'message' | 'attempts' | 'since' | 'awaits'>,
): Hold {
  const revision = uuidV7(now);
  const isOwn = isHead && known?.revision === drainedUnder;
  if (known !== undefined && known.position <= sk && !isOwn) {
    return { ...known, revision, ...othersBehind(known.position, known, [{ position: sk, id }]) };
  }
  const others = othersBehind(sk, known);
  return { pk, position: sk, id, revision, state: 'holding', ...why, message: cut(why.message), ...others };
}

const parkedHold = ({ reason, message, attempts, since }: ParkRequest, known: Hold | undefined, now: number) => ({
  reason,
  message,
  attempts: attempts + 1,
  // Waiting for a partition is no refusal, and the breaker counts refusals by their time.
  since: (known?.awaits === undefined ? known?.since : undefined) ?? since ?? now,
});

const partitionHold = ({ sk, awaits, message }: PartitionHoldRequest, known: Hold | undefined, now: number) => ({
  reason: PARTITION_UNAVAILABLE,
  message,
  // Keeps the attempts of an item that was refused before: the key must still not pass that item if it is deleted.
  attempts: known?.position === sk ? known.attempts : 0,
  since: known?.since ?? now,
  awaits,
});

function parkItem(tableName: string, request: ParkRequest, now: number): TransactWriteItem {
  const condition = conditionalOn(tableName, request, IS_OPEN);
  const parked: ParkedItem = {
    reason: request.reason,
    message: cut(request.message),
    attempts: request.attempts + 1,
    since: request.since ?? now,
  };
  return {
    Update: {
      ...condition,
      // After the cause is fixed, the item gets as many attempts as a new one.
      UpdateExpression: 'SET parked = :parked REMOVE starts',
      ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ':parked': { M: marshall(parked) } },
    },
  };
}

/** Fails if the item is processed or discarded: a relay that was frozen meanwhile must not hold its key. */
const checkItem = (tableName: string, request: ItemRef): TransactWriteItem => ({
  ConditionCheck: conditionalOn(tableName, request, IS_OPEN),
});
