import {
  ConditionalCheckFailedException,
  PutItemCommand,
  type DynamoDBClient,
  type Put,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { elsewhere, encodeSignal, type DrainSignal, type Signal, type SkipSignal } from '../../event/signal';
import { isCollectionFull } from './full-item';

/** How a signal is put: never over another one, because an overwrite is no insert, and would invoke no relay. */
export const putOf = (tableName: string, signal: Signal) =>
  ({
    TableName: tableName,
    Item: marshall(encodeSignal(signal), { removeUndefinedValues: true }),
    ConditionExpression: 'attribute_not_exists(pk)',
  }) satisfies Put;

/**
 * Puts a new signal, and answers it as it is stored: in a partition of the outbox when there is no room for it next to
 * the items of its key.
 */
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

async function put(client: DynamoDBClient, tableName: string, signal: Signal): Promise<void> {
  try {
    await client.send(new PutItemCommand(putOf(tableName, signal)));
  } catch (error) {
    // The sort key is new, so only the SDK's own retry can have written it: the first answer was lost.
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

/** A replay publishes what was published before: it can wait until items have expired. */
const mayLieElsewhere = (signal: Signal): signal is DrainSignal | SkipSignal => signal.kind !== 'replay';
