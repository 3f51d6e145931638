import {
  BatchGetItemCommand,
  GetItemCommand,
  type AttributeValue,
  type BatchGetItemCommandOutput,
  type KeysAndAttributes,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { isThrottling } from '../../dynamodb/sdk-error';
import type { Image, ItemKey, ItemRef } from '../../event/item';
import { throttledMs } from '../../timing/backoff';
import type { Sleep } from '../../timing/wait';
import { BY_CLIENT, type DirectCalls } from './direct-calls';
import type { OutboxTable } from './pages';

/** BatchGetItem and TransactGetItems take at most 100 keys. */
export const KEYS_PER_CALL = 100;
const ATTEMPTS = 6;

export type Key = Record<string, AttributeValue>;

/** The item with this key, strongly consistent; `undefined` if there is none. */
export async function readItem(
  { client, tableName }: OutboxTable,
  { pk, sk }: ItemKey,
  ProjectionExpression?: string,
): Promise<Record<string, AttributeValue> | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall({ pk, sk }), ProjectionExpression }),
  );
  return Item;
}

/** The items with these keys, at most 100, strongly consistent. Returns the keys that stay throttled as `unread`. */
export async function readItems(
  { client, tableName }: OutboxTable,
  keys: readonly Key[],
  projection: Pick<KeysAndAttributes, 'ProjectionExpression' | 'ExpressionAttributeNames'>,
  sleep: Sleep,
  direct: DirectCalls = BY_CLIENT,
): Promise<{ readonly found: readonly Image[]; readonly unread: readonly Key[] }> {
  const found: Image[] = [];
  let open: readonly Key[] = keys;
  for (let attempt = 0; open.length > 0 && attempt < ATTEMPTS;) {
    if (attempt > 0) await sleep(throttledMs(attempt));
    const asked = open.length;
    let answer: BatchGetItemCommandOutput;
    try {
      const Keys = [...open];
      const input = { RequestItems: { [tableName]: { Keys, ConsistentRead: true, ...projection } } };
      answer = await direct('BatchGetItem', input, () => client.send(new BatchGetItemCommand(input)));
    } catch (error) {
      // DynamoDB throws this if it can read none of the keys; the SDK has already repeated the call.
      if (error instanceof Error && isThrottling(error.name)) return { found, unread: open };
      throw error;
    }
    const { Responses, UnprocessedKeys } = answer;
    found.push(...((Responses?.[tableName] ?? []) as Image[]));
    open = UnprocessedKeys?.[tableName]?.Keys ?? [];
    // A response holds 16 MB, so large items take several calls. Only a call that reads nothing was throttled.
    attempt = open.length < asked ? 0 : attempt + 1;
  }
  return { found, unread: open };
}

/** The table, key and condition of a write on an item, which fails if another item has taken its position. */
export function conditionalOn(tableName: string, { pk, sk, id }: ItemRef, condition: string) {
  const values: Record<string, AttributeValue> | undefined = id === undefined ? undefined : { ':id': { S: id } };
  return {
    TableName: tableName,
    Key: marshall({ pk, sk }),
    ConditionExpression: id === undefined ? condition : `${condition} AND id = :id`,
    ExpressionAttributeValues: values,
  };
}

export const groupsOf = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
