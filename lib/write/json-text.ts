import { errorText, isPlainObject } from '../event/options';
import { pathText } from '../event/standard-schema';

export interface JsonIssue {
  readonly path: string;
  readonly message: string;
}

/** JSON writes these as `{}`, or as the properties that a program has added to them. */
const LOSSY: ReadonlySet<string> = new Set(['Map', 'Set', 'RegExp', 'Promise', 'Error', 'Symbol']);

/** Readers accept this depth by default (1,000 in Java's Jackson and Python); a stack overflow is far beyond it. */
const MAX_DEPTH = 1000;
const SHOWN_KEYS = 5;

/** The library's type omits `undefined`, which `JSON.stringify` returns for a value that JSON cannot represent. */
const stringify: (value: unknown, replacer: (key: string, value: unknown) => unknown) => string | undefined =
  JSON.stringify;

/**
 * Returns `value` as JSON, or an issue for each part that JSON would drop or change: `JSON.stringify` writes NaN as
 * null, a Map as {} and leaves functions out. An undefined property is left out, like an optional field; an undefined
 * element is an issue. A getter or `toJSON` that throws is an issue, too.
 */
export function jsonText(value: unknown): { readonly text: string } | { readonly issues: readonly JsonIssue[] } {
  const issues: JsonIssue[] = [];
  const paths = new Map<unknown, readonly PropertyKey[]>();
  const ancestors: unknown[] = [];

  const visit = function (this: unknown, key: string, converted: unknown): unknown {
    const holder = this as Readonly<Record<string, unknown>>;
    while (ancestors.length > 0 && ancestors.at(-1) !== holder) ancestors.pop();
    const parent = paths.get(holder);
    const path = parent === undefined ? [] : [...parent, Array.isArray(holder) ? Number(key) : key];
    const problem = ancestors.includes(converted) ? 'refers back to itself' : unfit(holder, holder[key], converted);
    if (problem !== undefined) {
      issues.push({ path: pathText(path), message: problem });
      return null;
    }
    if (typeof converted === 'object' && converted !== null) {
      if (ancestors.length >= MAX_DEPTH) {
        const message = `is nested more than ${MAX_DEPTH} levels deep, which many readers refuse`;
        issues.push({ path: `${pathText(path.slice(0, SHOWN_KEYS))}…`, message });
        return null;
      }
      paths.set(converted, path);
      ancestors.push(converted);
    }
    return converted;
  };

  let text: string | undefined;
  try {
    text = stringify(value, visit);
  } catch (error) {
    return { issues: [...issues, { path: pathText(whereReadingThrows(value) ?? []), message: unreadable(error) }] };
  }
  if (text === undefined) issues.push({ path: '', message: 'is not a JSON value' });
  return issues.length > 0 || text === undefined ? { issues } : { text };
}

const unreadable = (error: unknown): string => `cannot be read: a getter or toJSON throws (${errorText(error)})`;

/** The path of the first property whose getter or `toJSON` throws; `undefined` if the second reading succeeds. */
function whereReadingThrows(value: unknown): readonly PropertyKey[] | undefined {
  const seen = new Set<unknown>();
  const stack: { readonly path: readonly PropertyKey[]; readonly read: () => unknown }[] = [
    { path: [], read: () => value },
  ];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { path, read } = next;
    try {
      const found = converted(read(), String(path.at(-1) ?? ''));
      if (typeof found !== 'object' || found === null || seen.has(found)) continue;
      seen.add(found);
      const isList = Array.isArray(found);
      for (const key of Object.keys(found).reverse()) {
        stack.push({
          path: [...path, isList ? Number(key) : key],
          read: () => (found as Record<string, unknown>)[key],
        });
      }
    } catch {
      return path;
    }
  }
  return undefined;
}

function converted(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !('toJSON' in value)) return value;
  const { toJSON } = value;
  return typeof toJSON === 'function' ? (toJSON.call(value, key) as unknown) : value;
}

/** The name of a built-in class, also of another realm: `Map`, `Number`. */
const classOf = (value: object): string => Object.prototype.toString.call(value).slice('[object '.length, -1);

function unfitObject(value: object): string | undefined {
  if (Array.isArray(value) || isPlainObject(value)) return undefined;
  const name = classOf(value);
  switch (name) {
    // An instance of a class: JSON writes its own properties.
    case 'Object':
    case 'String':
    case 'Boolean':
      return undefined;
    case 'Number':
      return unfitNumber(Number(value));
    case 'BigInt':
      return BIGINT;
    default:
      // Blob, Headers, iterators, WeakRef and similar objects keep their content where JSON does not see it.
      return LOSSY.has(name) || Object.keys(value).length === 0
        ? `is a ${name}, whose content JSON leaves out: convert it`
        : undefined;
  }
}

const BIGINT = 'is a BigInt, for which JSON has no type: convert it to a string';
const unfitNumber = (value: number): string | undefined =>
  Number.isFinite(value) ? undefined : `is ${value}, which JSON writes as null`;

function unfit(holder: unknown, original: unknown, converted: unknown): string | undefined {
  // Also for a Date of another realm. `toJSON` has converted a valid Date to text already.
  if (converted === null && typeof original === 'object' && original !== null && classOf(original) === 'Date') {
    return 'is an invalid Date, which JSON writes as null';
  }
  if (ArrayBuffer.isView(original)) return 'is binary, for which JSON has no type: encode it as text, such as base64';
  switch (typeof converted) {
    case 'number':
      return unfitNumber(converted);
    case 'bigint':
      return BIGINT;
    case 'function':
    case 'symbol':
      return `is a ${typeof converted}, which JSON leaves out`;
    case 'undefined':
      return Array.isArray(holder) ? 'is undefined, which JSON writes as null' : undefined;
    case 'object':
      return converted === null ? undefined : unfitObject(converted);
    default:
      return undefined;
  }
}
