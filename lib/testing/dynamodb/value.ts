import { isDeepStrictEqual } from 'node:util';
import { compareNumbers, normalNumber } from './decimal';
import { refuse } from './errors';

/** A typed value in wire format. Exactly one member is set; bytes are base64. */
export interface Value {
  readonly S?: string;
  readonly N?: string;
  readonly B?: string;
  readonly BOOL?: boolean;
  readonly NULL?: boolean;
  readonly L?: readonly Value[];
  readonly M?: Item;
  readonly SS?: readonly string[];
  readonly NS?: readonly string[];
  readonly BS?: readonly string[];
}
export type Item = Readonly<Record<string, Value>>;

export const SET_TYPES = ['SS', 'NS', 'BS'] as const;
const TYPES = ['S', 'N', 'B', 'BOOL', 'NULL', 'L', 'M', ...SET_TYPES] as const;
export type ValueType = (typeof TYPES)[number];

export const isValueType = (text: string | undefined): text is ValueType => TYPES.some((type) => type === text);

/** Maximum length of an attribute name: Amazon DynamoDB developer guide, "Quotas". */
export const MAX_NAME_BYTES = 65_535;

export function typeOf(value: Value): ValueType {
  let set: ValueType | undefined;
  for (const type of TYPES) {
    if (value[type] === undefined) continue;
    if (set !== undefined) return refuse(NOT_ONE_TYPE);
    set = type;
  }
  return set ?? refuse(NOT_ONE_TYPE);
}

const NOT_ONE_TYPE = 'Supplied AttributeValue has more than one datatypes set, or none; it must have exactly one';

/** The members of a set, each with its type; `undefined` for any other value. */
export function membersOf({ SS, NS, BS }: Value): readonly Value[] | undefined {
  if (SS !== undefined) return SS.map((S) => ({ S }));
  if (NS !== undefined) return NS.map((N) => ({ N }));
  return BS?.map((B) => ({ B }));
}

/** Maximum depth of nested lists and maps: Amazon DynamoDB developer guide, "Quotas". */
const MAX_NESTING = 32;

/** The value as DynamoDB stores it; refuses an invalid one. `level`: the number of lists and maps around it. */
export function storedValue(value: Value, level = 0): Value {
  const type = typeOf(value);
  if ((type === 'L' || type === 'M') && level >= MAX_NESTING) {
    refuse(`Nesting Levels have exceeded supported limits: lists and maps lie more than ${MAX_NESTING} levels deep`);
  }
  switch (type) {
    case 'N':
      return { N: normalNumber(value.N ?? '') };
    case 'L':
      return { L: (value.L ?? []).map((each) => storedValue(each, level + 1)) };
    case 'M':
      return { M: storedItem(value.M ?? {}, level + 1) };
    case 'NS':
      return storedSet({ NS: (value.NS ?? []).map(normalNumber) });
    case 'SS':
    case 'BS':
      return storedSet(value);
    case 'NULL':
      return value.NULL === true
        ? value
        : refuse('One or more parameter values were invalid: Null attribute value types must have the value of true');
    default:
      return value;
  }
}

/** The item itself counts as the first level. */
export const storedItem = (item: Item, level = 1): Item =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => {
      if (name === '') refuse('Empty attribute name');
      if (Buffer.byteLength(name) > MAX_NAME_BYTES) refuse(`Attribute name is larger than ${MAX_NAME_BYTES} bytes`);
      return [name, storedValue(value, level)];
    }),
  );

function storedSet(set: Value): Value {
  const members = membersOf(set) ?? [];
  if (members.length === 0) refuse('One or more parameter values were invalid: An set may not be empty');
  if (new Set(members.map((member) => JSON.stringify(member))).size < members.length) {
    refuse('One or more parameter values were invalid: Input collection contains duplicates.');
  }
  return set;
}

/** Whether two stored values are equal. The members of a set have no order. */
export const equal = (a: Value, b: Value): boolean => isDeepStrictEqual(comparable(a), comparable(b));

function comparable(value: Value): unknown {
  if (value.L !== undefined) return value.L.map(comparable);
  if (value.M !== undefined) return new Map(Object.entries(value.M).map(([name, each]) => [name, comparable(each)]));
  const members = membersOf(value);
  return members === undefined ? value : new Set(members);
}

/** Negative, positive or 0; `undefined` for missing values and for types that differ or have no order. */
export function compare(a: Value | undefined, b: Value | undefined): number | undefined {
  if (a?.N !== undefined && b?.N !== undefined) return compareNumbers(a.N, b.N);
  return withBytes(a, b, (left, right) => Buffer.compare(left, right));
}

/** Compares the bytes of two texts or of two binary values; `undefined` for any other values. */
export function withBytes<T>(
  a: Value | undefined,
  b: Value | undefined,
  compared: (a: Buffer, b: Buffer) => T,
): T | undefined {
  if (a === undefined || b === undefined || typeOf(a) !== typeOf(b)) return undefined;
  const [left, right] = [orderedBytes(a), orderedBytes(b)];
  return left === undefined || right === undefined ? undefined : compared(left, right);
}

/** The bytes by which a text (as UTF-8) or a binary value is sorted. */
export function orderedBytes({ S, B }: Value): Buffer | undefined {
  if (S !== undefined) return Buffer.from(S);
  return B === undefined ? undefined : Buffer.from(B, 'base64');
}

const LIST_OR_MAP_BYTES = 3;

/** Approximate size as DynamoDB counts it: its developer guide, "DynamoDB item sizes and formats". */
export function bytesOf(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueBytes(value);
  return bytes;
}

function valueBytes(value: Value): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.replace(/[-.]/g, '').length / 2) + 1;
  if (value.L !== undefined) {
    return value.L.reduce((sum, each) => sum + 1 + valueBytes(each), LIST_OR_MAP_BYTES);
  }
  if (value.M !== undefined) return LIST_OR_MAP_BYTES + Object.keys(value.M).length + bytesOf(value.M);
  const members = membersOf(value);
  if (members !== undefined) return members.reduce((sum, each) => sum + valueBytes(each), 0);
  return orderedBytes(value)?.length ?? 1;
}
