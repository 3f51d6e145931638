import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { decodeSignal, encodeSignal, type Signal } from '../../event/signal';
import type { Clock, SignalStore } from '../ports';
import { isFullError } from './full-item';

const WHY_CHARACTERS = 500;

/** What becomes of signals, by single writes: they are few, and each is durable before the next. */
export function signalStore(client: DynamoDBClient, tableName: string, clock: Clock): SignalStore {
  const find = async ({ pk, sk }: Pick<Signal, 'pk' | 'sk'>): Promise<Signal | undefined> => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall({ pk, sk }) }),
    );
    return Item === undefined ? undefined : decodeSignal(Item);
  };

  return {
    async send(signal) {
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall(encodeSignal(signal), { removeUndefinedValues: true }),
          // An overwrite would be no insert, and would invoke no relay.
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      );
    },

    async remove(signals) {
      for (const { pk, sk } of signals) {
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall({ pk, sk }) }));
      }
    },

    async setAside({ pk, sk }, why) {
      const note = { why: why.slice(0, WHY_CHARACTERS).toWellFormed(), at: clock.now() };
      try {
        await client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ pk, sk }),
            UpdateExpression: 'SET setAside = :note',
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeValues: { ':note': { M: marshall(note) } },
          }),
        );
      } catch (error) {
        // Its record outlived it: there is nothing left to note it on.
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },

    find,

    async advance(signal, from) {
      try {
        await client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ pk: signal.pk, sk: signal.sk }),
            UpdateExpression: 'SET #from = :from',
            // Equal: the SDK repeats a write whose answer was lost. A relay that was frozen must not move it back.
            ConditionExpression: 'attribute_exists(pk) AND (attribute_not_exists(#from) OR #from <= :from)',
            ExpressionAttributeNames: { '#from': 'from' },
            ExpressionAttributeValues: { ':from': { S: from } },
          }),
        );
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) {
          return (await find(signal)) === undefined ? 'gone' : 'noted';
        }
        // No room for the note: a later delivery repeats what this one has published.
        if (!isFullError(error)) throw error;
      }
      return 'noted';
    },

    async succeed({ pk, sk }, successor) {
      const input = {
        TransactItems: [
          {
            Delete: {
              TableName: tableName,
              Key: marshall({ pk, sk }),
              ConditionExpression: 'attribute_exists(pk)',
            },
          },
          {
            Put: {
              TableName: tableName,
              Item: marshall(encodeSignal(successor), { removeUndefinedValues: true }),
              ConditionExpression: 'attribute_not_exists(pk)',
            },
          },
        ],
      };
      try {
        await client.send(new TransactWriteItemsCommand(input));
      } catch (error) {
        // Somebody has put another in its place, and will go on from there.
        if (!isGone(error)) throw error;
      }
    },
  };
}

const isGone = (error: unknown): boolean =>
  error instanceof TransactionCanceledException && error.CancellationReasons?.[0]?.Code === 'ConditionalCheckFailed';
