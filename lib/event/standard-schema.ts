/**
 * The interface of Standard Schema 1.0 (https://standardschema.dev), which zod, valibot, arktype and others implement.
 * Its specification invites copying it instead of depending on it.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Returns the value or its issues. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Never present at run time; carries the types. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** `input`: data that a schema accepts and a consumer reads. `output`: data that it returns and a writer writes. */
export type SchemaDirection = 'input' | 'output';

/**
 * The interface of Standard JSON Schema 1.0, from the same specification: a schema that also provides its JSON Schema.
 * Both functions throw if JSON Schema cannot express the schema.
 */
export interface StandardJsonSchemaV1 {
  readonly '~standard': {
    readonly jsonSchema: Readonly<Record<SchemaDirection, (options: { readonly target: string }) => unknown>>;
  };
}

/** Result of a validation: the value to write, or its issues. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** One issue that a schema reports for a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type that a schema accepts: the data that a caller passes. */
export type SchemaInput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['input'];

/** The type that a schema returns after its defaults and transformations: the data that is written. */
export type SchemaOutput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['output'];

/** Accepts objects and functions, because the schemas of arktype are functions. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as Partial<StandardSchemaV1>)['~standard'] as Partial<StandardSchemaV1['~standard']> | null;
  return standard?.version === 1 && typeof standard.validate === 'function';
}

/** The path of an issue in code notation: `lines[0].price`. Empty for the value itself. */
export const issuePath = (issue: StandardIssue): string => pathText(issueKeys(issue));

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
