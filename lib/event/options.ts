import { OutboxError } from './errors';

/** An option that is not as it must be, named as the caller wrote it. */
export function refuseOption(option: string, got: unknown, allowed: string): never {
  throw new OutboxError('invalid-option', `Option "${option}" is ${shown(got)}; it must be ${allowed}.`, {
    option,
    got,
    allowed,
  });
}

/**
 * The value as an options object that has no other keys than `known`: a misspelt option would be a silent default.
 *
 * @param at - what the caller calls the object, such as `events['order.placed']`; empty for the only argument
 */
export function requireOptions(value: unknown, known: readonly string[], at = ''): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return refuseOption(at === '' ? 'options' : at, value, `an object with ${known.join(', ')}`);
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      refuseOption(at === '' ? name : `${at}.${name}`, value[name], `left out, because only ${known.join(', ')} exist`);
    }
  }
  return value;
}

/** What is set: an option that is `undefined` is left out, and does not replace a default. */
export const withoutUndefined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MAX_SHOWN_CHARACTERS = 80;

/** A value for an error message: never long, and never a second error. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, MAX_SHOWN_CHARACTERS));
    case 'undefined':
      return 'not set';
    case 'function':
      return 'a function';
    case 'object':
      return shownObject(value);
    default:
      return String(value);
  }
}

function shownObject(value: object | null): string {
  if (value === null) return 'null';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
}
