import { Token, type Duration } from 'aws-cdk-lib';
import { editDistance } from '../../event/edit-distance';
import { OutboxError } from '../../event/errors';
import { isRecord, shown } from '../../event/options';

/** The error for an option that a construct or the app refuses; `advice` gives the reason or the fix. */
export function invalidOption(option: string, value: unknown, allowed: string, advice: string): OutboxError {
  const got = isDuration(value) && !value.isUnresolved() ? value.toString() : value;
  const message = `Option "${option}" is ${printed(got)}; it must be ${allowed}. ${advice}`;
  return new OutboxError('invalid-option', message, { option, got, allowed });
}

/** @throws OutboxError `invalid-option` unless the condition holds. */
export function requireOption(
  condition: boolean,
  option: string,
  got: unknown,
  allowed: string,
  advice: string,
): asserts condition {
  if (!condition) throw invalidOption(option, got, allowed, advice);
}

/** @throws OutboxError `invalid-option` for the first one set: it would have no effect, but its caller relies on it. */
export function requireLeftOut(options: Readonly<Record<string, unknown>>, allowed: string, advice: string): void {
  for (const [option, got] of Object.entries(options)) {
    requireOption(got === undefined, option, got, allowed, advice);
  }
}

/** @throws OutboxError `invalid-option` for a value that the list contains twice. */
export function requireUnique(option: string, values: readonly unknown[]): void {
  const repeated = values.find((value, index) => values.indexOf(value) !== index);
  requireOption(repeated === undefined, option, repeated, 'a list without repetitions', 'Remove one of the two.');
}

/** Tests the methods instead of the class: an app may contain several copies of the library. */
export const isDuration = (value: unknown): value is Duration =>
  isRecord(value) && typeof value['toSeconds'] === 'function' && typeof value['isUnresolved'] === 'function';

/** @throws OutboxError `invalid-option`, naming the nearest allowed key: a misspelt one silently applies a default. */
export function refuseUnknownKeys(owner: string, given: object, allowed: readonly string[]): void {
  const unknown = Object.keys(given).find((key) => !allowed.includes(key));
  if (unknown === undefined) return;
  throw new OutboxError(
    'invalid-option',
    `${owner} has no option "${unknown}". Did you mean "${nearestOf(unknown, allowed)}"? Allowed are ${allowed.join(', ')}.`,
    { option: unknown, got: unknown, allowed: allowed.join(', ') },
  );
}

export const nearestOf = (given: string, allowed: readonly string[]): string =>
  [...allowed].sort((a, b) => strangeness(given, a) - strangeness(given, b))[0] ?? '';

const printed = (value: unknown): string =>
  Token.isUnresolved(value) || isDuration(value) ? 'a value known only at deployment' : shown(value);

/** Prefers an allowed name that `given` is the beginning of, such as a name without its unit. */
const strangeness = (given: string, allowed: string): number =>
  Math.min(editDistance(given, allowed), editDistance(given, allowed.slice(0, given.length)) + 1);
