import type { AttributeValue, DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Hold } from '../../event/control';
import type { Parked } from '../../event/item-state';
import { uuidV7 } from '../../event/uuid';
import type { ControlWriter } from './control-writer';
import { isFull } from './full-item';
import { putHold, readHold } from './holds';
import type { Clock, ItemStore, Parking } from '../ports';

/** How often the hold may be replaced meanwhile; once more the item may turn out too large for the note. */
const ATTEMPTS = 7;
const MESSAGE_CHARACTERS = 500;

/**
 * Parks an item and holds its key in one transaction, which also raises the control partition's revision.
 *
 * An item that can not take the `parked` attribute (400 KB, or a collection at 10 GB) is held without it.
 */
export function parkingWriter(
  client: DynamoDBClient,
  tableName: string,
  writer: ControlWriter,
  clock: Clock,
): ItemStore['park'] {
  return async (parking) => {
    let known = parking.hold;
    let noteOnItem = true;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = clock.now();
      const hold = nextHold(parking, known, now);
      const refusals = await writer.write([
        noteOnItem ? parkItem(tableName, parking, now) : checkItem(tableName, parking),
        putHold(tableName, hold, known),
      ]);
      if (refusals === undefined) return { kind: 'parked', hold };
      const [item, replaced] = refusals;
      if (item === 'ConditionalCheckFailed') return { kind: 'gone' };
      if (replaced === 'ConditionalCheckFailed') known = await readHold(client, tableName, parking.pk);
      else if (noteOnItem && isFull(item)) noteOnItem = false;
      else throw new Error(`Parking was refused: item ${item ?? 'taken'}, hold ${replaced ?? 'taken'}.`);
    }
    throw new Error(`The hold of "${parking.pk}" was replaced ${ATTEMPTS} times between its read and its write.`);
  };
}

/** Cutting may halve a surrogate pair, and DynamoDB takes well-formed text only. */
const cut = (message: string): string => message.slice(0, MESSAGE_CHARACTERS).toWellFormed();

/**
 * A key is held from its earliest parked position on, since the first time it was held. A drain has settled what comes
 * before, so its hold moves on to what it meets.
 */
function nextHold(
  { pk, sk, reason, message, attempts, since, isHead }: Parking,
  known: Hold | undefined,
  now: number,
): Hold {
  const revision = uuidV7(now);
  if (known !== undefined && known.position <= sk && !isHead) return { ...known, revision };
  return {
    pk,
    position: sk,
    revision,
    state: 'holding',
    reason,
    message: cut(message),
    attempts: attempts + 1,
    since: known?.since ?? since ?? now,
  };
}

/** Parking is refused once an item is processed or discarded: a relay that was frozen meanwhile must not hold its key. */
function itemCondition(tableName: string, { pk, sk, id }: Parking) {
  const owed = 'attribute_exists(pk) AND attribute_not_exists(processedAt) AND attribute_not_exists(discarded)';
  const values: Record<string, AttributeValue> | undefined = id === undefined ? undefined : { ':id': { S: id } };
  return {
    TableName: tableName,
    Key: marshall({ pk, sk }),
    ConditionExpression: id === undefined ? owed : `${owed} AND id = :id`,
    ExpressionAttributeValues: values,
  };
}

function parkItem(tableName: string, parking: Parking, now: number): TransactWriteItem {
  const condition = itemCondition(tableName, parking);
  const parked: Parked = {
    reason: parking.reason,
    message: cut(parking.message),
    attempts: parking.attempts + 1,
    since: parking.since ?? now,
  };
  return {
    Update: {
      ...condition,
      // Whoever mends the cause gets as many attempts as a new item.
      UpdateExpression: 'SET parked = :parked REMOVE starts',
      ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ':parked': { M: marshall(parked) } },
    },
  };
}

const checkItem = (tableName: string, parking: Parking): TransactWriteItem => ({
  ConditionCheck: itemCondition(tableName, parking),
});
