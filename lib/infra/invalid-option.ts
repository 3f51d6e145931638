import { Token } from 'aws-cdk-lib';
import { OutboxError } from '../event/errors';
import { shown } from '../event/options';

/** The typed error of an option that a construct or the app cannot accept; `advice` says why, or what to do. */
export const invalidOption = (option: string, got: unknown, allowed: string, advice: string): OutboxError =>
  new OutboxError('invalid-option', `Option "${option}" is ${printed(got)}; it must be ${allowed}. ${advice}`, {
    option,
    got,
    allowed,
  });

/**
 * Refuses keys that are not in `allowed`: a misspelt option would otherwise be a silent default.
 *
 * @throws OutboxError `invalid-option`, naming the nearest allowed key.
 */
export function refuseUnknownKeys(owner: string, given: object, allowed: readonly string[]): void {
  const unknown = Object.keys(given).find((key) => !allowed.includes(key));
  if (unknown === undefined) return;
  throw new OutboxError(
    'invalid-option',
    `${owner} has no option "${unknown}". Did you mean "${nearestOf(unknown, allowed)}"? Allowed are ${allowed.join(', ')}.`,
    { option: unknown, got: unknown, allowed: allowed.join(', ') },
  );
}

/** The allowed name that was probably meant. */
export const nearestOf = (given: string, allowed: readonly string[]): string =>
  [...allowed].sort((a, b) => strangeness(given, a) - strangeness(given, b))[0] ?? '';

const printed = (value: unknown): string =>
  Token.isUnresolved(value) ? 'a value known only at deployment' : shown(value);

/** A name that was only cut short, such as of its unit, is nearer than its length says. */
const strangeness = (given: string, allowed: string): number =>
  Math.min(editDistance(given, allowed), editDistance(given, allowed.slice(0, given.length)) + 1);

/** How many letters must be changed, added or removed (Levenshtein), letter case aside. */
function editDistance(from: string, to: string): number {
  const target = to.toLowerCase();
  let row = Array.from({ length: target.length + 1 }, (_, index) => index);
  Array.from(from.toLowerCase()).forEach((letter, index) => {
    const next = [index + 1];
    for (let column = 1; column <= target.length; column++) {
      const substituted = (row[column - 1] ?? 0) + (letter === target[column - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  });
  return row[target.length] ?? 0;
}
