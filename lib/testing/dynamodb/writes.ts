import { holds, type Condition } from './condition';
import { refuse, ServiceError } from './errors';
import { readExpressions } from './expressions';
import type { Path } from './path';
import type { Request } from './request';
import { parseItem, type StoredItem, type Table } from './table';
import { updated, type UpdateAction } from './update';
import { bytesOf, storedItem, type Item } from './value';

/** Amazon DynamoDB developer guide, "Quotas". */
const MAX_ITEM_BYTES = 400 * 1024;

/** A write, in a transaction or alone. A condition check leaves the item as it is. */
export const WRITE_ACTIONS = ['Put', 'Update', 'Delete', 'ConditionCheck'] as const;
export type WriteAction = (typeof WRITE_ACTIONS)[number];

/** A parsed write that has not been tried yet. */
export interface Write {
  readonly action: WriteAction;
  readonly table: Table;
  readonly key: Item;
  readonly condition?: Condition;
  readonly returnsItem: boolean;
  /** The size of the item that a put writes. */
  readonly itemBytes?: number;
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
  readonly before?: StoredItem;
  readonly after?: Item;
  /** The size of the item after the write. */
  readonly bytes: number;
}

export const itemBefore = ({ before }: Effect): Item | undefined =>
  before === undefined ? undefined : parseItem(before.text);

export function readWrite(action: WriteAction, table: Table, request: Request): Write {
  const { condition, update = [] } = readExpressions(table, request);
  const item = action === 'Put' ? storedItem(request.Item ?? {}) : undefined;
  const key = item === undefined ? table.namedKey(request.Key) : table.keyOfItem(item);
  const itemBytes = item === undefined ? undefined : checkSize(item);
  const paths = update.map(({ path }) => path);
  const next: Readonly<Record<WriteAction, Write['next']>> = {
    Put: () => item,
    Update: (before = key) => nextOf(table, update, before),
    Delete: () => undefined,
    ConditionCheck: (before) => before,
  };
  const returnsItem = request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD';
  return {
    ...{ action, table, key, condition, returnsItem, paths, itemBytes },
    bytes: payloadOf(request) + (itemBytes ?? bytesOf(key)),
    next: next[action],
  };
}

/** An update or a delete that was not written as an expression. */
export function updateBy(
  action: 'Update' | 'Delete',
  table: Table,
  key: Item,
  condition: Condition,
  update: readonly UpdateAction[],
): Write {
  return {
    ...{ action, table, condition, returnsItem: false },
    key: table.namedKey(key),
    bytes: bytesOf(key),
    paths: update.map(({ path }) => path),
    next: (before) => (action === 'Delete' ? undefined : nextOf(table, update, before ?? key)),
  };
}

function nextOf(table: Table, update: readonly UpdateAction[], before: Item): Item {
  checkKeyKept(
    table,
    update.map(({ path }) => path),
  );
  return storedItem(updated(before, update));
}

/** Without the item or its key. */
function payloadOf(request: Request): number {
  const { ExpressionAttributeValues: values = {}, ConditionExpression = '', UpdateExpression = '' } = request;
  return bytesOf(values) + ConditionExpression.length + UpdateExpression.length;
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
  const { action, table, key, condition, returnsItem, itemBytes, next } = write;
  table.checkKey(key);
  const before = table.stored(key);
  // A put without a condition does not read the item.
  const item =
    before === undefined || (action === 'Put' && condition === undefined) ? undefined : parseItem(before.text);
  if (condition !== undefined && !holds(condition, item ?? {})) {
    throw new ServiceError(
      'ConditionalCheckFailedException',
      'The conditional request failed',
      returnsItem && item !== undefined ? { Item: item } : {},
    );
  }
  const after = next(item);
  return { write, before, after, bytes: after === undefined ? 0 : (itemBytes ?? checkSize(after)) };
}

function checkSize(item: Item): number {
  const bytes = bytesOf(item);
  return bytes > MAX_ITEM_BYTES ? refuse('Item size has exceeded the maximum allowed size') : bytes;
}
