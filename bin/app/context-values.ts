import { invalidOption, refuseUnknownKeys, requireOption } from '../../lib/infra/options/invalid-option';

/** CDK context: texts from `-c`, any JSON from cdk.json. */
export type Context = Readonly<Record<string, unknown>>;

/** Reads the value of a context key; `undefined` if the key is not set. */
type Reader<Value> = (key: string, value: unknown) => Value;

export type ContextTable = Readonly<Record<string, Reader<unknown>>>;

/** The values of a table's keys; a value without a default may be `undefined`. */
export type ContextOf<Table extends ContextTable> = {
  readonly [Key in keyof Table as undefined extends ReturnType<Table[Key]> ? never : Key]: ReturnType<Table[Key]>;
} & {
  readonly [Key in keyof Table as undefined extends ReturnType<Table[Key]> ? Key : never]?: ReturnType<Table[Key]>;
};

/** @throws OutboxError `invalid-option` for a malformed value, and for a key that the table does not have. */
export function readContext<Table extends ContextTable>(context: Context, table: Table): ContextOf<Table> {
  const own = ownKeys(context);
  refuseUnknownKeys('The context', own, Object.keys(table));
  const values = Object.entries(table).map(([key, read]) => [key, read(key, own[key])]);
  // `Object.fromEntries` loses the type of the keys.
  return Object.fromEntries(values) as ContextOf<Table>;
}

/** Removes the CDK's own keys (`@aws-cdk/…`, `aws:cdk:…`, cached look-ups). */
export const ownKeys = (context: Context): Context =>
  Object.fromEntries(Object.entries(context).filter(([key]) => !/[@:]/.test(key)));

const LEAVE_OUT = 'Leave the key out for its default.';

export function text(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  requireOption(typeof value === 'string' && value.trim() !== '', key, value, 'a non-empty text', LEAVE_OUT);
  return value.trim();
}

export function list(key: string, value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const entries: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  const texts = entries.map((entry) => (typeof entry === 'string' ? entry.trim() : ''));
  const advice = 'Write a JSON array, or separate the entries by commas, such as "a,b".';
  requireOption(texts.length > 0 && !texts.includes(''), key, value, 'a list of non-empty texts', advice);
  return texts;
}

export const oneOf =
  <Text extends string>(...allowed: readonly Text[]): Reader<Text | undefined> =>
  (key, value) => {
    if (value === undefined) return undefined;
    const found = allowed.find((candidate) => candidate === value);
    requireOption(found !== undefined, key, value, `one of ${allowed.join(', ')}`, 'Names are in lower case.');
    return found;
  };

export function flag(key: string, value: unknown): boolean | undefined {
  if (value === undefined) return undefined;
  // `-c` passes every value as text.
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw invalidOption(key, value, 'true or false', LEAVE_OUT);
}

export function wholeNumber(key: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  // `-c` passes every value as text.
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  const isAllowed = typeof number === 'number' && Number.isSafeInteger(number) && number >= 0;
  requireOption(isAllowed, key, value, 'a whole number of at least 0', 'Write digits only, without a unit.');
  return number;
}

export const withDefault =
  <Value>(read: Reader<Value>, byDefault: NonNullable<Value>): Reader<NonNullable<Value>> =>
  (key, value) =>
    read(key, value) ?? byDefault;
