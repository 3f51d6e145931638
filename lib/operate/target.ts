import { GetItemCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Hold } from '../event/control';
import { OutboxError } from '../event/errors';
import { parsePartitionKey } from '../event/key';
import type { OutboxTable as OutboxTarget } from '../relay/dynamodb/pages';
import { within } from './time-limit';

export type { OutboxTarget };

/** @throws OutboxError `operation-refused` unless the text is `<aggregate>#<key>`. */
export function requireKey(operation: string, pk: string): string {
  return parsePartitionKey(pk) === undefined
    ? refuse(operation, `${JSON.stringify(pk)} is no key. Write <aggregate>#<key>, such as order#42.`)
    : pk;
}

/** The same for a key with its hold. A faulty writer's malformed key can be held, and must be released too. */
export const requireHeldKey = (operation: string, pk: string, hold: Hold | undefined): string =>
  hold === undefined ? requireKey(operation, pk) : pk;

export function refuse(operation: string, why: string): never {
  throw new OutboxError('operation-refused', `${operation}: ${why}`, { operation, why });
}

/** The limit for a call to DynamoDB, including the SDK's own retries. */
const TABLE_CALL_MS = 60_000;

/** The same table, with a client that limits the time of each command. */
export function timeLimited(target: OutboxTarget, action: string): OutboxTarget {
  const { client, tableName } = target;
  const at = { service: 'DynamoDB', place: `table ${tableName}`, action } as const;
  const send = (command: Parameters<DynamoDBClient['send']>[0]): Promise<unknown> =>
    within(TABLE_CALL_MS, at, (abortSignal) => client.send(command, { abortSignal }));
  return { ...target, client: Object.assign(Object.create(client) as DynamoDBClient, { send }) };
}

/**
 * An item as the table has it now, strongly consistent; `undefined` if there is none.
 *
 * @throws OutboxError `service-unavailable` if DynamoDB does not respond in time.
 */
export async function readItem(
  target: OutboxTarget,
  { pk, sk }: { readonly pk: string; readonly sk: string },
): Promise<Record<string, AttributeValue> | undefined> {
  const { client, tableName } = timeLimited(target, `reading an item of ${pk}`);
  const { Item } = await client.send(
    new GetItemCommand({ TableName: tableName, ConsistentRead: true, Key: marshall({ pk, sk }) }),
  );
  return Item;
}
