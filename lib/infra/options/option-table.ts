import { Token, type Duration } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  anyValue,
  defaultsOf,
  integer as integerRule,
  isIntegerIn,
  optional,
  rangeText,
  text as textRule,
  type OptionRule,
  type OptionTable,
  type Range,
  type Resolved,
  type RuleSettings,
} from '../../event/option-rules';
import { isRecord, withoutUndefined } from '../../event/options';
import { isDuration, refuseUnknownKeys, requireOption } from './invalid-option';

// A token is a text without the pattern, so that `textAtSynthesis` refuses it.
export {
  anyValue,
  defaultsOf,
  oneOf,
  optional,
  required,
  text as textAtSynthesis,
  type OptionTable,
  type Resolved,
} from '../../event/option-rules';

/**
 * Checks each given option and fills in the defaults. A misspelt option would silently apply a default, and a number
 * instead of a `Duration` would cause a `TypeError` elsewhere.
 *
 * @param owner - the construct or option that the messages name
 * @param prefix - of the options' names in messages, such as `monitoring.`
 * @throws OutboxError `invalid-option`, naming the option, the value got and what is allowed.
 */
export function resolveOptions<Props extends object, Table extends OptionTable<Props>>(
  owner: string,
  given: Props,
  table: Table,
  prefix = '',
): Resolved<Props, Table> {
  requireOption(isRecord(given), `props of ${owner}`, given, 'an object of options', 'Pass {} for the defaults.');
  refuseUnknownKeys(owner, given, Object.keys(table));
  const rules: Readonly<Record<string, OptionRule>> = table;
  for (const [name, rule] of Object.entries(rules)) {
    const value: unknown = given[name];
    requireOption(value !== null, prefix + name, value, 'set or left out', 'Leave it out for its default.');
    if (value !== undefined || rule.isRequired === true) requireAllowed(rule, prefix + name, value);
  }
  // The compiler cannot see that the defaults of the table complete the given options.
  return { ...defaultsOf(rules), ...withoutUndefined(given) } as unknown as Resolved<Props, Table>;
}

/** @throws OutboxError `invalid-option` for a value that the rule of its option does not allow. */
export const requireAllowed = ({ allows, allowed, advice = '' }: OptionRule, name: string, value: unknown): void =>
  requireOption(allows(value), name, value, allowed, advice);

/** Options that the construct or its other checks validate. */
export const unchecked = <Name extends string>(...names: readonly Name[]): Record<Name, OptionRule<undefined>> =>
  Object.fromEntries(names.map((name) => [name, anyValue()])) as Record<Name, OptionRule<undefined>>;

type Settings<Default> = RuleSettings<Default> & { readonly advice: string };

/** An integer that is known at synthesis: a token in its place is no safe integer. */
export const integer = <Default extends number | undefined = undefined>(
  settings: Settings<Default> & Range,
): OptionRule<Default> => {
  const rule = integerRule(settings);
  return { ...rule, allowed: `${rule.allowed}, known at synthesis` };
};

const UNITS = {
  milliseconds: (duration: Duration) => duration.toMilliseconds({ integral: false }),
  seconds: (duration: Duration) => duration.toSeconds({ integral: false }),
  minutes: (duration: Duration) => duration.toMinutes({ integral: false }),
};

/** A `Duration` of whole units that is known at synthesis; the range is in these units. */
export const duration = <Default extends Duration | undefined = undefined>(
  unit: keyof typeof UNITS,
  { default: byDefault, advice, ...range }: Settings<Default> & Range,
): OptionRule<Default> => ({
  default: byDefault as Default,
  allows: (value) => isDuration(value) && !value.isUnresolved() && isIntegerIn(UNITS[unit](value), range),
  allowed: `a Duration of aws-cdk-lib in whole ${unit} ${rangeText(range)}, known at synthesis`,
  advice,
});

/** An option that may also be `false`, to switch it off. */
export const orFalse = <Default>(rule: OptionRule<Default>): OptionRule<Default> => ({
  ...rule,
  allows: (value) => value === false || rule.allows(value),
});

interface TextSettings<Default> extends Settings<Default> {
  readonly pattern: RegExp;
  /** The pattern in words. */
  readonly allowed: string;
}

/** A text of a pattern; a text that only the deployment knows passes. */
export const text = <Default extends string | undefined = undefined>(
  settings: TextSettings<Default>,
): OptionRule<Default> => {
  const rule = textRule(settings);
  return {
    ...rule,
    allows: (value) => (typeof value === 'string' && Token.isUnresolved(value)) || rule.allows(value),
  };
};

export const list = (): OptionRule<undefined> => ({
  ...optional(Array.isArray, 'a list'),
  advice: 'Put it into brackets.',
});

const LOG_RETENTIONS: ReadonlySet<unknown> = new Set(Object.values(RetentionDays));

export const logRetention = (): OptionRule<RetentionDays> => ({
  default: RetentionDays.ONE_MONTH,
  allows: (value) => Token.isUnresolved(value) || LOG_RETENTIONS.has(value),
  allowed: 'a value of RetentionDays',
  advice: 'CloudWatch Logs keeps logs for these times only.',
});

export const TABLE_NAME = text({
  pattern: /^[A-Za-z0-9_.-]{3,255}$/,
  allowed: '3 to 255 letters, digits, "_", "." or "-"',
  advice: 'That is what DynamoDB allows. Without it, CloudFormation generates one.',
});
