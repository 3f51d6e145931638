import { isRecord } from '../event/options';
import {
  allowedTypes,
  isAnnotation,
  isJsonSchema,
  isSameJson,
  mentionsReference,
  patternOf,
  primitiveOf,
  resolveReference,
  StepBudget,
  type JsonSchema,
  type SchemaObject,
  type Located,
  type Primitive,
} from './json-schema';

/** `undefined`: unknown. */
type Ternary = boolean | undefined;

/** Why a reader may refuse data that may be written. */
export interface Incompatibility {
  /** The place in the data, such as `$.lines[].price`. */
  readonly path: string;
  /** The reader's keyword that is not proved to hold; `dialect` or `complexity` if nothing was compared. */
  readonly rule: string;
  readonly message: string;
}

/** `true` and an empty list: proved. A text: the message of the one incompatibility. `false`: cannot be proved. */
type Proof = boolean | string | readonly Incompatibility[];

export type MeasuredType = 'number' | 'string' | 'array' | 'object';

/** A limit of a number, of the length of a string or array, or of the number of properties. */
export interface Limit {
  readonly value: number;
  readonly isExclusive: boolean;
}

/**
 * A set of values that some schemas allow, as far as the rules of keywords need it. `ValueSet` implements it, documents
 * its members and imports the rules: this interface avoids a circular import.
 */
export interface AllowedValues {
  readonly conjuncts: readonly Located<SchemaObject>[];
  readonly types: ReadonlySet<Primitive>;
  readonly values: readonly unknown[] | undefined;
  readonly factors: readonly number[];
  readonly hasIntegersOnly: boolean;
  readonly prefixLength: number;
  readonly required: readonly string[];
  readonly names: readonly string[];
  readonly otherProperties: readonly Located[];
  readonly mayHaveOthers: boolean;
  readonly propertyNames: readonly Located[];
  byType(): readonly AllowedValues[];
  refuses(value: unknown): boolean;
  isDisjoint(located: Located): boolean;
  limit(type: MeasuredType, sign: 1 | -1): Limit;
  item(index: number): readonly Located[];
  property(name: string): readonly Located[];
  mayHave(name: string, budget?: StepBudget): boolean;
  demands(wanted: SchemaObject): boolean;
}

/** Where a keyword stands, and the same question about a schema inside it. */
export interface ValueContext {
  readonly schema: SchemaObject;
  readonly accepts: (inner: JsonSchema, value: unknown) => Ternary;
}
export interface ExclusionContext {
  readonly budget: StepBudget;
  readonly excludes: (inner: JsonSchema, written?: readonly Located[]) => boolean;
}
export interface InclusionContext {
  readonly schema: SchemaObject;
  readonly root: JsonSchema;
  readonly keyword: string;
  /** `step` leads from the place of the keyword to the place of the inner values, such as `.price` or `[]`. */
  readonly includes: (inner: JsonSchema, written?: readonly Located[], step?: string) => readonly Incompatibility[];
  readonly incompatible: (message: string, step?: string) => Incompatibility;
}

/** The meaning of a keyword. `A` is its argument, `V` the values that it restricts. */
interface Rule<A, V> {
  /** The types of the restricted values; all if left out. */
  readonly types?: readonly Primitive[];
  /** Whether a value satisfies the keyword; unknown if left out. */
  readonly accepts?: (argument: A, value: V, context: ValueContext) => Ternary;
  /** Whether provably no value of a set satisfies the keyword; not proved if left out. */
  readonly excludes?: (argument: A, set: AllowedValues, context: ExclusionContext) => boolean;
  /** Whether provably every value of a set satisfies the keyword. */
  readonly includes: (argument: A, set: AllowedValues, context: InclusionContext) => Proof;
}
/** `argument` reads the keyword's argument; `undefined` if it is malformed, which proves nothing. */
interface KeywordRule extends Rule<unknown, unknown> {
  readonly argument: (argument: unknown, root: JsonSchema) => unknown;
}

const keywordRule = <A, V>(argument: (argument: unknown, root: JsonSchema) => A | undefined, rule: Rule<A, V>) =>
  ({ argument, ...rule }) as KeywordRule;

export const readNumber = (argument: unknown): number | undefined =>
  typeof argument === 'number' ? argument : undefined;
export const readList = (argument: unknown): readonly unknown[] | undefined =>
  Array.isArray(argument) ? argument : undefined;
const readListOf = <T>(argument: unknown, isElement: (each: unknown) => each is T): readonly T[] | undefined => {
  const elements = readList(argument);
  return elements?.every(isElement) ? elements : undefined;
};
export const readNames = (argument: unknown): readonly string[] | undefined =>
  readListOf(argument, (each) => typeof each === 'string');
