import { Attributes } from './attributes';
import { holds, readCondition, type Condition } from './condition';
import type { Path } from './path';
import {
  checkParameters,
  type Conditional,
  type KeyRequest,
  type PutRequest,
  type RequestKind,
  type UpdateRequest,
} from './request';
import { refuse, ServiceError } from './service-error';
import type { Table } from './table';
import { pathsOf, readUpdate, updated } from './update';
import { bytesOf, storedItem, type Item } from './value';

/** Amazon DynamoDB developer guide, "Quotas". */
const MAX_ITEM_BYTES = 400 * 1024;

/** A parsed write that has not been tried yet. */
export interface Write {
  readonly table: Table;
  readonly key: Item;
  readonly condition?: Condition;
  readonly returnsItem: boolean;
  /** Its approximate share of a transaction's size limit. */
  readonly bytes: number;
  /** The paths that an update writes. */
  readonly paths?: readonly Path[];
  /** The item after the write; `undefined` if the write deletes it. */
  readonly next: (before: Item | undefined) => Item | undefined;
}

/** The effect of a write on its item once it is committed. */
export interface Effect {
  readonly write: Write;
  readonly before?: Item;
  readonly after?: Item;
}

export function readPut(table: Table, request: PutRequest, kind: 'Put' | 'PutItem'): Write {
  checkParameters(kind, request);
  const attributes = new Attributes(request, table.keyNames);
  const condition = readConditionOf(request, attributes);
  attributes.refuseUnused();
  const item = storedItem(request.Item);
  const key = table.keyOfItem(item);
  checkSize(item);
  return { table, key, ...condition, bytes: payloadOf(request, item), next: () => item };
}

export function readDelete(table: Table, request: KeyRequest, kind: 'Delete' | 'DeleteItem'): Write {
  return readByKey(table, request, kind, () => undefined);
}

export function readConditionCheck(table: Table, request: KeyRequest): Write {
  return readByKey(table, request, 'ConditionCheck', (before) => before);
}

function readByKey(table: Table, request: KeyRequest, kind: RequestKind, next: Write['next']): Write {
  checkParameters(kind, request);
  const attributes = new Attributes(request, table.keyNames);
  const condition = readConditionOf(request, attributes);
  attributes.refuseUnused();
  const key = table.namedKey(request.Key);
  return { table, key, ...condition, bytes: payloadOf(request, key), next };
}

export function readUpdateWrite(table: Table, request: UpdateRequest, kind: 'Update' | 'UpdateItem'): Write {
  checkParameters(kind, request);
  const attributes = new Attributes(request, table.keyNames);
  const condition = readConditionOf(request, attributes);
  const { UpdateExpression: expression } = request;
  const update = expression === undefined ? undefined : readUpdate(expression, attributes);
  attributes.refuseUnused();
  const key = table.namedKey(request.Key);
  const paths = update === undefined ? [] : pathsOf(update);
  return {
    table,
    key,
    ...condition,
    bytes: payloadOf(request, key) + (expression?.length ?? 0),
    paths,
    next: (before) => {
      checkKeyKept(table, paths);
      const item = before ?? key;
      return storedItem(update === undefined ? item : updated(item, update));
    },
  };
}

function readConditionOf(
  { ConditionExpression: text, ReturnValuesOnConditionCheckFailure: returns }: Conditional,
  attributes: Attributes,
): Pick<Write, 'condition' | 'returnsItem'> {
  const returnsItem = returns === 'ALL_OLD';
  if (text === undefined) return { returnsItem };
  return { condition: readCondition(text, attributes, 'ConditionExpression'), returnsItem };
}

const payloadOf = (
  { ExpressionAttributeValues: values = {}, ConditionExpression: condition = '' }: Conditional,
  item: Item,
): number => bytesOf(item) + bytesOf(values) + condition.length;

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
