import { isRecord } from '../event/options';
import { accepts } from './accepts';
import {
  allowedTypes,
  isAnnotation,
  isJsonSchema,
  isSameJson,
  patternOf,
  resolveReference,
  stableJson,
  unreadableDialect,
  type JsonSchema,
  type Located,
} from './json-schema';
import { alternatives, isImpossible, type Written } from './written';

/** Why a reader may refuse data that may be written. */
export interface Difference {
  /** The place in the data, such as `$.lines[].price`. */
  readonly path: string;
  /** The reader's keyword that is not proven to hold; `dialect` or `complexity` if nothing was compared. */
  readonly rule: string;
  readonly message: string;
}

/**
 * Why some value that is valid under `written` may be invalid under `read`; empty if every such value is valid.
 *
 * An empty result is a proof. Any other result may be too cautious: it reports everything that is not proved. The
 * comparison understands numbers, lengths, required and additional properties, lists, enumerations, nullable and
 * combined schemas, and references. Patterns, formats and all other keywords must be identical.
 */
export function differences(written: JsonSchema, read: JsonSchema): readonly Difference[] {
  if (isSameJson(written, read)) return [];
  for (const document of [written, read]) {
    const what = unreadableDialect(document);
    if (what !== undefined) return [{ path: '$', rule: 'dialect', message: `uses ${what}, which is not compared` }];
  }
  const found = new Comparison().of([{ schema: written, root: written }], { schema: read, root: read }, START);
  return [...new Map(found.map((each) => [`${each.path} ${each.rule}`, each] as const)).values()];
}

interface Place {
  readonly path: string;
  /** Nesting depth in the data. */
  readonly depth: number;
}
const START: Place = { path: '$', depth: 0 };
const inside = ({ path, depth }: Place, step: string): Place => ({ path: path + step, depth: depth + 1 });

const MAX_COMPARED = 2_000;
/** Limits nested comparisons, because the call stack is finite. */
const MAX_NESTED = 200;

/** Keywords whose meaning depends on no other keyword. */
const SELF_CONTAINED: ReadonlySet<string> = new Set([
  ...['format', 'pattern', 'multipleOf', 'uniqueItems', 'propertyNames', 'patternProperties', 'not'],
  ...['dependentRequired', 'dependentSchemas', 'contentEncoding', 'contentMediaType', 'contentSchema'],
]);
/** Keywords that have a meaning only in combination. */
const TOGETHER: Readonly<Record<string, readonly string[]>> = {
  if: ['if', 'then', 'else'],
  contains: ['contains', 'minContains', 'maxContains'],
};
const PART_OF_OTHERS: ReadonlySet<string> = new Set(['then', 'else', 'minContains', 'maxContains']);

class Comparison {
  /** Comparisons in progress, with the depth in the data at which each began. */
  readonly #open = new Map<string, number>();
  #compared = 0;

  of(written: readonly Located[], read: Located, place: Place): readonly Difference[] {
    if (read.schema === true || isSame(written, read)) return [];
    const key = stableJson([written.map(({ schema }) => schema), read.schema]);
    const begun = this.#open.get(key);
    // Data is finite: the same question deeper in the data holds by induction. At the same depth it does not.
    if (begun !== undefined) return begun < place.depth ? [] : [differ(place, '$ref', 'refers to itself')];
    const parts = alternatives(written);
    this.#compared += parts.length;
    if (this.#compared > MAX_COMPARED || this.#open.size > MAX_NESTED) {
      return [differ(place, 'complexity', 'is too intricate to be compared')];
    }
    this.#open.set(key, place.depth);
    const found = parts
      .filter((alternative) => !alternative.isEmpty())
      .flatMap((alternative) => this.#alternative(alternative, read, place));
    this.#open.delete(key);
    return found;
  }

  #alternative(written: Written, read: Located, place: Place): readonly Difference[] {
    const { schema } = read;
    if (schema === true) return [];
    if (schema === false) return [differ(place, 'false', 'is written, but not taken')];
    const { values } = written;
    if (values !== undefined) {
      const refused = values.filter((value) => accepts(read, value) !== true);
      if (refused.length === 0) return [];
      if (refused.some((value) => accepts(read, value) === false)) {
        return [differ(place, ruleAgainst(refused, schema), `may be ${listed(refused)}, which is not taken`)];
      }
    }
    return Object.entries(schema).flatMap(([keyword, argument]) =>
      isAnnotation(keyword) || PART_OF_OTHERS.has(keyword)
        ? []
        : this.#keyword(written, keyword, argument, { ...read, schema }, place),
    );
  }

