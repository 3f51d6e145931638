import { Attributes } from './attributes';
import { attributesIn, holds, readCondition, type Comparator, type Condition } from './condition';
import { notSimulated } from './not-simulated';
import { readList, readPath, type Operand } from './operand';
import { checkApart, projected, type Path } from './path';
import { checkParameters, type GetRequest, type PagedRequest, type QueryRequest, type ReadRequest } from './request';
import { refuse } from './service-error';
import type { Table } from './table';
import { Tokens } from './tokens';
import { bytesOf, equal, type Item, type Value } from './value';

/** A page of Query or Scan ends after this many bytes. */
const MAX_PAGE_BYTES = 1024 * 1024;

type Shape = (item: Item) => Item;

/** A parsed read of one item. */
export interface Read {
  readonly table: Table;
  readonly key: Item;
  readonly shape: Shape;
}

export function readGet(table: Table, request: GetRequest, kind: 'Get' | 'GetItem'): Read {
  checkParameters(kind, request);
  const attributes = new Attributes(request, table.keyNames);
  const shape = readProjection(request, attributes);
  attributes.refuseUnused();
  return { table, key: table.namedKey(request.Key), shape };
}

export function found({ table, key, shape }: Read): { Item?: Item } {
  table.checkKey(key);
  const item = table.get(key);
  return item === undefined ? {} : { Item: shape(item) };
}

export function readProjection({ ProjectionExpression: text }: ReadRequest, attributes: Attributes): Shape {
  if (text === undefined) return (item) => item;
  const tokens = new Tokens('ProjectionExpression', text);
  const paths: Path[] = readList(tokens, () => readPath(tokens, attributes));
  tokens.end();
  checkApart(tokens, paths);
  return (item) => projected(item, paths);
}

export function query(table: Table, request: QueryRequest): object {
  checkParameters('Query', request);
  const attributes = new Attributes(request, table.keyNames);
  const text = request.KeyConditionExpression ?? refuse('Either KeyConditions or KeyConditionExpression must be given');
  const keys = readKeyCondition(table, readCondition(text, attributes, 'KeyConditionExpression'));
  const page = readPage(table, request, attributes);
  const filtered = page.filter === undefined ? [] : attributesIn(page.filter);
  const key = filtered.find((name) => table.keyNames.includes(name));
  if (key !== undefined) {
    refuse(`Filter Expression can only contain non-primary key attributes: Primary key attribute: ${key}`);
  }
  const { from } = page;
  const isForward = request.ScanIndexForward !== false;
  const end = lastOf(keys, isForward);
  const isInRange = (item: Item): boolean => keys.range === undefined || holds(keys.range, item);
  const isWithin = (item: Item): boolean => equal(item[table.partitionKey] ?? {}, keys.partition) && isInRange(item);
  if (from !== undefined && (!isWithin(from) || isAt(table, from, end))) {
    refuse('The provided starting key does not match the range key predicate');
  }
  const items = table
    .partition(keys.partition)
    .filter(isInRange)
    .filter((item) => from === undefined || table.bySortKey(item, from) * (isForward ? 1 : -1) > 0);
  return answer(table, isForward ? items : items.toReversed(), page, end);
}

