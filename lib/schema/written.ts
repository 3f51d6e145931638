import { isRecord } from '../event/options';
import { accepts } from './accepts';
import { Effort } from './effort';
import {
  allowedTypes,
  isAnnotation,
  isJsonSchema,
  isSameJson,
  patternOf,
  PRIMITIVES,
  resolveReference,
  stableJson,
  type JsonSchema,
  type Located,
  type Primitive,
} from './json-schema';

type Keywords = Readonly<Record<string, unknown>>;

/** A numeric limit. `exclusive`: the value itself is not allowed. */
export interface Limit {
  readonly value: number;
  readonly exclusive: boolean;
}

const MAX_BRANCHES = 64;

/**
 * Splits schemas into alternatives without references or combinations, which together contain every valid value.
 *
 * Keywords that are not understood are left out. That makes an alternative wider and never narrower, so a statement
 * about all values of the alternatives holds for all values that the schemas allow.
 */
export function alternatives(schemas: readonly Located[]): readonly Written[] {
  const effort = new Effort();
  return product(schemas.map((each) => expand(each, [], effort))).map((conjuncts) => new Written(conjuncts));
}

/** Whether provably no value is valid under all `schemas`. */
export const isImpossible = (schemas: readonly Located[], effort = new Effort()): boolean =>
  alternatives(schemas).every((written) => written.isEmpty(effort));

function expand({ schema, root }: Located, passed: readonly JsonSchema[], effort: Effort): Located[][] {
  if (typeof schema === 'boolean') return schema ? [[]] : [];
  if (!effort.spend()) return [[]];
  const inner = (each: unknown): Located[][] =>
    isJsonSchema(each) ? expand({ schema: each, root }, [...passed, schema], effort) : [[]];
  const { $ref, allOf, anyOf, oneOf, ...rest } = schema;
  const factors: Located[][][] = [];
  if ($ref !== undefined) {
    const target = resolveReference(root, $ref);
    factors.push(target === undefined || passed.includes(target) ? [[]] : inner(target));
  }
  if (Array.isArray(allOf)) factors.push(...allOf.map(inner));
  // `oneOf` implies `anyOf`: at least one branch is valid.
  for (const choices of [anyOf, oneOf]) if (Array.isArray(choices)) factors.push(choices.flatMap(inner));
  if (Object.keys(rest).some((keyword) => !isAnnotation(keyword))) factors.push([[{ schema: rest, root }]]);
  return product(factors);
}

/** Combines one alternative of each factor. A factor that would exceed the limit is left out. */
function product(factors: readonly Located[][][]): Located[][] {
  return factors.reduce<Located[][]>(
    (products, factor) =>
      factor.length > 0 && products.length * factor.length > MAX_BRANCHES
        ? products
        : products.flatMap((one) => factor.map((other) => [...one, ...other])),
    [[]],
  );
}

/** The values that are valid under all of some schemas. Keywords that are not understood never narrow the set. */
export class Written {
  readonly conjuncts: readonly Located[];
  readonly #keywords: readonly { readonly keywords: Keywords; readonly root: JsonSchema }[];