  #keyword(
    written: Written,
    keyword: string,
    argument: unknown,
    read: Located & { readonly schema: Readonly<Record<string, unknown>> },
    place: Place,
  ): readonly Difference[] {
    const inner = (schema: unknown): Located | undefined =>
      isJsonSchema(schema) ? { schema, root: read.root } : undefined;
    const innerAll = (schemas: unknown): readonly Located[] | undefined =>
      Array.isArray(schemas) && schemas.every(isJsonSchema)
        ? schemas.map((schema) => ({ schema, root: read.root }))
        : undefined;
    const unproved = [differ(place, keyword, `must satisfy ${keyword} ${listed([argument])}, which cannot be proved`)];
    const compared = (schema: Located | undefined, from = written.conjuncts, at = place): readonly Difference[] =>
      schema === undefined ? unproved : this.of(from, schema, at);
    const proved = (isProved: boolean): readonly Difference[] => (isProved ? [] : unproved);
    const { types } = written;

    switch (keyword) {
      case '$ref':
        return compared(inner(resolveReference(read.root, argument)));
      case 'allOf':
        return innerAll(argument)?.flatMap((each) => compared(each)) ?? unproved;
      case 'anyOf':
      case 'oneOf': {
        const choices = innerAll(argument);
        if (choices === undefined) return unproved;
        const parts = types.size > 1 ? [...types].map((type) => written.only(type)) : [written];
        return parts.flatMap((part) => this.#choice(part, keyword, choices, place));
      }
      case 'not': {
        const refused = inner(argument);
        return proved((refused !== undefined && written.isDisjoint(refused)) || written.demands({ not: argument }));
      }
      case 'type':
        return typeDifference(written, argument, place) ?? unproved;
      case 'const':
      case 'enum':
        if (
          written.values?.every((value) => accepts({ schema: { [keyword]: argument }, root: true }, value) === true)
        ) {
          return [];
        }
        return [differ(place, keyword, `may be anything else than ${listed([argument])}`)];
    }

    if (types.has('number')) {
      const { lowest, highest } = written;
      switch (keyword) {
        case 'minimum':
          return limited(place, keyword, argument, lowest?.value, (at) => lowest !== undefined && lowest.value >= at);
        case 'exclusiveMinimum':
          return limited(
            place,
            keyword,
            argument,
            lowest?.value,
            (at) => lowest !== undefined && (lowest.value > at || (lowest.value === at && lowest.exclusive)),
          );
        case 'maximum':
          return limited(
            place,
            keyword,
            argument,
            highest?.value,
            (at) => highest !== undefined && highest.value <= at,
          );
        case 'exclusiveMaximum':
          return limited(
            place,
            keyword,
            argument,
            highest?.value,
            (at) => highest !== undefined && (highest.value < at || (highest.value === at && highest.exclusive)),
          );
        case 'multipleOf':
          return proved(
            written.demands({ multipleOf: argument }) ||
              written.isMultipleOf(argument) ||
              (argument === 1 && written.hasIntegersOnly),
          );
      }
    }
    if (types.has('string')) {
      switch (keyword) {
        case 'minLength':
          return this.#atLeast(written, keyword, argument, place);
        case 'maxLength':
          return this.#atMost(written.most(keyword), keyword, argument, place);
      }
    }
    if (types.has('array')) {
      switch (keyword) {
        case 'minItems':
          return this.#atLeast(written, keyword, argument, place);
        case 'maxItems':
          return this.#atMost(written.maxItems, keyword, argument, place);
        case 'uniqueItems':
          return proved(argument === false || written.demands({ uniqueItems: true }) || (written.maxItems ?? 2) <= 1);
        case 'prefixItems':
          return (
            innerAll(argument)?.flatMap((each, index) => this.#item(written, index, each, place, `[${index}]`)) ??
            unproved
          );
        case 'items': {
          const rest = inner(argument);
          if (rest === undefined) return unproved;
          const { prefixItems } = read.schema;
          const from = Array.isArray(prefixItems) ? prefixItems.length : 0;
          const named = Array.from({ length: Math.max(0, written.places - from) }, (_, index) => from + index);
          return [
            ...named.flatMap((index) => this.#item(written, index, rest, place, `[${index}]`)),
            ...this.#item(written, Math.max(from, written.places), rest, place, '[]'),
          ];
        }
      }
    }
    if (types.has('object')) {
      switch (keyword) {
        case 'required': {
          if (!Array.isArray(argument)) return unproved;
          const always = new Set(written.required);
          return argument
            .filter((name) => !always.has(String(name)))
            .map((name) => differ(inside(place, step(String(name))), keyword, 'is required, but not always written'));
        }
        case 'properties': {
          if (!isRecord(argument)) return unproved;
          return Object.entries(argument).flatMap(([name, schema]) =>
            this.#property(written, name, inner(schema), inside(place, step(name)), keyword),
          );
        }
        case 'additionalProperties':
          return this.#additionalProperties(written, inner(argument), read.schema, place) ?? unproved;
        case 'propertyNames': {
          const names = inner(argument);
          if (names === undefined) return unproved;
          const isOpen = !isImpossible(written.otherProperties);
          const text: Located = { schema: { type: 'string' }, root: true };
          return [
            ...written.names
              .filter((name) => !isImpossible(written.property(name)) && accepts(names, name) !== true)
              .map((name) => differ(inside(place, step(name)), keyword, 'has a name that is not taken')),
            ...(isOpen ? compared(names, [text, ...written.propertyNames], place).map(named(keyword)) : []),
          ];
        }
        case 'patternProperties':
          return this.#patternProperties(written, argument, inner, place) ?? unproved;
        case 'minProperties':
          return this.#atLeastNumber(written.minProperties, keyword, argument, place);
        case 'maxProperties':
          return this.#atMost(written.maxProperties, keyword, argument, place);
      }
    }
    if (isOfOtherTypes(keyword, types)) return [];
    if (keyword === 'format' && !types.has('string') && !types.has('number')) return [];
    if (SELF_CONTAINED.has(keyword) && !mentionsReference(argument))
      return proved(written.demands({ [keyword]: argument }));
    const together = TOGETHER[keyword];
    if (together === undefined) return unproved;
    const wanted = Object.fromEntries(together.map((each) => [each, read.schema[each]]));
    return proved(!mentionsReference(wanted) && written.demands(wanted));
  }

  /** One branch must accept all values. With `oneOf`, no other branch may accept any. */
  #choice(written: Written, keyword: string, choices: readonly Located[], place: Place): readonly Difference[] {
    if (written.isEmpty()) return [];
    const possible = choices.filter((each) => !written.isDisjoint(each));
    const results = possible.map((each) => this.of(written.conjuncts, each, place));
    const isTaken = results.some((found) => found.length === 0);
    if (isTaken && (keyword === 'anyOf' || possible.length === 1)) return [];
    const [only] = results;
    if (only !== undefined && possible.length === 1) return only;
    return [
      differ(
        place,
        keyword,
        isTaken
          ? 'may be taken by more than one of the choices'
          : `is not taken as a whole by one of ${choices.length} choices`,
      ),
    ];
  }

  #item(written: Written, index: number, read: Located, place: Place, at: string): readonly Difference[] {
    return (written.maxItems ?? Infinity) <= index ? [] : this.of(written.item(index), read, inside(place, at));
  }

  #property(
    written: Written,
    name: string,
    read: Located | undefined,
    place: Place,
    keyword: string,
  ): readonly Difference[] {
    if (read === undefined) return [differ(place, keyword, 'has no schema')];
    const schemas = written.property(name);
    const found = this.of(schemas, read, place);
    if (found.length === 0 || schemas.length > 0 || written.names.includes(name)) return found;
    return [
      differ(
        place,
        keyword,
        'is not described where it is written, and properties that are not described may be anything there: close that schema (additionalProperties: false)',
      ),
    ];
  }

  #additionalProperties(
    written: Written,
    read: Located | undefined,
    { properties = {}, patternProperties = {} }: Readonly<Record<string, unknown>>,
    place: Place,
  ): readonly Difference[] | undefined {
    if (read === undefined || !isRecord(properties) || !isRecord(patternProperties)) return undefined;
    const patterns = Object.keys(patternProperties).map(patternOf);
    const isDescribed = (name: string): boolean =>
      Object.hasOwn(properties, name) || patterns.some((pattern) => pattern?.test(name) ?? false);
    const keyword = 'additionalProperties';
    const among = (found: readonly Difference[]): readonly Difference[] =>
      read.schema === false ? found.map((each) => ({ ...each, rule: keyword })) : found;
    return [
      ...written.names
        .filter((name) => !isDescribed(name))
        .flatMap((name) => among(this.of(written.property(name), read, inside(place, step(name))))),
      ...among(this.of(written.otherProperties, read, inside(place, '.*'))),
    ];
  }

  #patternProperties(
    written: Written,
    argument: unknown,
    inner: (schema: unknown) => Located | undefined,
    place: Place,
  ): readonly Difference[] | undefined {
    if (!isRecord(argument)) return undefined;
    if (!mentionsReference(argument) && written.demands({ patternProperties: argument })) return [];
    return Object.entries(argument).flatMap(([source, schema]) => {
      const [pattern, read] = [patternOf(source), inner(schema)];
      if (pattern === undefined || read === undefined) {
        return [differ(place, 'patternProperties', `has ${JSON.stringify(source)}, which cannot be compared`)];
      }
      return [
        ...written.names
          .filter((name) => pattern.test(name))
          .flatMap((name) => this.of(written.property(name), read, inside(place, step(name)))),
        ...this.of(written.otherProperties, read, inside(place, '.*')),
      ];
    });
  }

  #atLeast(written: Written, keyword: string, argument: unknown, place: Place): readonly Difference[] {
    return this.#atLeastNumber(written.least(keyword) ?? 0, keyword, argument, place);
  }

  #atLeastNumber(least: number, keyword: string, argument: unknown, place: Place): readonly Difference[] {
    return limited(place, keyword, argument, least === 0 ? undefined : least, (at) => least >= at);
  }

  #atMost(most: number | undefined, keyword: string, argument: unknown, place: Place): readonly Difference[] {
    return limited(place, keyword, argument, most, (at) => most !== undefined && most <= at);
  }
}

