import { attributesIn, holds, type Condition, type Predicate, type PredicateOperator } from './condition';
import { notSimulated, refuse } from './errors';
import { readExpressions } from './expressions';
import type { Operand } from './operand';
import { projected, type Path } from './path';
import type { Request } from './request';
import { orderOf, parseItem, type FoundItem, type Segment, type Table } from './table';
import { equal, type Item, type Value } from './value';

/** A page of Query or Scan ends after this many bytes. */
const MAX_PAGE_BYTES = 1024 * 1024;

export interface Read {
  readonly table: Table;
  readonly key: Item;
  readonly projection?: readonly Path[];
}

export function readGet(table: Table, request: Request): Read {
  const { projection } = readExpressions(table, request);
  return { table, key: table.namedKey(request.Key), projection };
}

export function found({ table, key, projection }: Read): { Item?: Item } {
  table.checkKey(key);
  const stored = table.stored(key);
  table.onRead(stored?.bytes ?? 0);
  return stored === undefined ? {} : { Item: projected(parseItem(stored.text), projection) };
}

export function query(table: Table, request: Request): object {
  const page = readPage(table, request);
  const { from, filter } = page;
  const condition = page.keyCondition ?? refuse('Either KeyConditions or KeyConditionExpression must be given');
  const { partition, range } = readKeyCondition(table, condition);
  const key = filter === undefined ? undefined : attributesIn(filter).find((name) => table.keyNames.includes(name));
  if (key !== undefined) {
    refuse(`Filter Expression can only contain non-primary key attributes: Primary key attribute: ${key}`);
  }
  const isForward = request.ScanIndexForward !== false;
  const end = range === undefined ? undefined : lastOf(range, isForward);
  const isInRange = (item: Item): boolean => range === undefined || holds(range, item);
  const isWithin = (item: Item): boolean => equal(item[table.partitionKey] ?? {}, partition) && isInRange(item);
  if (from !== undefined && (!isWithin(from) || isAt(table, from, end))) {
    refuse('The provided starting key does not match the range key predicate');
  }
  const fromOrder = from === undefined ? undefined : sortOrderOf(table, from);
  const start = fromOrder ?? (range === undefined ? undefined : startOf(range, isForward));
  function* items(): Generator<FoundItem, void, undefined> {
    for (const found of table.partition(partition, isForward, start)) {
      const order = sortOrderOf(table, found.item);
      if (isInRange(found.item)) {
        if (order !== fromOrder) yield found;
      } else if (order !== start) return;
    }
  }
  return pageOf(table, items(), page, end);
}

const sortOrderOf = (table: Table, item: Item): string => orderOf(item[table.sortKey ?? ''] ?? {});

/** How a scan differs from one of the whole table of the test kit. */
export interface ScanOptions {
  readonly segment?: Segment;
  /** Whether the item of the exclusive start key may have been deleted. */
  readonly mayStartBehindGone?: boolean;
}

export function scan(table: Table, request: Request, options: ScanOptions = {}): object {
  const page = readPage(table, request);
  const { from } = page;
  if (from !== undefined && options.mayStartBehindGone !== true && table.stored(from) === undefined) {
    notSimulated('Scan from an item that is gone', 'Test what deletes between two pages against DynamoDB Local.');
  }
  return pageOf(table, table.all(from, options.segment), page);
}

function readPage(table: Table, request: Request) {
  const { Limit: limit = Infinity, ExclusiveStartKey: from, Select: select, ProjectionExpression } = request;
  const expressions = readExpressions(table, request);
  if (limit < 1) refuse('Limit must be greater than or equal to 1');
  const isProjected = ProjectionExpression !== undefined;
  if (select === 'ALL_PROJECTED_ATTRIBUTES') refuse(`${select} can be used only when Querying using an IndexName`);
  if (select === 'SPECIFIC_ATTRIBUTES' && !isProjected) {
    refuse(`Must specify the AttributesToGet or ProjectionExpression when choosing to get ${select}`);
  }
  if (select !== undefined && select !== 'SPECIFIC_ATTRIBUTES' && isProjected) {
    refuse(`Cannot specify the ProjectionExpression when choosing to get ${select}`);
  }
  return {
    ...expressions,
    limit,
    from: from === undefined ? undefined : table.key(from),
    isCounted: select === 'COUNT',
  };
}

