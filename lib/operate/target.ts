import type { Hold } from '../event/control';
import { OutboxError } from '../event/errors';
import { parsePartitionKey } from '../event/key';

export type { OutboxTable as OutboxTarget } from '../relay/dynamodb/pages';

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
