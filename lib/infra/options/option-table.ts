import type { Duration } from 'aws-cdk-lib';
import { Token } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { isRecord, withoutUndefined } from '../../event/options';
import { isDuration, refuseUnknownKeys, requireOption } from './invalid-option';

/** One option of a construct: its default and its check. */
export interface Option<Default = unknown> {
  /** `undefined` if the option has none, or if it depends on the stack or on other options. */
  readonly default: Default;
  /** @throws OutboxError `invalid-option` for a value of another kind or outside of the range. */
  readonly check: (name: string, value: unknown) => void;
}

/** Every option of `Props`: the compiler refuses a table that lacks one, and one that has another. */
export type OptionTable<Props> = { readonly [Name in keyof Required<Props>]: Option<Props[Name] | undefined> };

type NamesWithDefault<Table> = {
  [Name in keyof Table]: Table[Name] extends Option<infer Default> ? (undefined extends Default ? never : Name) : never;
}[keyof Table];

/** The defaults of a table that are values. */
export type Defaults<Table> = {
  readonly [Name in NamesWithDefault<Table>]: Table[Name] extends Option<infer Default> ? Default : never;
};

/** Props whose defaults are filled in. */
export type Resolved<Props, Table> = Props & Required<Pick<Props, NamesWithDefault<Table> & keyof Props>>;

/** Every default that is a value; a default that depends on the stack is described at its option. */
export const defaultsOf = <Table extends Readonly<Record<string, Option>>>(table: Table): Defaults<Table> =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, option]) => (option.default === undefined ? [] : [[name, option.default]])),
  ) as Defaults<Table>;

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
  for (const [name, value] of Object.entries(given)) {
    requireOption(value !== null, prefix + name, value, 'set or left out', 'Leave it out for its default.');
    if (value !== undefined) (table as Readonly<Record<string, Option>>)[name]?.check(prefix + name, value);
  }
  // The compiler cannot see that the defaults of the table complete the given options.
  return { ...defaultsOf(table), ...withoutUndefined(given) } as unknown as Resolved<Props, Table>;
}

/** An option that the construct or its other checks validate. */
export function anyValue(): Option<undefined>;
export function anyValue<Default>(byDefault: Default): Option<Default>;
export function anyValue(byDefault?: unknown): Option {
  return { default: byDefault, check: () => undefined };
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

interface Settings<Default> {
  readonly default?: Default;
  /** The reason or the fix, at the end of the message. */
  readonly advice: string;
}

/** A whole number that is known at synthesis. */
export const integer = <Default extends number | undefined = undefined>({
  default: byDefault,
  advice,
  ...range
}: Settings<Default> & Range): Option<Default> => ({
  default: byDefault as Default,
  check: (name, value) => requireInteger(name, value, range, advice),
});

/** @throws OutboxError `invalid-option` unless the value is a whole number in the range, known at synthesis. */
export function requireInteger(name: string, value: unknown, range: Range, advice: string): void {
  const isAllowed = typeof value === 'number' && !Token.isUnresolved(value) && isWholeIn(value, range);
  requireOption(isAllowed, name, value, `an integer ${rangeText(range)}, known at synthesis`, advice);
}

const isWholeIn = (value: number, { min = 0, max = Number.MAX_SAFE_INTEGER }: Range): boolean =>
  Number.isSafeInteger(value) && value >= min && value <= max;

const rangeText = ({ min = 0, max }: Range): string =>
  max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;

const UNITS = {
  milliseconds: (duration: Duration) => duration.toMilliseconds({ integral: false }),
  seconds: (duration: Duration) => duration.toSeconds({ integral: false }),
  minutes: (duration: Duration) => duration.toMinutes({ integral: false }),
};

/** A `Duration` of whole units that is known at synthesis; the range is in these units. */
export const duration = <Default extends Duration | undefined = undefined>(
  unit: keyof typeof UNITS,
  { default: byDefault, advice, ...range }: Settings<Default> & Range,
): Option<Default> => ({
  default: byDefault as Default,
  check: (name, value) => {
    const kind = 'a Duration of aws-cdk-lib, such as Duration.seconds(90)';
    requireOption(isDuration(value), name, value, kind, 'It names its unit.');
    const isAllowed = !value.isUnresolved() && isWholeIn(UNITS[unit](value), range);
    requireOption(isAllowed, name, value, `whole ${unit} ${rangeText(range)}, known at synthesis`, advice);
  },
});

/** An option that may also be `false`, to switch it off. */
export const orFalse = <Default>(option: Option<Default>): Option<Default> => ({
  ...option,
  check: (name, value) => {
    if (value !== false) option.check(name, value);
  },
});

/** One of some values. */
export const oneOf = <Value, Default extends Value | undefined = undefined>(
  values: readonly Value[],
  { default: byDefault, advice }: Settings<Default>,
): Option<Default> => ({
  default: byDefault as Default,
  check: (name, value) =>
    requireOption(values.includes(value as Value), name, value, `one of ${values.join(', ')}`, advice),
});

interface TextSettings<Default> extends Settings<Default> {
  readonly pattern: RegExp;
  /** The pattern in words. */
  readonly allowed: string;
  /** Whether the text must be known at synthesis. Default: a text that only the deployment knows passes. */
  readonly atSynthesis?: boolean;
}

/** A text of a pattern. */
export const text = <Default extends string | undefined = undefined>({
  default: byDefault,
  pattern,
  allowed,
  atSynthesis = false,
  advice,
}: TextSettings<Default>): Option<Default> => ({
  default: byDefault as Default,
  check: (name, value) => {
    const isAllowed = typeof value === 'string' && (Token.isUnresolved(value) ? !atSynthesis : pattern.test(value));
    requireOption(isAllowed, name, value, allowed, advice);
  },
});

export const list = (): Option<undefined> => ({
  default: undefined,
  check: (name, value) => requireOption(Array.isArray(value), name, value, 'a list', 'Put it into brackets.'),
});

const LOG_RETENTIONS: ReadonlySet<unknown> = new Set(Object.values(RetentionDays));

export const logRetention = (): Option<RetentionDays> => ({
  default: RetentionDays.ONE_MONTH,
  check: (name, value) =>
    requireOption(
      Token.isUnresolved(value) || LOG_RETENTIONS.has(value),
      name,
      value,
      'a value of RetentionDays',
      'CloudWatch Logs keeps logs for these times only.',
    ),
});

/** Options that several constructs share. */
export const TABLE_NAME = text({
  pattern: /^[A-Za-z0-9_.-]{3,255}$/,
  allowed: '3 to 255 letters, digits, "_", "." or "-"',
  advice: 'That is what DynamoDB allows. Without it, CloudFormation generates one.',
});
