import { PutItemCommand, TransactWriteItemsCommand, type DynamoDBClient, type Put } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import {
  elsewhere,
  encodeSignal,
  storedKeyOf,
  type DrainSignal,
  type Signal,
  type SkipSignal,
} from '../../event/signal';
import { cancellationCodes, ifConditionHolds, isCollectionFull } from '../../dynamodb/refusals';

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

/**
 * Replaces a signal by its successor, which has a new sort key: an overwrite would be no insert and invoke no relay.
 * `gone`: the signal was acted on or replaced meanwhile, and nothing was written.
 */
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