  constructor(conjuncts: readonly Located[]) {
    // Removes duplicates, so that a recursive schema leads back to the same conjuncts.
    this.conjuncts = [...new Map(conjuncts.map((each) => [stableJson(each.schema), each] as const)).values()];
    this.#keywords = this.conjuncts.flatMap(({ schema, root }) =>
      typeof schema === 'boolean' ? [] : [{ keywords: schema, root }],
    );
  }

  /** The values that are also of this type. */
  only(type: Primitive): Written {
    return new Written([...this.conjuncts, { schema: { type }, root: true }]);
  }

  get types(): ReadonlySet<Primitive> {
    const allowed = this.#all('type').map((type) => allowedTypes(type)?.primitives);
    return new Set(PRIMITIVES.filter((each) => allowed.every((set) => set?.has(each) ?? true)));
  }

  get hasIntegersOnly(): boolean {
    return (
      this.#all('type').some((type) => allowedTypes(type)?.integersOnly ?? false) ||
      this.#all('multipleOf').some(Number.isSafeInteger)
    );
  }

  /** All values, if there are only a few. */
  get values(): readonly unknown[] | undefined {
    const named = this.#keywords.map(({ keywords }) =>
      'const' in keywords ? [keywords['const']] : Array.isArray(keywords['enum']) ? keywords['enum'] : undefined,
    );
    const candidates = (named.find((each) => each !== undefined) ?? this.#valuesOfTypes()) as unknown[] | undefined;
    return candidates?.filter((value) => !this.#refuses(value));
  }

  #valuesOfTypes(): readonly unknown[] | undefined {
    const { types } = this;
    if ([...types].some((type) => type !== 'null' && type !== 'boolean')) return undefined;
    return [...(types.has('null') ? [null] : []), ...(types.has('boolean') ? [false, true] : [])];
  }

  #refuses(value: unknown): boolean {
    return this.conjuncts.some((each) => accepts(each, value) === false);
  }

  /** Whether provably no such value exists. */
  isEmpty(effort = new Effort()): boolean {
    if (!effort.spend()) return false;
    const { types, values } = this;
    if (types.size === 0 || values?.length === 0) return true;
    if (types.size > 1) return false;
    const [type] = types;
    if (type === 'string') return (this.most('maxLength') ?? Infinity) < (this.least('minLength') ?? 0);
    if (type === 'array') return (this.maxItems ?? Infinity) < (this.least('minItems') ?? 0);
    if (type === 'number') {
      const [from, to] = [this.lowest, this.highest];
      return from !== undefined && to !== undefined && from.value > to.value;
    }
    return type === 'object' && this.required.some((name) => isImpossible(this.property(name), effort));
  }

  /** Whether provably none of these values is valid under `read`. */
  isDisjoint(read: Located, effort = new Effort()): boolean {
    const { schema, root } = read;
    if (typeof schema === 'boolean') return !schema;
    if (!effort.spend()) return false;
    const inner = (each: unknown): boolean => isJsonSchema(each) && this.isDisjoint({ schema: each, root }, effort);
    const { $ref, allOf, anyOf, oneOf } = schema;
    if ($ref !== undefined && inner(resolveReference(root, $ref))) return true;
    if (Array.isArray(allOf) && allOf.some(inner)) return true;
    if ([anyOf, oneOf].some((choices) => Array.isArray(choices) && choices.every(inner))) return true;

    const { types, values } = this;
    const allowed = 'type' in schema ? allowedTypes(schema['type'])?.primitives : undefined;
    if (allowed !== undefined && [...types].every((type) => !allowed.has(type))) return true;
    if (values?.every((value) => accepts(read, value) === false) === true) return true;
    const taken = 'const' in schema ? [schema['const']] : schema['enum'];
    if (Array.isArray(taken) && taken.every((value) => this.#refuses(value))) return true;
    return [...types].every((type) => type === 'object') && this.#hasOtherProperties(read, schema, effort);
  }

  /** For objects: a property that is always present and never fits, or one that is required and never present. */
  #hasOtherProperties({ root }: Located, { properties, required }: Keywords, effort: Effort): boolean {
    const misfits = (name: string): boolean => {
      const schema = isRecord(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
      return (
        isJsonSchema(schema) &&
        alternatives(this.property(name)).every((written) => written.isDisjoint({ schema, root }, effort))
      );
    };
    return (
      this.required.some(misfits) ||
      (Array.isArray(required) && required.some((name) => isImpossible(this.property(String(name)), effort)))
    );
  }

  /** The strictest lower or upper limit. If only integers are allowed, it is the nearest integer. */
  get lowest(): Limit | undefined {
    return this.#limit('minimum', 'exclusiveMinimum', 1);
  }
  get highest(): Limit | undefined {
    return this.#limit('maximum', 'exclusiveMaximum', -1);
  }

  #limit(inclusive: string, exclusive: string, direction: 1 | -1): Limit | undefined {
    const limits = [
      ...this.#numbers(inclusive).map((value) => ({ value, exclusive: false })),
      ...this.#numbers(exclusive).map((value) => ({ value, exclusive: true })),
    ].toSorted((a, b) => direction * (b.value - a.value) || Number(b.exclusive) - Number(a.exclusive));
    const [strictest] = limits;
    if (strictest === undefined || !this.hasIntegersOnly) return strictest;
    const nearest = direction * Math.ceil(direction * strictest.value);
    const isOut = strictest.exclusive && nearest === strictest.value;
    return { value: isOut ? nearest + direction : nearest, exclusive: false };
  }

  /** Whether every number is a multiple of `divisor`. Only for integers, because binary fractions are rounded. */
  isMultipleOf(divisor: unknown): boolean {
    return (
      Number.isSafeInteger(divisor) &&
      this.#numbers('multipleOf').some((each) => Number.isSafeInteger(each) && each % Number(divisor) === 0)
    );
  }

  /** The greatest argument of a keyword such as `minLength`. */
  least(keyword: string): number | undefined {
    const numbers = this.#numbers(keyword);
    return numbers.length === 0 ? undefined : Math.max(...numbers);
  }

  /** The smallest argument of a keyword such as `maxLength`. */
  most(keyword: string): number | undefined {
    const numbers = this.#numbers(keyword);
    return numbers.length === 0 ? undefined : Math.min(...numbers);
  }

  get maxItems(): number | undefined {
    const closed = this.#keywords.flatMap(({ keywords }) =>
      keywords['items'] === false ? [prefixOf(keywords).length] : [],
    );
    const most = Math.min(this.most('maxItems') ?? Infinity, ...closed);
    return most === Infinity ? undefined : most;
  }

  /** The number of list positions that have schemas of their own. */
  get places(): number {
    return Math.max(0, ...this.#keywords.map(({ keywords }) => prefixOf(keywords).length));
  }

  /** The schemas of the element at `index`. */
  item(index: number): readonly Located[] {
    return this.#inner((keywords) => prefixOf(keywords)[index] ?? keywords['items']);
  }

  get required(): readonly string[] {
    return [
      ...new Set(
        this.#all('required').flatMap((names) =>
          Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [],
        ),
      ),
    ];
  }

  /** The properties that have schemas of their own. */
  get names(): readonly string[] {
    return [...new Set(this.#all('properties').flatMap((each) => (isRecord(each) ? Object.keys(each) : [])))];
  }

  /** The schemas of the property, if it is present. */
  property(name: string): readonly Located[] {
    return this.#keywords.flatMap(({ keywords, root }) => {
      const { properties, patternProperties, additionalProperties } = keywords;
      const own = isRecord(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [];
      const patterns = isRecord(patternProperties) ? Object.entries(patternProperties) : [];
      const matching = patterns.map(([pattern, schema]) => ({ isMatch: patternOf(pattern)?.test(name), schema }));
      const matched = matching.filter(({ isMatch }) => isMatch === true).map(({ schema }) => schema);
      const isNone = own.length === 0 && matching.every(({ isMatch }) => isMatch === false);
      return schemasAt([...own, ...matched, ...(isNone ? [additionalProperties] : [])], root);
    });
  }

  /** The schemas of every property without a schema of its own. */
  get otherProperties(): readonly Located[] {
    return this.#inner(({ patternProperties, additionalProperties }) =>
      patternProperties === undefined ? additionalProperties : undefined,
    );
  }

  get propertyNames(): readonly Located[] {
    return this.#inner(({ propertyNames }) => propertyNames);
  }

  get minProperties(): number {
    return Math.max(this.least('minProperties') ?? 0, this.required.length);
  }

  get maxProperties(): number | undefined {
    const most = this.most('maxProperties');
    if (!isImpossible(this.otherProperties)) return most;
    return Math.min(most ?? Infinity, this.names.filter((name) => !isImpossible(this.property(name))).length);
  }

  /** Whether one of the schemas has all these keywords with identical values. */
  demands(wanted: Keywords): boolean {
    return this.#keywords.some(({ keywords }) =>
      Object.entries(wanted).every(([keyword, argument]) => isSameJson(keywords[keyword], argument)),
    );
  }

  #all(keyword: string): unknown[] {
    return this.#keywords.flatMap(({ keywords }) => (keyword in keywords ? [keywords[keyword]] : []));
  }

  #numbers(keyword: string): number[] {
    return this.#all(keyword).filter((argument) => typeof argument === 'number');
  }

  #inner(pick: (keywords: Keywords) => unknown): readonly Located[] {
    return this.#keywords.flatMap(({ keywords, root }) => schemasAt([pick(keywords)], root));
  }
}

/** Drops schemas that demand nothing. */
const schemasAt = (schemas: readonly unknown[], root: JsonSchema): Located[] =>
  schemas.filter((schema) => isJsonSchema(schema) && schema !== true).map((schema) => ({ schema, root }));

const prefixOf = ({ prefixItems }: Keywords): readonly unknown[] => (Array.isArray(prefixItems) ? prefixItems : []);
