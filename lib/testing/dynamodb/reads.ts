import { Attributes } from './attributes';
import { attributesIn, holds, readCondition, type Condition } from './condition';
import { notSimulated } from './not-simulated';
import { readList, readPath } from './operand';
import { overlap, projected, type Path } from './path';
import { checkParameters, type GetRequest, type PagedRequest, type QueryRequest, type ReadRequest } from './request';
import { refuse } from './service-error';
import type { Table } from './table';
import { Tokens } from './tokens';
import { bytesOf, type Item, type Value } from './value';

/** A page of Query and Scan ends behind this much. */
const MAX_PAGE_BYTES = 1024 * 1024;

type Shape = (item: Item) => Item;

export function getItem(table: Table, request: GetRequest, kind: 'Get' | 'GetItem'): { Item?: Item } {
  checkParameters(kind, request);
  const attributes = new Attributes(request);
  const shape = readProjection(request, attributes);
  attributes.refuseUnused();
  const item = table.get(table.key(request.Key));
  return item === undefined ? {} : { Item: shape(item) };
}

export function readProjection({ ProjectionExpression: text }: ReadRequest, attributes: Attributes): Shape {
  if (text === undefined) return (item) => item;
  const tokens = new Tokens('ProjectionExpression', text);
  const paths: Path[] = readList(tokens, () => readPath(tokens, attributes));
  tokens.end();
  if (paths.some((path, at) => paths.slice(at + 1).some((other) => overlap(path, other)))) {
    tokens.fail('Two document paths overlap with each other; must remove or rewrite one of these paths;');
  }
  return (item) => projected(item, paths);
}

export function query(table: Table, request: QueryRequest): object {
  checkParameters('Query', request);
  const attributes = new Attributes(request);
  const text = request.KeyConditionExpression ?? refuse('Either KeyConditions or KeyConditionExpression must be given');
  const keys = readKeyCondition(table, readCondition(text, attributes, 'KeyConditionExpression'));
  const page = readPage(request, attributes);
  const filtered = page.filter === undefined ? [] : attributesIn(page.filter);
  const key = filtered.find((name) => table.keyNames.includes(name));
  if (key !== undefined) {
    refuse(`Filter Expression can only contain non-primary key attributes: Primary key attribute: ${key}`);
  }
  const direction = request.ScanIndexForward === false ? -1 : 1;
  const items = table
    .partition(keys.partition)
    .filter((item) => keys.range.every((range) => holds(range, item)))
    .filter((item) => page.from === undefined || table.bySortKey(item, page.from) * direction > 0);
  return answer(table, direction === 1 ? items : items.toReversed(), page);
}

export function scan(table: Table, request: PagedRequest): object {
  checkParameters('Scan', request);
  const page = readPage(request, new Attributes(request));
  const items = table.all();
  if (page.from === undefined) return answer(table, items, page);
  const from = table.nameOf(table.key(page.from));
  const at = items.findIndex((item) => table.nameOf(item) === from);
  if (at === -1) {
    notSimulated('Scan from an item that is gone', 'Test what deletes between two pages against DynamoDB Local.');
  }
  return answer(table, items.slice(at + 1), page);
}

interface Page {
  readonly filter?: Condition;
  readonly shape: Shape;
  readonly limit: number;
  readonly from?: Item;
  readonly isCounted: boolean;
}

function readPage(request: PagedRequest, attributes: Attributes): Page {
  const { FilterExpression: text, Limit: limit = Infinity, ExclusiveStartKey: from, Select } = request;
  const filter = text === undefined ? undefined : readCondition(text, attributes, 'FilterExpression');
  const shape = readProjection(request, attributes);
  attributes.refuseUnused();
  if (limit < 1) refuse('Limit must be greater than or equal to 1');
  return { filter, shape, limit, from, isCounted: Select === 'COUNT' };
}

function answer(table: Table, items: readonly Item[], { filter, shape, limit, isCounted }: Page): object {
  const seen: Item[] = [];
  let bytes = 0;
  const isFull = (): boolean => seen.length >= limit || bytes > MAX_PAGE_BYTES;
  for (const item of items) {
    if (isFull()) break;
    seen.push(item);
    bytes += bytesOf(item);
  }
  const last = seen.at(-1);
  const found = filter === undefined ? seen : seen.filter((item) => holds(filter, item));
  return {
    ...(isCounted ? {} : { Items: found.map(shape) }),
    Count: found.length,
    ScannedCount: seen.length,
    ...(isFull() && last !== undefined ? { LastEvaluatedKey: table.keyIn(last) } : {}),
  };
}

interface KeyCondition {
  readonly partition: Value;
  readonly range: readonly Condition[];
}

/** `pk = :value`, alone or with one condition on the sort key. */
function readKeyCondition(table: Table, condition: Condition): KeyCondition {
  const parts = condition.kind === 'and' ? [condition.left, condition.right] : [condition];
  const { partitionKey, sortKey } = table;
  const partition = parts.flatMap((part) => {
    const isEqual = part.kind === 'compare' && part.comparator === '=' && isOf(part.left, partitionKey);
    return isEqual && part.right.kind === 'value' ? [part.right.value] : [];
  });
  const range = parts.filter((part) => sortKey !== undefined && isRange(part, sortKey));
  const [value] = partition;
  if (value === undefined || partition.length !== 1 || partition.length + range.length !== parts.length) {
    return refuse(`Query condition missed key schema element: ${partitionKey}, or is not supported`);
  }
  table.checkKeyType(partitionKey, value);
  return { partition: value, range };
}

function isRange(part: Condition, sortKey: string): boolean {
  switch (part.kind) {
    case 'compare':
      return part.comparator !== '<>' && isOf(part.left, sortKey) && part.right.kind === 'value';
    case 'between':
      return isOf(part.operand, sortKey);
    case 'function':
      return part.name === 'begins_with' && part.args[0] !== undefined && isOf(part.args[0], sortKey);
    default:
      return false;
  }
}

const isOf = (operand: { readonly kind: string; readonly path?: Path }, name: string): boolean =>
  operand.kind === 'path' && operand.path?.length === 1 && operand.path[0] === name;
