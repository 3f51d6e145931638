import {
  DeleteItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type DynamoDBClient,
  type Put,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import {
  decodeSignal,
  elsewhere,
  encodeSignal,
  storedKeyOf,
  type DrainSignal,
  type Signal,
  type SkipSignal,
} from '../../event/signal';
import type { Clock, SignalStore, StoredSignal } from '../ports';
import { cancellationCodes, ifConditionHolds, isCollectionFull, isFullError } from '../../dynamodb/refusals';
import { readItem } from './item';

const WHY_CHARACTERS = 500;

/** Writes to signals, one at a time: signals are few, and each write is durable before the next. */
export function signalStore(client: DynamoDBClient, tableName: string, clock: Clock): SignalStore {
  const find = async (signal: StoredSignal): Promise<Signal | undefined> => {
    const item = await readItem({ client, tableName }, storedKeyOf(signal));
    return item === undefined ? undefined : decodeSignal(item);
  };

  return {
    async send(signal) {
      await putSignal(client, tableName, signal);
    },

    async remove(signals) {
      for (const signal of signals) {
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall(storedKeyOf(signal)) }));
      }
    },

    async markUnprocessable(signal, why) {
      const note = { why: why.slice(0, WHY_CHARACTERS).toWellFormed(), at: clock.now() };
      const write = new UpdateItemCommand({
        TableName: tableName,
        Key: marshall(storedKeyOf(signal)),
        UpdateExpression: 'SET setAside = :note',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':note': { M: marshall(note) } },
      });
      // If the record outlived its signal, there is nothing to write the note on.
      await ifConditionHolds(client.send(write));
    },

    find,

    async advance(signal, from) {
      const write = new UpdateItemCommand({
        TableName: tableName,
        Key: marshall(storedKeyOf(signal)),
        UpdateExpression: 'SET #from = :from',
        // `<=`: the SDK repeats a write whose response was lost. A relay that was frozen must not move it back.
        ConditionExpression: 'attribute_exists(pk) AND (attribute_not_exists(#from) OR #from <= :from)',
        ExpressionAttributeNames: { '#from': 'from' },
        ExpressionAttributeValues: { ':from': { S: from } },
      });
      try {
        const noted = await ifConditionHolds(client.send(write));
        return noted === undefined && (await find(signal)) === undefined ? 'gone' : 'noted';
      } catch (error) {
        // The signal has no room for the note: a later delivery repeats what this one has published.
        if (!isFullError(error)) throw error;
        return 'noted';
      }
    },

    async succeed(signal, successor) {
      // If the replay is gone, another signal has taken its place and continues from there.
      await replaceSignal(client, tableName, signal, successor);
    },
  };
}

/** The put of a signal. It never overwrites another signal, because an overwrite is no insert and invokes no relay. */
export const putOf = (tableName: string, signal: Signal) =>
  ({
    TableName: tableName,
    Item: marshall(encodeSignal(signal), { removeUndefinedValues: true }),
    ConditionExpression: 'attribute_not_exists(pk)',
  }) satisfies Put;

/** Puts a new signal and returns it as stored: in a partition of the outbox if the collection of its key is full. */
export async function putSignal(client: DynamoDBClient, tableName: string, signal: Signal): Promise<Signal> {
  try {
    await put(client, tableName, signal);
    return signal;
  } catch (error) {
    if (!mayLieElsewhere(signal) || !isCollectionFull(error)) throw error;
  }
  const moved = elsewhere(signal);
  await put(client, tableName, moved);
  return moved;
}

/** The sort key is new, so only the SDK's own retry can have written it, after its first response was lost. */
const put = (client: DynamoDBClient, tableName: string, signal: Signal): Promise<unknown> =>
  ifConditionHolds(client.send(new PutItemCommand(putOf(tableName, signal))));

/** A replay publishes items that were published before, so it can wait until items have expired. */
const mayLieElsewhere = (signal: Signal): signal is DrainSignal | SkipSignal => signal.kind !== 'replay';

/** Replaces a signal by one with a new sort key. `gone`: it was acted on or replaced, and nothing was written. */
export async function replaceSignal(
  client: DynamoDBClient,
  tableName: string,
  signal: Signal,
  successor: Signal,
): Promise<'replaced' | 'gone'> {
  const Delete = {
    TableName: tableName,
    Key: marshall(storedKeyOf(signal)),
    ConditionExpression: 'attribute_exists(pk)',
  };
  try {
    await client.send(
      new TransactWriteItemsCommand({ TransactItems: [{ Delete }, { Put: putOf(tableName, successor) }] }),
    );
    return 'replaced';
  } catch (error) {
    if (cancellationCodes(error)?.[0] === 'ConditionalCheckFailed') return 'gone';
    throw error;
  }
}
