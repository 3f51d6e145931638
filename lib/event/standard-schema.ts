/**
 * The interface of Standard Schema 1.0 (https://standardschema.dev), which zod, valibot, arktype and others implement.
 * Its specification invites copying it instead of depending on it.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Answers with the value, or with what is wrong. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Never there at run time: carries the types. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** `input`: what a schema takes, and a consumer reads. `output`: what it gives, and a writer writes. */
export type SchemaDirection = 'input' | 'output';

/**
 * The interface of Standard JSON Schema 1.0, from the same specification: a schema that also tells its JSON Schema.
 * Both functions throw for what JSON Schema can not express.
 */
export interface StandardJsonSchemaV1 {
  readonly '~standard': {
    readonly jsonSchema: Readonly<Record<SchemaDirection, (options: { readonly target: string }) => unknown>>;
  };
}

/** What a schema makes of a value: the value to write, or what is wrong with it. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** One thing that a schema has against a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes: the type of the data that a caller passes. */
export type SchemaInput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['input'];

/** What a schema gives after its defaults and transformations: the type of the data that is written. */
export type SchemaOutput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['output'];

/** Arktype's schemas are functions, so both kinds count. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !('~standard' in value)) {
    return false;
  }
  const standard = value['~standard'];
  return (
    typeof standard === 'object' &&
    standard !== null &&
    'version' in standard &&
    standard.version === 1 &&
    'validate' in standard &&
    typeof standard.validate === 'function'
  );
}

/** Where an issue lies, as code would reach it: `lines[0].price`. Empty for the value itself. */
export const issuePath = (issue: StandardIssue): string => pathText(issueKeys(issue));

/** The keys that lead to an issue, from the value itself. */
export const issueKeys = ({ path }: StandardIssue): readonly PropertyKey[] =>
  (path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));

/** Issues in one line, each with its path from `data`. */
export const issueText = (issues: readonly { readonly path: string; readonly message: string }[]): string =>
  issues.map(({ path, message }) => (path === '' ? `data: ${message}` : `data.${path}: ${message}`)).join('; ');

export const pathText = (keys: readonly PropertyKey[]): string =>
  keys.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
