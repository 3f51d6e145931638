import { isRecord } from '../event/options';
import {
  allowedTypes,
  isAnnotation,
  isJsonSchema,
  isSameJson,
  patternOf,
  PRIMITIVES,
  resolveReference,
  stableJson,
  StepBudget,
  type JsonSchema,
  type SchemaObject,
  type Located,
  type Primitive,
} from './json-schema';
import {
  accepts,
  KEYWORD_RULES,
  readList,
  readNames,
  readNumber,
  prefixOf,
  type AllowedValues,
  type Limit,
  type MeasuredType,
} from './keywords';

const LIMITS = {
  number: { lower: ['minimum', 'exclusiveMinimum'], upper: ['maximum', 'exclusiveMaximum'] },
  string: { lower: ['minLength'], upper: ['maxLength'] },
  array: { lower: ['minItems'], upper: ['maxItems'] },
  object: { lower: ['minProperties'], upper: ['maxProperties'] },
} as const satisfies Record<MeasuredType, unknown>;

const MAX_BRANCHES = 64;

/**
 * Splits schemas into alternatives without references or combinations, which together contain every valid value.
 *
 * Keywords that are not understood are left out. That makes an alternative wider and never narrower, so a statement
 * about all values of the alternatives holds for all values that the schemas allow.
 */
export function alternatives(schemas: readonly Located[]): readonly ValueSet[] {
  const budget = new StepBudget();
  return product(schemas.map((each) => expand(each, [], budget))).map((conjuncts) => new ValueSet(conjuncts));
}

type Conjuncts = readonly Located<SchemaObject>[];

function expand({ schema, root }: Located, passed: readonly JsonSchema[], budget: StepBudget): readonly Conjuncts[] {
  if (typeof schema === 'boolean') return schema ? [[]] : [];
  if (!budget.spend()) return [[]];
  const inner = (each: unknown): readonly Conjuncts[] =>
    isJsonSchema(each) && !passed.includes(each) ? expand({ schema: each, root }, [...passed, schema], budget) : [[]];
  const { $ref, allOf, anyOf, oneOf, ...rest } = schema;
  // Demands nothing if there is no such target, or no `$ref`.
  const factors = [inner(resolveReference(root, $ref))];
  if (Array.isArray(allOf)) factors.push(...allOf.map(inner));
  // `oneOf` implies `anyOf`: at least one branch is valid.
  for (const choices of [anyOf, oneOf]) if (Array.isArray(choices)) factors.push(choices.flatMap(inner));
  if (Object.keys(rest).some((keyword) => !isAnnotation(keyword))) factors.push([[{ schema: rest, root }]]);
  return product(factors);
}

/** Combines one alternative of each factor. A factor that would exceed the limit is left out. */
const product = (factors: readonly (readonly Conjuncts[])[]): readonly Conjuncts[] =>
  factors.reduce<readonly Conjuncts[]>(
    (products, factor) =>
      products.length * factor.length > MAX_BRANCHES
        ? products
        : products.flatMap((one) => factor.map((other) => [...one, ...other])),
    [[]],
  );

/** The values that are valid under all of some schemas. Keywords that are not understood never narrow the set. */
export class ValueSet implements AllowedValues {
  readonly conjuncts: Conjuncts;
  readonly types: ReadonlySet<Primitive>;

  constructor(conjuncts: Conjuncts) {
    // Removes duplicates, so that a recursive schema leads back to the same conjuncts.
    this.conjuncts = [...new Map(conjuncts.map((each) => [stableJson(each.schema), each])).values()];
    const allowed = this.#all('type', allowedTypes);
    this.types = new Set(PRIMITIVES.filter((each) => allowed.every(({ primitives }) => primitives.has(each))));
  }

  byType(): readonly ValueSet[] {
    const parts = [...this.types].map((type) => new ValueSet([...this.conjuncts, standalone({ type })]));
    return parts.filter((part) => !part.isEmpty());
  }

  /** Every number is a multiple of each. */
  get factors(): readonly number[] {
    return this.#all('multipleOf', readNumber);
  }

  get hasIntegersOnly(): boolean {
    return this.#all('type', allowedTypes).some((each) => each.integersOnly) || this.factors.some(Number.isSafeInteger);
  }