const readSchemas = (argument: unknown): readonly JsonSchema[] | undefined => readListOf(argument, isJsonSchema);
const readSchema = (argument: unknown): JsonSchema | undefined => (isJsonSchema(argument) ? argument : undefined);
const readSchemasByName = (argument: unknown): ReadonlyMap<string, JsonSchema> | undefined =>
  isRecord(argument) && readSchemas(Object.values(argument))
    ? new Map(Object.entries(argument as Record<string, JsonSchema>))
    : undefined;
const readAnything = (argument: unknown): unknown => argument;

/** One refusal is enough to refuse; all must accept to accept. */
const every = (results: readonly Ternary[]): Ternary =>
  results.includes(false) ? false : results.includes(undefined) ? undefined : true;
const negated = (result: Ternary): Ternary => (result === undefined ? undefined : !result);
const some = (results: readonly Ternary[]): Ternary => negated(every(results.map(negated)));
const exactlyOne = (results: readonly Ternary[]): Ternary => {
  if (results.filter((result) => result).length > 1) return false;
  return results.includes(undefined) ? undefined : results.includes(true);
};

/** `sign` is 1 for a lower limit and -1 for an upper limit. */
function limitRule(
  type: MeasuredType,
  measure: (value: never) => number,
  sign: 1 | -1,
  isExclusive = false,
): KeywordRule {
  const isWithin = (limit: Limit, argument: number): boolean =>
    sign * (limit.value - argument) > 0 || (limit.value === argument && (limit.isExclusive || !isExclusive));
  return keywordRule(readNumber, {
    types: [type],
    accepts: (argument, value: never) => isWithin({ value: measure(value), isExclusive: false }, argument),
    includes: (argument, set, { keyword }) => {
      const written = set.limit(type, sign);
      const shown = Number.isFinite(written.value) ? `the limit ${written.value}` : 'no such limit';
      return isWithin(written, argument) || `must satisfy ${keyword} ${argument}, but the writer's schema has ${shown}`;
    },
  });
}
const itself = (value: number): number => value;
const characters = (value: string): number => Array.from(value).length;
const length = (value: readonly unknown[]): number => value.length;
const size = (value: object): number => Object.keys(value).length;

/** `const` and `enum`. */
const oneOfValues = (valuesOf: (argument: unknown) => readonly unknown[] | undefined): KeywordRule => {
  const isListed = (values: readonly unknown[], value: unknown) => values.some((each) => isSameJson(each, value));
  return keywordRule(valuesOf, {
    accepts: isListed,
    excludes: (values, set) => values.every((value) => set.refuses(value)),
    includes: (values, set, { schema, keyword }) =>
      set.values?.every((value) => isListed(values, value)) === true ||
      `may be a value other than ${listed([schema[keyword]])}`,
  });
};

/** `allOf`, and `$ref` as all of one schema. */
const allOfSchemas = (read: (argument: unknown, root: JsonSchema) => readonly JsonSchema[] | undefined): KeywordRule =>
  keywordRule(read, {
    accepts: (schemas, value, { accepts }) => every(schemas.map((each) => accepts(each, value))),
    excludes: (schemas, _, { excludes }) => schemas.some((each) => excludes(each)),
    includes: (schemas, _, { includes }) => schemas.flatMap((each) => includes(each)),
  });

/** `anyOf` and `oneOf`. */
const choice = (combined: (results: readonly Ternary[]) => Ternary): KeywordRule =>
  keywordRule(readSchemas, {
    accepts: (choices, value, { accepts }) => combined(choices.map((each) => accepts(each, value))),
    excludes: (choices, _, { excludes }) => choices.every((each) => excludes(each)),
    includes: (choices, set, { root, includes, incompatible }) =>
      // Each type may be accepted by another choice.
      set.byType().flatMap((part) => {
        const possible = choices.filter((schema) => !part.isDisjoint({ schema, root }));
        const results = possible.map((each) => includes(each, part.conjuncts));
        if (results.length === 1) return results.flat();
        const isIncluded = results.some((found) => found.length === 0);
        if (isIncluded && combined === some) return [];
        return incompatible(
          isIncluded
            ? 'may match more than one choice of oneOf'
            : `is not accepted in full by any one of ${choices.length} choices`,
        );
      }),
  });

/** Keywords that must be identical on both sides, together with the keywords that complete them. */
const identical = (types?: readonly Primitive[], ...together: readonly string[]): KeywordRule =>
  keywordRule(readAnything, { types, includes: (_, set, context) => isIdentical(set, context, ...together) });

const isIdentical = (set: AllowedValues, { schema, keyword }: InclusionContext, ...together: readonly string[]) => {
  const wanted = Object.fromEntries([keyword, ...together].map((each) => [each, schema[each]]));
  return !mentionsReference(wanted) && set.demands(wanted);
};