const differ = ({ path }: Place, rule: string, message: string): Difference => ({ path, rule, message });
const named =
  (rule: string) =>
  (each: Difference): Difference => ({ ...each, rule });

const step = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);

const MAX_LISTED_CHARACTERS = 120;
const listed = (values: readonly unknown[]): string => {
  const text = values.map((value) => JSON.stringify(value)).join(', ');
  return text.length > MAX_LISTED_CHARACTERS ? `${text.slice(0, MAX_LISTED_CHARACTERS)}…` : text;
};

function limited(
  place: Place,
  keyword: string,
  argument: unknown,
  written: number | undefined,
  isWithin: (argument: number) => boolean,
): readonly Difference[] {
  if (typeof argument !== 'number') return [differ(place, keyword, 'has a limit that is no number')];
  if (isWithin(argument)) return [];
  const now =
    written === undefined ? 'has no such limit where it is written' : `is limited by ${written} where it is written`;
  return [differ(place, keyword, `must satisfy ${keyword} ${argument}, but ${now}`)];
}

function typeDifference(written: Written, argument: unknown, place: Place): readonly Difference[] | undefined {
  const allowed = allowedTypes(argument);
  if (allowed === undefined) return undefined;
  const wanted = listed([argument]);
  const others = [...written.types].filter((type) => !allowed.primitives.has(type));
  if (others.length > 0) return [differ(place, 'type', `may be ${others.join(' or ')}, but ${wanted} is taken`)];
  const isFraction = allowed.integersOnly && written.types.has('number') && !written.hasIntegersOnly;
  return isFraction ? [differ(place, 'type', `may be a fraction, but ${wanted} is taken`)] : [];
}

