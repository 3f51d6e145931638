import { Token, type Duration } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { OutboxError } from '../event/errors';
import { isRecord, shown } from '../event/options';

/** The error for an option that a construct or the app refuses; `advice` gives the reason or the fix. */
export const invalidOption = (option: string, got: unknown, allowed: string, advice: string): OutboxError =>
  new OutboxError('invalid-option', `Option "${option}" is ${printed(got)}; it must be ${allowed}. ${advice}`, {
    option,
    got,
    allowed,
  });

/** The kind of an option; `true` if another function checks it. */
export type OptionKind = true | 'seconds' | 'milliseconds' | 'list' | 'log-retention';

/**
 * Refuses options that are unknown, null or of another kind. A misspelt option would silently apply a default, and a
 * number instead of a `Duration` would cause a `TypeError` elsewhere.
 *
 * @throws OutboxError `invalid-option`, naming the option.
 */
export function checkOptions(owner: string, given: unknown, kinds: Readonly<Record<string, OptionKind>>): void {
  if (!isRecord(given)) {
    throw invalidOption(
      `props of ${owner}`,
      given,
      'an object of options',
      'Pass {} for the defaults, where there are.',
    );
  }
  refuseUnknownKeys(owner, given, Object.keys(kinds));
  for (const [option, value] of Object.entries(given)) {
    if (value === null) throw invalidOption(option, value, 'set or left out', 'Leave it out for its default.');
    if (value !== undefined) checkKind(option, value, kinds[option] ?? true);
  }
}

function checkKind(option: string, value: unknown, kind: OptionKind): void {
  if (kind === 'seconds' || kind === 'milliseconds') checkDuration(option, value, kind);
  if (kind === 'list' && !Array.isArray(value)) throw invalidOption(option, value, 'a list', 'Put it into brackets.');
  if (kind === 'log-retention' && !Token.isUnresolved(value) && !LOG_RETENTIONS.has(value)) {
    throw invalidOption(option, value, 'a value of RetentionDays', 'CloudWatch Logs keeps logs for these times only.');
  }
}

const LOG_RETENTIONS: ReadonlySet<unknown> = new Set(Object.values(RetentionDays));

function checkDuration(option: string, value: unknown, unit: 'seconds' | 'milliseconds'): void {
  if (!isDuration(value)) {
    throw invalidOption(option, value, 'a Duration of aws-cdk-lib, such as Duration.seconds(90)', 'It names its unit.');
  }
  if (value.isUnresolved()) return;
  const units = unit === 'seconds' ? value.toSeconds({ integral: false }) : value.toMilliseconds({ integral: false });
  if (Number.isSafeInteger(units)) return;
  throw invalidOption(option, value.toString(), `a Duration of whole ${unit}`, 'Round it.');
}

/** Tests the methods instead of the class: an app may contain several copies of the library. */
const isDuration = (value: unknown): value is Duration =>
  isRecord(value) && typeof value['toSeconds'] === 'function' && typeof value['isUnresolved'] === 'function';

/**
 * Refuses keys that are not in `allowed`: a misspelt option would silently apply a default.
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

/** The allowed name that the caller probably meant. */
export const nearestOf = (given: string, allowed: readonly string[]): string =>
  [...allowed].sort((a, b) => strangeness(given, a) - strangeness(given, b))[0] ?? '';

const printed = (value: unknown): string =>
  Token.isUnresolved(value) ? 'a value known only at deployment' : shown(value);

/** Prefers an allowed name that `given` is the beginning of, such as a name without its unit. */
const strangeness = (given: string, allowed: string): number =>
  Math.min(editDistance(given, allowed), editDistance(given, allowed.slice(0, given.length)) + 1);

/** Levenshtein distance without regard to case: the number of letters to change, add or remove. */
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
