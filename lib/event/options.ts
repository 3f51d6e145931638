import { OutboxError } from './errors';

/** Throws for an invalid option, named as the caller wrote it. */
export function refuseOption(option: string, got: unknown, allowed: string): never {
  throw new OutboxError('invalid-option', `Option "${option}" is ${shown(got)}; it must be ${allowed}.`, {
    option,
    got,
    allowed,
  });
}

/**
 * Returns `value` as options without keys other than `known`: a misspelt option would be a silent default.
 *
 * @param at - the caller's name for the object, such as `events['order.placed']`; empty for the only argument
 */
export function requireOptions(value: unknown, known: readonly string[], at = ''): Readonly<Record<string, unknown>> {
  // Options in a Map would be silent defaults, too.
  if (!isRecord(value) || hasHiddenContent(value))
    return refuseOption(at === '' ? 'options' : at, value, `an object with ${known.join(', ')}`);
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      refuseOption(at === '' ? name : `${at}.${name}`, value[name], `left out, because only ${known.join(', ')} exist`);
    }
  }
  return value;
}

/** The options that are set: `undefined` counts as left out and does not replace a default. */
export const withoutUndefined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object that a JSON text holds; `undefined` for any other text. No error shows the text, which may be a secret. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the value is an object literal, even of another realm or without a prototype, and no instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

/** Whether the value is a Map, `Headers` or similar, whose content is not in properties. */
const hasHiddenContent = (value: object): boolean =>
  !isPlainObject(value) &&
  Object.keys(value).length === 0 &&
  Object.prototype.toString.call(value) !== '[object Object]';

const MAX_SHOWN_CHARACTERS = 80;

/** Formats a value for an error message; keeps it short and never throws. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, MAX_SHOWN_CHARACTERS));
    case 'undefined':
      return 'not set';
    case 'function':
      return 'a function';
    case 'bigint':
      return `${value}n`;
    case 'object':
      try {
        return shownObject(value);
      } catch {
        return 'an object that cannot be read';
      }
    default:
      return String(value);
  }
}

const MAX_REASON_CHARACTERS = 500;

/** The text of an error or of any other thrown value. Never throws. */
export function errorText(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
      return error.message.slice(0, MAX_REASON_CHARACTERS);
    }
  } catch {
    // The property is a getter that throws.
  }
  return shown(error);
}

function shownObject(value: object | null): string {
  if (value === null) return 'null';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
}