/** A keyword that has its meaning in the rule of another one. */
const partOfAnother = keywordRule(readAnything, { includes: () => true });

/** All keywords that restrict values. Any other keyword proves nothing. */
export const KEYWORD_RULES: ReadonlyMap<string, KeywordRule> = new Map(
  Object.entries({
    type: keywordRule(allowedTypes, {
      accepts: ({ primitives, integersOnly }, value) =>
        primitives.has(primitiveOf(value)) && !(integersOnly && typeof value === 'number' && !Number.isInteger(value)),
      excludes: ({ primitives }, set) => [...set.types].every((type) => !primitives.has(type)),
      includes: ({ primitives, integersOnly }, set, { schema }) => {
        const others: string[] = [...set.types].filter((type) => !primitives.has(type));
        if (integersOnly && set.types.has('number') && !set.hasIntegersOnly) others.push('a fraction');
        return others.length === 0 || `may be ${others.join(' or ')}, but only ${listed([schema['type']])} is accepted`;
      },
    }),
    const: oneOfValues((value) => [value]),
    enum: oneOfValues(readList),

    $ref: allOfSchemas((reference, root) => readSchemas([resolveReference(root, reference)])),
    allOf: allOfSchemas(readSchemas),
    anyOf: choice(some),
    oneOf: choice(exactlyOne),
    not: keywordRule(readSchema, {
      accepts: (refused, value, { accepts }) => negated(accepts(refused, value)),
      includes: (refused, set, context) =>
        set.isDisjoint({ schema: refused, root: context.root }) || isIdentical(set, context),
    }),
    if: identical(undefined, 'then', 'else'),
    then: partOfAnother,
    else: partOfAnother,

    minimum: limitRule('number', itself, 1),
    maximum: limitRule('number', itself, -1),
    exclusiveMinimum: limitRule('number', itself, 1, true),
    exclusiveMaximum: limitRule('number', itself, -1, true),
    multipleOf: keywordRule(readNumber, {
      types: ['number'],
      // Binary fractions are rounded, so only integers have a certain remainder.
      accepts: (divisor, value: number) =>
        Number.isSafeInteger(value) && Number.isSafeInteger(divisor) ? value % divisor === 0 : undefined,
      includes: (divisor, set) =>
        (divisor === 1 && set.hasIntegersOnly) ||
        set.factors.some(
          (each) => each === divisor || ([each, divisor].every(Number.isSafeInteger) && each % divisor === 0),
        ),
    }),

    minLength: limitRule('string', characters, 1),
    maxLength: limitRule('string', characters, -1),
    pattern: keywordRule(patternOf, {
      types: ['string'],
      accepts: (pattern, value: string) => pattern.test(value),
      includes: (_, set, context) => isIdentical(set, context),
    }),
    format: identical(['string', 'number']),
    contentEncoding: identical(),
    contentMediaType: identical(),
    contentSchema: identical(),

    minItems: limitRule('array', length, 1),
    maxItems: limitRule('array', length, -1),
    uniqueItems: keywordRule(readAnything, {
      types: ['array'],
      includes: (isUnique, set) =>
        isUnique === false || set.demands({ uniqueItems: true }) || set.limit('array', -1).value <= 1,
    }),
    prefixItems: keywordRule(readSchemas, {
      types: ['array'],
      accepts: (prefix, value: readonly unknown[], { accepts }) =>
        every(prefix.slice(0, value.length).map((each, index) => accepts(each, value[index]))),
      includes: (prefix, set, { includes }) =>
        prefix.flatMap((each, index) => includes(each, set.item(index), `[${index}]`)),
    }),
    items: keywordRule(readSchema, {
      types: ['array'],
      accepts: (rest, value: readonly unknown[], { schema, accepts }) =>
        every(value.slice(prefixOf(schema).length).map((each) => accepts(rest, each))),
      includes: (rest, set, { schema, includes }) => {
        const from = prefixOf(schema).length;
        const end = Math.max(from, set.prefixLength);
        const indexes = Array.from({ length: end - from }, (_, index) => from + index);
        return [
          ...indexes.flatMap((index) => includes(rest, set.item(index), `[${index}]`)),
          ...includes(rest, set.item(end), '[]'),
        ];
      },
    }),
    contains: identical(['array'], 'minContains', 'maxContains'),
    minContains: partOfAnother,
    maxContains: partOfAnother,

    minProperties: limitRule('object', size, 1),
    maxProperties: limitRule('object', size, -1),
    required: keywordRule(readNames, {
      types: ['object'],
      accepts: (required, value: object) => required.every((name) => Object.hasOwn(value, name)),
      excludes: (required, set, { budget }) => required.some((name) => !set.mayHave(name, budget)),
      includes: (required, set, { incompatible }) =>
        required
          .filter((name) => !set.required.includes(name))
          .map((name) => incompatible('is required, but not always written', step(name))),
    }),
    properties: keywordRule(readSchemasByName, {
      types: ['object'],
      accepts: (schemas, value: SchemaObject, { accepts }) =>
        every(Object.entries(value).map(([name, each]) => accepts(schemas.get(name) ?? true, each))),
      excludes: (schemas, set, { excludes }) =>
        [...schemas].some(([name, each]) => set.required.includes(name) && excludes(each, set.property(name))),
      includes: (schemas, set, { includes, incompatible }) =>
        [...schemas].flatMap(([name, each]) => {
          const written = set.property(name);
          const found = includes(each, written, step(name));
          if (found.length === 0 || written.length > 0 || set.names.includes(name)) return found;
          return incompatible(
            `may have any value, because the writer's schema allows properties that it does not describe: add additionalProperties: false there`,
            step(name),
          );
        }),
    }),
    patternProperties: keywordRule(readSchemasByName, {
      types: ['object'],
      includes: (schemas, set, context) =>
        isIdentical(set, context) ||
        [...schemas].flatMap(([source, each]) => {
          const pattern = patternOf(source);
          if (pattern === undefined) return context.incompatible(`has the invalid pattern ${JSON.stringify(source)}`);
          return propertiesWhere((name) => pattern.test(name), each, set, context);
        }),
    }),
    additionalProperties: keywordRule(readSchema, {
      types: ['object'],
      accepts: (rest, value: SchemaObject, { schema: { properties = {}, patternProperties }, accepts }) => {
        if (patternProperties !== undefined || !isRecord(properties)) return undefined;
        const others = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
        return every(others.map((name) => accepts(rest, value[name])));
      },
      includes: (rest, set, context) => {
        const { properties = {}, patternProperties = {} } = context.schema;
        if (!isRecord(properties) || !isRecord(patternProperties)) return false;
        const patterns = Object.keys(patternProperties).map(patternOf);
        const isOther = (name: string): boolean =>
          !Object.hasOwn(properties, name) && !patterns.some((pattern) => pattern?.test(name));
        const found = propertiesWhere(isOther, rest, set, context);
        return rest === false ? withRule(context.keyword, found) : found;
      },
    }),
    propertyNames: keywordRule(readSchema, {
      types: ['object'],
      accepts: (name, value: object, { accepts }) => every(Object.keys(value).map((each) => accepts(name, each))),
      includes: (schema, set, { root, keyword, includes, incompatible }) => [
        ...set.names
          .filter((name) => set.mayHave(name) && accepts({ schema, root }, name) !== true)
          .map((name) => incompatible('has a name that is not accepted', step(name))),
        ...(set.mayHaveOthers ? withRule(keyword, includes(schema, set.propertyNames)) : []),
      ],
    }),
    dependentRequired: identical(['object']),
    dependentSchemas: identical(['object']),
  }),
);