  /** All values, if there are only a few. */
  get values(): readonly unknown[] | undefined {
    const [named] = [...this.#all('const', (value) => [value]), ...this.#all('enum', readList)];
    const isSmall = [...this.types].every((type) => type === 'null' || type === 'boolean');
    return (named ?? (isSmall ? [null, false, true] : undefined))?.filter((value) => !this.refuses(value));
  }

  /** Whether the value is provably not in the set. */
  refuses(value: unknown): boolean {
    return this.conjuncts.some((each) => accepts(each, value) === false);
  }

  /** Whether provably no such value exists. */
  isEmpty(budget = new StepBudget()): boolean {
    if (!budget.spend()) return false;
    const { types, values } = this;
    // Without any type, there are no values either.
    if (values?.length === 0) return true;
    const [type] = types;
    if (types.size > 1 || type === undefined || type === 'null' || type === 'boolean') return false;
    if (type === 'object') return this.required.some((name) => !this.mayHave(name, budget));
    return this.limit(type, 1).value > this.limit(type, -1).value;
  }

  /** Whether provably none of these values is valid under the schema. */
  isDisjoint({ schema, root }: Located, budget = new StepBudget()): boolean {
    if (typeof schema === 'boolean') return !schema;
    if (!budget.spend()) return false;
    if (this.values?.every((value) => accepts({ schema, root }, value) === false)) return true;
    const excludes = (inner: JsonSchema, conjuncts?: readonly Located[]): boolean =>
      (conjuncts === undefined ? [this] : alternatives(conjuncts)).every((set) =>
        set.isDisjoint({ schema: inner, root }, budget),
      );
    // In the order of the table, so that the simple keywords come first.
    return [...KEYWORD_RULES].some(([name, rule]) => {
      if (!(name in schema) || ![...this.types].every((type) => rule.types?.includes(type) ?? true)) return false;
      const argument = rule.argument(schema[name], root);
      return argument !== undefined && rule.excludes?.(argument, this, { budget, excludes });
    });
  }

  /** Strictest limit: the lower one for `sign` 1, the upper for -1; the nearest integer if only integers may occur. */
  limit(type: MeasuredType, sign: 1 | -1): Limit {
    const [inclusive, exclusive = ''] = LIMITS[type][sign === 1 ? 'lower' : 'upper'] as readonly [string, string?];
    const { value, isExclusive } = [
      ...[...this.#impliedLimits(type, sign), ...this.#all(inclusive, readNumber)].map((each) => limitAt(each, false)),
      ...this.#all(exclusive, readNumber).map((each) => limitAt(each, true)),
      // Of two equal limits, the exclusive one is stricter; it comes last.
    ].reduce((a, b) => (sign * (b.value - a.value) >= 0 ? b : a));
    if (!this.hasIntegersOnly) return { value, isExclusive };
    const nearest = sign * Math.ceil(sign * value);
    return limitAt(isExclusive && nearest === value ? nearest + sign : nearest, false);
  }

  #impliedLimits(type: MeasuredType, sign: 1 | -1): readonly number[] {
    if (sign === 1) return [type === 'number' ? -Infinity : type === 'object' ? this.required.length : 0];
    if (type === 'object' && !this.mayHaveOthers) return [this.names.filter((name) => this.mayHave(name)).length];
    const closed = type === 'array' ? this.conjuncts.filter(({ schema }) => schema['items'] === false) : [];
    return [Infinity, ...closed.map(({ schema }) => prefixOf(schema).length)];
  }

  /** The number of list positions that have schemas of their own. */
  get prefixLength(): number {
    return Math.max(0, ...this.#all('prefixItems', readList).map(({ length }) => length));
  }

  /** The schemas of the element at `index`; `false` if lists are shorter. */
  item(index: number): readonly Located[] {
    if (this.limit('array', -1).value <= index) return [standalone(false)];
    return this.#schemasAt((schema) => [prefixOf(schema)[index] ?? schema['items']]);
  }

  get required(): readonly string[] {
    return [...new Set(this.#all('required', readNames).flat())];
  }

  /** The properties that have schemas of their own. */
  get names(): readonly string[] {
    return [...new Set(this.#all('properties', (each) => Object.keys(isRecord(each) ? each : {})).flat())];
  }

  /** The schemas of the property, if it is present. */
  property(name: string): readonly Located[] {
    return this.#schemasAt(({ properties, patternProperties, additionalProperties }) => {
      const own = isRecord(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [];
      const patterns = Object.entries(isRecord(patternProperties) ? patternProperties : {});
      // An invalid pattern may match.
      const matches = patterns.map(([source, schema]) => ({ isMatch: patternOf(source)?.test(name), schema }));
      const isOther = own.length === 0 && matches.every(({ isMatch }) => isMatch === false);
      const matching = matches.filter(({ isMatch }) => isMatch).map(({ schema }) => schema);
      return isOther ? [additionalProperties] : [...own, ...matching];
    });
  }

  mayHave(name: string, budget?: StepBudget): boolean {
    return isSatisfiable(this.property(name), budget);
  }

  /** The schemas of every property without a schema of its own. */
  get otherProperties(): readonly Located[] {
    return this.#schemasAt((schema) => ('patternProperties' in schema ? [] : [schema['additionalProperties']]));
  }

  get mayHaveOthers(): boolean {
    return isSatisfiable(this.otherProperties);
  }

  get propertyNames(): readonly Located[] {
    return [standalone({ type: 'string' }), ...this.#schemasAt((schema) => [schema['propertyNames']])];
  }

  /** Whether one of the schemas has all these keywords with identical arguments. */
  demands(wanted: SchemaObject): boolean {
    return this.conjuncts.some(({ schema }) =>
      Object.entries(wanted).every(([keyword, argument]) => isSameJson(schema[keyword], argument)),
    );
  }

  /** The well-formed arguments of a keyword. */
  #all<A>(keyword: string, read: (argument: unknown) => A | undefined): readonly A[] {
    const present = this.conjuncts.filter(({ schema }) => keyword in schema);
    return present.map(({ schema }) => read(schema[keyword])).filter((argument) => argument !== undefined);
  }

  /** Leaves out schemas that demand nothing. */
  #schemasAt(pick: (schema: SchemaObject) => readonly unknown[]): readonly Located[] {
    return this.conjuncts.flatMap(({ schema, root }) =>
      pick(schema).flatMap((each) => (isJsonSchema(each) && each !== true ? [{ schema: each, root }] : [])),
    );
  }
}

/** A schema without references. */
const standalone = <S extends JsonSchema>(schema: S): Located<S> => ({ schema, root: schema });

const limitAt = (value: number, isExclusive: boolean): Limit => ({ value, isExclusive });

const isSatisfiable = (schemas: readonly Located[], budget = new StepBudget()): boolean =>
  !alternatives(schemas).every((set) => set.isEmpty(budget));
