import {
  GetItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type AttributeValue,
  type DynamoDBClient,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl, encodeHold, holdKey, STATE_KEY, type Hold } from '../event/control';
import { uuidV7 } from '../event/uuid';
import { backoffMs, type Sleep } from './backoff';
import type { Clock, ItemStore, Parking } from './ports';

const ATTEMPTS = 6;
const MESSAGE_CHARACTERS = 500;

/** Places of the actions in the transaction, and so of its cancellation reasons. */
const ITEM = 0;
const HOLD = 1;

/**
 * Parks an item and holds its key in one transaction, which also raises the control partition's revision.
 *
 * An item that can not take the `parked` attribute (400 KB, or a collection at 10 GB) is held without it.
 */
export function parkingWriter(
  client: DynamoDBClient,
  tableName: string,
  clock: Clock,
  sleep: Sleep,
): ItemStore['park'] {
  const readHold = async (pk: string): Promise<Hold | undefined> => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall(holdKey(pk)) }),
    );
    return Item === undefined ? undefined : decodeControl([unmarshall(Item)]).holds.get(pk);
  };

  return async (parking) => {
    let known = parking.hold;
    let noteOnItem = true;
    for (let attempt = 0; ; attempt++) {
      const now = clock.now();
      const hold = nextHold(parking, known, now);
      try {
        await client.send(
          new TransactWriteItemsCommand({
            TransactItems: [
              noteOnItem ? parkItem(tableName, parking, now) : checkItem(tableName, parking),
              putHold(tableName, hold, known),
              raiseRevision(tableName),
            ],
          }),
        );
        return { kind: 'parked', hold };
      } catch (error) {
        if (!(error instanceof TransactionCanceledException)) throw error;
        const codes = error.CancellationReasons?.map(({ Code }) => Code) ?? [];
        if (codes[ITEM] === 'ConditionalCheckFailed') return { kind: 'gone' };
        if (attempt === ATTEMPTS - 1) throw error;
        if (codes[HOLD] === 'ConditionalCheckFailed') known = await readHold(parking.pk);
        else if (
          noteOnItem &&
          (codes[ITEM] === 'ItemCollectionSizeLimitExceeded' || codes[ITEM] === 'ValidationError')
        ) {
          noteOnItem = false;
        } else if (codes.some((code) => code !== undefined && TRANSIENT.has(code))) await sleep(backoffMs(attempt + 1));
        else throw error;
      }
    }
  };
}

const TRANSIENT: ReadonlySet<string> = new Set([
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
]);

/** Cutting may halve a surrogate pair, and DynamoDB takes well-formed text only. */
const cut = (message: string): string => message.slice(0, MESSAGE_CHARACTERS).toWellFormed();

/** A key is held from its earliest parked position on, since the first time it was held. */
function nextHold({ pk, sk, reason, message }: Parking, known: Hold | undefined, now: number): Hold {
  const revision = uuidV7(now);
  if (known !== undefined && known.position <= sk) return { ...known, revision };
  return {
    pk,
    position: sk,
    revision,
    state: 'holding',
    reason,
    message: cut(message),
    since: known?.since ?? now,
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
  const parked = {
    reason: parking.reason,
    message: cut(parking.message),
    attempts: 1,
    since: now,
  };
  return {
    Update: {
      ...condition,
      UpdateExpression: 'SET parked = :parked',
      ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ':parked': { M: marshall(parked) } },
    },
  };
}

const checkItem = (tableName: string, parking: Parking): TransactWriteItem => ({
  ConditionCheck: itemCondition(tableName, parking),
});

/** Only over the hold that was read: a drain or another relay may have replaced it. */
function putHold(tableName: string, hold: Hold, known: Hold | undefined): TransactWriteItem {
  return {
    Put: {
      TableName: tableName,
      Item: marshall(encodeHold(hold), { removeUndefinedValues: true }),
      ...(known === undefined
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'revision = :known',
            ExpressionAttributeValues: { ':known': { S: known.revision } },
          }),
    },
  };
}

const raiseRevision = (tableName: string): TransactWriteItem => ({
  Update: {
    TableName: tableName,
    Key: marshall(STATE_KEY),
    UpdateExpression: 'ADD revision :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
  },
});