export function scan(table: Table, request: PagedRequest): object {
  checkParameters('Scan', request);
  const page = readPage(table, request, new Attributes(request, table.keyNames));
  const items = table.all();
  if (page.from === undefined) return answer(table, items, page);
  const from = table.nameOf(page.from);
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

function readPage(table: Table, request: PagedRequest, attributes: Attributes): Page {
  const { FilterExpression: text, Limit: limit = Infinity, ExclusiveStartKey: from, Select: select } = request;
  const filter = text === undefined ? undefined : readCondition(text, attributes, 'FilterExpression');
  const shape = readProjection(request, attributes);
  attributes.refuseUnused();
  if (limit < 1) refuse('Limit must be greater than or equal to 1');
  const isProjected = request.ProjectionExpression !== undefined;
  if (select === 'ALL_PROJECTED_ATTRIBUTES') refuse(`${select} can be used only when Querying using an IndexName`);
  if (select === 'SPECIFIC_ATTRIBUTES' && !isProjected) {
    refuse(`Must specify the AttributesToGet or ProjectionExpression when choosing to get ${select}`);
  }
  if (select !== undefined && select !== 'SPECIFIC_ATTRIBUTES' && isProjected) {
    refuse(`Cannot specify the ProjectionExpression when choosing to get ${select}`);
  }
  return {
    filter,
    shape,
    limit,
    from: from === undefined ? undefined : table.key(from),
    isCounted: select === 'COUNT',
  };
}

/** @param end - a page that reaches an item with this sort key is the last one */
function answer(table: Table, items: readonly Item[], { filter, shape, limit, isCounted }: Page, end?: Value): object {
  const seen: Item[] = [];
  let bytes = 0;
  const isFull = (): boolean => seen.length >= limit || bytes > MAX_PAGE_BYTES;
  for (const item of items) {
    if (isFull()) break;
    seen.push(item);
    bytes += bytesOf(item);
  }
  const last = seen.at(-1);
  const chosen = filter === undefined ? seen : seen.filter((item) => holds(filter, item));
  return {
    ...(isCounted ? {} : { Items: chosen.map(shape) }),
    Count: chosen.length,
    ScannedCount: seen.length,
    ...(isFull() && last !== undefined && !isAt(table, last, end) ? { LastEvaluatedKey: table.keyIn(last) } : {}),
  };
}

const isAt = (table: Table, item: Item, end: Value | undefined): boolean =>
  end !== undefined && equal(item[table.sortKey ?? ''] ?? { NULL: true }, end);

interface KeyCondition {
  readonly partition: Value;
  /** The condition on the sort key, with the sort key as its first operand. */
  readonly range?: Range;
}

type Range = Extract<Condition, { readonly kind: 'compare' | 'between' | 'function' }>;

/** Parses `pk = :value`, alone or with one condition on the sort key. */
function readKeyCondition(table: Table, condition: Condition): KeyCondition {
  const parts = (condition.kind === 'and' ? [condition.left, condition.right] : [condition]).map(keyFirst);
  const { partitionKey, sortKey } = table;
  const partition = parts.flatMap((part) => {
    const isEqual = part.kind === 'compare' && part.comparator === '=' && isOf(part.left, partitionKey);
    return isEqual && part.right.kind === 'value' ? [part.right.value] : [];
  });
  const range = parts.filter((part) => isRange(part, sortKey));
  const [value] = partition;
  if (value === undefined || partition.length !== 1 || partition.length + range.length !== parts.length) {
    return refuse(`Query condition missed key schema element: ${partitionKey}, or is not supported`);
  }
  table.checkKeyValue(partitionKey, value);
  for (const bound of range.flatMap(boundsOf)) {
    if (bound.kind !== 'value') return refuse('A sort key can be compared with values only');
    table.checkKeyValue(sortKey ?? '', bound.value);
  }
  return { partition: value, range: range[0] };
}

/** Turns `:value < sk` into `sk > :value`. */
function keyFirst(part: Condition): Condition {
  if (part.kind !== 'compare' || part.left.kind !== 'value') return part;
  const comparator = MIRRORED[part.comparator];
  return { kind: 'compare', comparator, left: part.right, right: part.left };
}

const MIRRORED: Readonly<Record<Comparator, Comparator>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

function isRange(part: Condition, sortKey: string | undefined): part is Range {
  if (sortKey === undefined) return false;
  switch (part.kind) {
    case 'compare':
      return part.comparator !== '<>' && isOf(part.left, sortKey);
    case 'between':
      return isOf(part.operand, sortKey);
    case 'function':
      return part.name === 'begins_with' && part.args[0] !== undefined && isOf(part.args[0], sortKey);
    default:
      return false;
  }
}

const isOf = (operand: Operand, name: string): boolean =>
  operand.kind === 'path' && operand.path.length === 1 && operand.path[0] === name;

function boundsOf(range: Range): readonly Operand[] {
  switch (range.kind) {
    case 'compare':
      return [range.right];
    case 'between':
      return [range.low, range.high];
    case 'function':
      return range.args.slice(1);
  }
}

/** The last possible sort key of a range, if the range includes it. */
function lastOf({ range }: KeyCondition, isForward: boolean): Value | undefined {
  const inclusive = isForward ? '<=' : '>=';
  const bound =
    range?.kind === 'between'
      ? isForward
        ? range.high
        : range.low
      : range?.kind === 'compare' && range.comparator === inclusive
        ? range.right
        : undefined;
  return bound?.kind === 'value' ? bound.value : undefined;
}