const propertiesWhere = (
  isConcerned: (name: string) => boolean,
  inner: JsonSchema,
  set: AllowedValues,
  { includes }: InclusionContext,
): readonly Incompatibility[] => [
  ...set.names.filter(isConcerned).flatMap((name) => includes(inner, set.property(name), step(name))),
  ...includes(inner, set.otherProperties, '.*'),
];

const withRule = (rule: string, found: readonly Incompatibility[]): readonly Incompatibility[] =>
  found.map((each) => ({ ...each, rule }));

export const prefixOf = ({ prefixItems }: SchemaObject): readonly unknown[] => readList(prefixItems) ?? [];

const step = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);

const MAX_LISTED_CHARACTERS = 120;
export function listed(values: readonly unknown[]): string {
  const text = values.map((value) => JSON.stringify(value)).join(', ');
  return text.length > MAX_LISTED_CHARACTERS ? `${text.slice(0, MAX_LISTED_CHARACTERS)}…` : text;
}

/** Limits the recursion of a schema that refers to itself without going deeper into the value. */
const MAX_DEPTH = 64;

/** Whether a value is valid under a schema; `undefined` if a keyword is not supported or the budget is spent. */
export function accepts({ schema, root }: Located, value: unknown, budget = new StepBudget(), depth = 0): Ternary {
  if (typeof schema === 'boolean') return schema;
  if (depth > MAX_DEPTH || !budget.spend()) return undefined;
  const context: ValueContext = {
    schema,
    accepts: (inner, about) => accepts({ schema: inner, root }, about, budget, depth + 1),
  };
  return every(
    Object.keys(schema).map((name) => {
      if (isAnnotation(name)) return true;
      const rule = KEYWORD_RULES.get(name);
      const argument = rule?.argument(schema[name], root);
      if (rule?.accepts === undefined || argument === undefined) return undefined;
      return rule.types?.includes(primitiveOf(value)) === false || rule.accepts(argument, value, context);
    }),
  );
}