/** The first keyword that refuses one of the values. */
const ruleAgainst = (values: readonly unknown[], schema: Readonly<Record<string, unknown>>): string =>
  Object.keys(schema).find((keyword) =>
    values.some((value) => accepts({ schema: { [keyword]: schema[keyword] }, root: schema }, value) === false),
  ) ?? 'enum';

/** Equal schemas accept the same values, unless they contain a reference: the documents differ. */
const isSame = (written: readonly Located[], read: Located): boolean =>
  written.some(({ schema }) => isSameJson(schema, read.schema)) && !mentionsReference(read.schema);

/** May also match text that only looks like a reference, which is safe. */
const mentionsReference = (value: unknown): boolean => /"\$(ref|dynamicRef|recursiveRef)"/.test(JSON.stringify(value));

const KEYWORDS_OF: Readonly<Record<string, readonly string[]>> = {
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['minLength', 'maxLength', 'pattern'],
  array: ['minItems', 'maxItems', 'uniqueItems', 'prefixItems', 'items', 'contains'],
  object: [
    ...['required', 'properties', 'additionalProperties', 'propertyNames', 'patternProperties'],
    ...['minProperties', 'maxProperties', 'dependentRequired', 'dependentSchemas'],
  ],
};

/** Whether a keyword applies only to types that are never written. */
const isOfOtherTypes = (keyword: string, types: ReadonlySet<string>): boolean =>
  Object.entries(KEYWORDS_OF).some(([type, keywords]) => keywords.includes(keyword) && !types.has(type));
