import { keeps, type TextRule } from './item-rules';
import { isRecord, refuseOption, requireOptions } from './options';

/** An option: its default, and the values that it may have. The writer, the consumer and the constructs share these. */
export interface OptionRule<Default = unknown> {
  /** `undefined` if the option has none, or if it depends on other options. */
  readonly default: Default;
  readonly allows: (value: unknown) => boolean;
  /** Completes the sentence "it must be …". */
  readonly allowed: string;
  /** The reason or the fix, at the end of the message. */
  readonly advice?: string;
  readonly isRequired?: boolean;
}

export type OptionTable<Options> = {
  readonly [Name in keyof Required<Options>]: OptionRule<Options[Name] | undefined>;
};

type NamesWithDefault<Table> = {
  [Name in keyof Table]: Table[Name] extends OptionRule<infer Default>
    ? undefined extends Default
      ? never
      : Name
    : never;
}[keyof Table];

/** The defaults of a table that are values. */
export type Defaults<Table> = {
  readonly [Name in NamesWithDefault<Table>]: Table[Name] extends OptionRule<infer Default> ? Default : never;
};

/** Options whose defaults are filled in. */
export type Resolved<Options, Table> = Options & Required<Pick<Options, NamesWithDefault<Table> & keyof Options>>;

export const defaultsOf = <Table extends Readonly<Record<string, OptionRule>>>(table: Table): Defaults<Table> =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, rule]) => (rule.default === undefined ? [] : [[name, rule.default]])),
  ) as Defaults<Table>;

/**
 * Reads the options of `given`, and fills in the defaults.
 *
 * @param at - the caller's name for the object, such as `retry`; empty for the only argument
 * @throws OutboxError `invalid-option` for the first option that is unknown or that its rule does not allow.
 */
export function readOptions<Options, Table extends Readonly<Record<string, OptionRule>>>(
  given: Options,
  table: Table,
  at = '',
): Resolved<Options, Table> {
  const options = requireOptions(given, Object.keys(table), at);
  const read = Object.entries(table).map(([name, rule]) => {
    const value = options[name] === undefined ? rule.default : options[name];
    checkOption(rule, at === '' ? name : `${at}.${name}`, value);
    return [name, value];
  });
  // The compiler cannot see that the table has every option.
  return Object.fromEntries(read) as Resolved<Options, Table>;
}

/** @throws OutboxError `invalid-option` for a value that the rule does not allow, or that is missing. */
export function checkOption({ allows, allowed, isRequired }: OptionRule, name: string, value: unknown): void {
  if (value === undefined ? isRequired === true : !allows(value)) refuseOption(name, value, allowed);
}

/** An option that other checks validate. */
export function anyValue(): OptionRule<undefined>;
export function anyValue<Default>(byDefault: Default): OptionRule<Default>;
export function anyValue(byDefault?: unknown): OptionRule {
  return { default: byDefault, allows: () => true, allowed: 'any value' };
}

/** An option without a default whose values pass a test. */
export const optional = (allows: (value: unknown) => boolean, allowed: string): OptionRule<undefined> => ({
  default: undefined,
  allows,
  allowed,
});

export const required = <Default>(rule: OptionRule<Default>): OptionRule<Default> => ({ ...rule, isRequired: true });

/** The default of a rule, and the end of its message. */
export interface RuleSettings<Default> {
  readonly default?: Default;
  readonly advice?: string;
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

export const isIntegerIn = (value: unknown, { min = 0, max = Number.MAX_SAFE_INTEGER }: Range): value is number =>
  Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;

export const rangeText = ({ min = 0, max }: Range): string =>
  max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;

export const integer = <Default extends number | undefined = undefined>({
  default: byDefault,
  advice,
  ...range
}: RuleSettings<Default> & Range): OptionRule<Default> => ({
  default: byDefault as Default,
  allows: (value) => isIntegerIn(value, range),
  allowed: `an integer ${rangeText(range)}`,
  advice,
});

export const oneOf = <const Value, const Default extends Value | undefined = undefined>(
  values: readonly Value[],
  { default: byDefault, advice }: RuleSettings<Default> = {},
): OptionRule<Default> => ({
  default: byDefault as Default,
  allows: (value) => values.includes(value as Value),
  allowed: `one of ${values.join(', ')}`,
  advice,
});

export const text = <Default extends string | undefined = undefined>({
  pattern,
  except,
  allowed,
  default: byDefault,
  advice,
}: Pick<TextRule, 'pattern' | 'allowed'> &
  Partial<Pick<TextRule, 'except'>> &
  RuleSettings<Default>): OptionRule<Default> => ({
  default: byDefault as Default,
  allows: (value) => keeps({ pattern, except }, value),
  allowed,
  advice,
});

/** The table of a writer or a consumer. */
export const TABLE_NAME_OR_ARN = text({
  pattern: /^([A-Za-z0-9_.-]{3,255}|arn:[^\s]{1,1020})$/,
  allowed: 'the name or ARN of a DynamoDB table',
});

export const CATALOGUE = optional(
  (value) => isRecord(value) && typeof value['definitionOf'] === 'function',
  'a catalogue made by defineEvents',
);

export const CLOCK = optional(
  (value) => isRecord(value) && typeof value['now'] === 'function',
  'an object with now(), which gives epoch milliseconds',
);

export const MESSAGE_BYTES = {
  ...integer({ min: 1 }),
  allowed: 'a positive integer, the "max.message.bytes" of the topic',
};

/** A client of DynamoDB with some methods, which a DynamoDBDocument has on its prototype. */
export const documentClient = (...methods: readonly string[]): OptionRule<undefined> =>
  optional(
    (client) =>
      methods.every((method) => typeof (client as Readonly<Record<string, unknown>> | null)?.[method] === 'function'),
    `a DynamoDBDocument of @aws-sdk/lib-dynamodb, with ${methods.map((method) => `${method}()`).join(', ')}`,
  );
