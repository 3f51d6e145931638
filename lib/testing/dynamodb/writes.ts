import { holds, type Condition } from './condition';
import { refuse, ServiceError } from './errors';
import { readExpressions } from './expressions';
import type { Path } from './path';
import type { Request } from './request';
import type { Table } from './table';
import { updated } from './update';
import { bytesOf, storedItem, type Item } from './value';

/** Amazon DynamoDB developer guide, "Quotas". */
const MAX_ITEM_BYTES = 400 * 1024;

/** A write, in a transaction or alone. A condition check leaves the item as it is. */
export const WRITE_ACTIONS = ['Put', 'Update', 'Delete', 'ConditionCheck'] as const;
export type WriteAction = (typeof WRITE_ACTIONS)[number];

/** A parsed write that has not been tried yet. */
export interface Write {
  readonly table: Table;
  readonly key: Item;
  readonly condition?: Condition;
  readonly returnsItem: boolean;
  /** Its approximate share of a transaction's size limit. */
  readonly bytes: number;
  /** The paths that an update writes. */
  readonly paths: readonly Path[];
  /** The item after the write; `undefined` if the write deletes it. */
  readonly next: (before: Item | undefined) => Item | undefined;
}

/** The effect of a write on its item once it is committed. */
export interface Effect {
  readonly write: Write;
  readonly before?: Item;
  readonly after?: Item;
}

export function readWrite(action: WriteAction, table: Table, request: Request): Write {
  const { condition, update = [] } = readExpressions(table, request);
  const item = action === 'Put' ? storedItem(request.Item ?? {}) : undefined;
  const key = item === undefined ? table.namedKey(request.Key) : table.keyOfItem(item);
  if (item !== undefined) checkSize(item);
  const paths = update.map(({ path }) => path);
  const next: Readonly<Record<WriteAction, Write['next']>> = {
    Put: () => item,
    Update: (before = key) => {
      checkKeyKept(table, paths);
      return storedItem(updated(before, update));
    },
    Delete: () => undefined,
    ConditionCheck: (before) => before,
  };
  const returnsItem = request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD';
  return { table, key, condition, returnsItem, bytes: payloadOf(request, item ?? key), paths, next: next[action] };
}

function payloadOf(request: Request, item: Item): number {
  const { ExpressionAttributeValues: values = {}, ConditionExpression = '', UpdateExpression = '' } = request;
  return bytesOf(item) + bytesOf(values) + ConditionExpression.length + UpdateExpression.length;
}

function checkKeyKept(table: Table, paths: readonly Path[]): void {
  const key = paths.map(([name]) => name).find((name) => table.keyNames.includes(name));
  if (key !== undefined) {
    refuse(
      `One or more parameter values were invalid: Cannot update attribute ${key}. This attribute is part of the key`,
    );
  }
}

/** Checks the write against the current item; changes nothing yet. */
export function evaluate(write: Write): Effect {
  const { table, key, condition, returnsItem, next } = write;
  table.checkKey(key);
  const before = table.get(key);
  if (condition !== undefined && !holds(condition, before ?? {})) {
    throw new ServiceError(
      'ConditionalCheckFailedException',
      'The conditional request failed',
      returnsItem && before !== undefined ? { Item: before } : {},
    );
  }
  const after = next(before);
  if (after !== undefined) checkSize(after);
  return { write, before, after };
}

function checkSize(item: Item): void {
  if (bytesOf(item) > MAX_ITEM_BYTES) refuse('Item size has exceeded the maximum allowed size');
}