/** @param end - a page that reaches an item with this sort key is the last one */
function pageOf(
  table: Table,
  items: Iterable<FoundItem>,
  { filter, projection, limit, isCounted }: ReturnType<typeof readPage>,
  end?: Value,
): object {
  const seen: Item[] = [];
  let bytes = 0;
  const isFull = (): boolean => seen.length >= limit || bytes > MAX_PAGE_BYTES;
  for (const found of items) {
    seen.push(found.item);
    bytes += found.bytes;
    if (isFull()) break;
  }
  table.onRead(bytes);
  const last = seen.at(-1);
  const chosen = filter === undefined ? seen : seen.filter((item) => holds(filter, item));
  return {
    ...(isCounted ? {} : { Items: chosen.map((item) => projected(item, projection)) }),
    Count: chosen.length,
    ScannedCount: seen.length,
    ...(isFull() && last !== undefined && !isAt(table, last, end) ? { LastEvaluatedKey: table.keyIn(last) } : {}),
  };
}

const isAt = (table: Table, item: Item, end: Value | undefined): boolean =>
  end !== undefined && equal(item[table.sortKey ?? ''] ?? { NULL: true }, end);

/** The operators of a condition on a sort key. */
const RANGES: readonly string[] = ['=', '<', '<=', '>', '>=', 'BETWEEN', 'begins_with'];

/** Parses `pk = :value`, alone or with one condition on the sort key, which becomes the first operand of `range`. */
function readKeyCondition(table: Table, condition: Condition): { partition: Value; range?: Predicate } {
  const { partitionKey, sortKey } = table;
  const parts = (condition.operator === 'AND' ? condition.conditions : [condition]).map(keyFirst);
  const partitions = parts.flatMap((part) => {
    if (part.operator !== '=' || !isOf(part, partitionKey)) return [];
    const [, bound] = part.operands;
    return bound?.kind === 'value' ? [bound.value] : [];
  });
  const ranges = parts.filter(
    (part): part is Predicate => sortKey !== undefined && RANGES.includes(part.operator) && isOf(part, sortKey),
  );
  const [partition] = partitions;
  if (partition === undefined || partitions.length !== 1 || partitions.length + ranges.length !== parts.length) {
    return refuse(`Query condition missed key schema element: ${partitionKey}, or is not supported`);
  }
  table.checkKeyValue(partitionKey, partition);
  const [range] = ranges;
  for (const bound of range?.operands.slice(1) ?? []) {
    if (bound.kind !== 'value') return refuse('A sort key can be compared with values only');
    table.checkKeyValue(sortKey ?? '', bound.value);
  }
  return { partition, range };
}

/** Turns `:value < sk` into `sk > :value`. */
function keyFirst(part: Condition): Condition {
  if ('conditions' in part) return part;
  const mirrored = MIRRORED[part.operator];
  return mirrored === undefined || part.operands[0]?.kind !== 'value'
    ? part
    : { operator: mirrored, operands: part.operands.toReversed() };
}

const MIRRORED: Readonly<Partial<Record<PredicateOperator, PredicateOperator>>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

function isOf(part: Condition, name: string): part is Predicate {
  const [first]: readonly Operand[] = 'operands' in part ? part.operands : [];
  return first?.kind === 'path' && first.path.length === 1 && first.path[0] === name;
}

/** The first possible sort key of a range, as `orderOf` has it, if the range begins with one in this direction. */
function startOf({ operator, operands }: Predicate, isForward: boolean): string | undefined {
  if (!(isForward ? FROM_BELOW : FROM_ABOVE).includes(operator)) return undefined;
  const [, low, high] = operands;
  const bound = operator === 'BETWEEN' && !isForward ? high : low;
  if (bound?.kind !== 'value') return undefined;
  const order = orderOf(bound.value);
  return operator === 'begins_with' && !isForward ? `${order}${AFTER_PREFIX}` : order;
}

/** Behind every sort key that begins with the same bytes. */
const AFTER_PREFIX = '\uffff';

const FROM_BELOW: readonly string[] = ['=', '>', '>=', 'BETWEEN', 'begins_with'];
const FROM_ABOVE: readonly string[] = ['=', '<', '<=', 'BETWEEN', 'begins_with'];

/** The last possible sort key of a range, if the range includes it. */
function lastOf({ operator, operands }: Predicate, isForward: boolean): Value | undefined {
  if (operator !== 'BETWEEN' && operator !== (isForward ? '<=' : '>=')) return undefined;
  const [, bound, high] = operands;
  const last = isForward ? (high ?? bound) : bound;
  return last?.kind === 'value' ? last.value : undefined;
}
