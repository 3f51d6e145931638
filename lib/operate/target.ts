import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Hold } from '../event/control';
import { OutboxError } from '../event/errors';
import type { HomeRegion } from '../event/home-region';
import { parsePartitionKey } from '../event/key';

/** The outbox table that an operation works on. */
export interface OutboxTarget {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Set for a table with several regions; `client` must then be the view of this region: see `inHomeRegion`. */
  readonly home?: HomeRegion;
}

export const OPERATOR_CLOCK = { now: (): number => Date.now() };

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
