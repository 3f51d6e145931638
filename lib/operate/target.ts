import { GetItemCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Hold } from '../event/control';
import { OutboxError } from '../event/errors';
import { parsePartitionKey } from '../event/key';
import type { OutboxTable as OutboxTarget } from '../relay/dynamodb/pages';
import { withinTime } from '../timing/within-time';

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

/** The service and the place that an error names: the brokers, or the table. */
export interface ServiceCall {
  readonly service: 'Kafka' | 'DynamoDB';
  /** Such as `brokers b1:9092,b2:9092`, `table orders-outbox`. */
  readonly place: string;
  /** Such as `reading the offsets of topic orders`. */
  readonly action: string;
}

/**
 * Returns the result of the call. If it does not come in time, the signal is aborted.
 *
 * @throws OutboxError `service-unavailable` after the time limit, which names the place and the action. An error of the
 * call itself is passed on as it is.
 */
export async function within<T>(
  timeoutMs: number,
  at: ServiceCall,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const why = `no answer within ${timeoutMs / 1000} seconds`;
  return withinTime(call, { ms: timeoutMs, onTimeout: () => unavailable(at, why) });
}

/** The error of a service that cannot be reached, or does not respond. */
export const unavailable = (at: ServiceCall, why: string, cause?: unknown): OutboxError<'service-unavailable'> =>
  new OutboxError(
    'service-unavailable',
    `${at.service} (${at.place}): ${why}, while ${at.action}. Check that this machine reaches it (network, security groups, VPN), then run the command again.`,
    { ...at, why },
    { cause },
  );
