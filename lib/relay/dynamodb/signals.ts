import { DeleteItemCommand, UpdateItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { decodeSignal, storedKeyOf, type Signal } from '../../event/signal';
import type { Clock, SignalStore, StoredSignal } from '../ports';
import { ifConditionHolds, isFullError } from '../../dynamodb/refusals';
import { readItem } from './item';
import { putSignal, replaceSignal } from './put-signal';

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
