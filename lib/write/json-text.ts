import { pathText } from '../event/standard-schema';

export interface JsonIssue {
  readonly path: string;
  readonly message: string;
}

/** What JSON turns into `{}` or an index map without saying so. */
const LOSSY: readonly (new (...args: never[]) => object)[] = [
  Map,
  Set,
  WeakMap,
  WeakSet,
  RegExp,
  Promise,
  Error,
  ArrayBuffer,
];

/** What readers take by default (1,000 in Java's Jackson and Python), and far from the end of the stack. */
const MAX_DEPTH = 1000;
const SHOWN_KEYS = 5;

/**
 * `value` as JSON, or everything in it that JSON would drop or change: `JSON.stringify` writes NaN as null, a Map as {}
 * and leaves functions out. An undefined property is left out, as an optional field is; an undefined element is refused.
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

  const text = JSON.stringify(value, visit) as string | undefined;
  if (text === undefined) issues.push({ path: '', message: 'is not a JSON value' });
  return issues.length > 0 || text === undefined ? { issues } : { text };
}

function unfit(holder: unknown, original: unknown, converted: unknown): string | undefined {
  if (original instanceof Date && Number.isNaN(original.getTime()))
    return 'is an invalid Date, which JSON writes as null';
  if (ArrayBuffer.isView(original)) return 'is binary, for which JSON has no type: encode it as text, such as base64';
  switch (typeof converted) {
    case 'number':
      return Number.isFinite(converted) ? undefined : `is ${String(converted)}, which JSON writes as null`;
    case 'bigint':
      return 'is a BigInt, for which JSON has no type: convert it to a string';
    case 'function':
    case 'symbol':
      return `is a ${typeof converted}, which JSON leaves out`;
    case 'undefined':
      return Array.isArray(holder) ? 'is undefined, which JSON writes as null' : undefined;
    case 'object': {
      const lossy = LOSSY.find((each) => converted instanceof each);
      return lossy === undefined ? undefined : `is a ${lossy.name}, whose content JSON leaves out: convert it`;
    }
    default:
      return undefined;
  }
}
