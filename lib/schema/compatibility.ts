import {
  isAnnotation,
  isSameJson,
  mentionsReference,
  stableJson,
  unsupportedConstruct,
  type JsonSchema,
  type SchemaObject,
  type Located,
} from './json-schema';
import { accepts, KEYWORD_RULES, listed, type Incompatibility, type InclusionContext } from './keywords';
import { alternatives, type ValueSet } from './value-set';

/**
 * Why some value that is valid under `written` may be invalid under `read`. An empty result is a proof that none is;
 * any other may be too cautious: it reports everything that is not proved. The comparison understands numbers, lengths,
 * required and additional properties, lists, enumerations, nullable and combined schemas, and references. Patterns,
 * formats and all other keywords must be identical.
 */
export function incompatibilities(written: JsonSchema, read: JsonSchema): readonly Incompatibility[] {
  if (isSameJson(written, read)) return [];
  for (const document of [written, read]) {
    const construct = unsupportedConstruct(document);
    if (construct !== undefined) {
      return [{ path: '$', rule: 'dialect', message: `cannot be compared, because it uses ${construct}` }];
    }
  }
  const found = new Comparison(read).of([{ schema: written, root: written }], read, ['$']);
  return [...new Map(found.map((each) => [`${each.path} ${each.rule}`, each])).values()];
}

/** The steps to a place in the data. */
type Place = readonly string[];

const MAX_COMPARED = 2_000;
/** Limits nested comparisons, because the call stack is finite. */
const MAX_NESTED = 200;

/** Compares written data with the schemas of one reader. */
class Comparison {
  readonly #root: JsonSchema;
  /** Comparisons in progress, with the depth in the data at which each began. */
  readonly #open = new Map<string, number>();
  #compared = 0;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  of(written: readonly Located[], read: JsonSchema, place: Place): readonly Incompatibility[] {
    if (read === true || isAmong(written, read)) return [];
    const key = stableJson([written.map(({ schema }) => schema), read]);
    const begun = this.#open.get(key);
    // Data is finite: the same question deeper in the data holds by induction. At the same depth it does not.
    if (begun !== undefined)
      return begun < place.length ? [] : [incompatible(place, '$ref', 'refers to itself without end')];
    const sets = alternatives(written);
    this.#compared += sets.length;
    if (this.#compared > MAX_COMPARED || this.#open.size > MAX_NESTED) {
      return [incompatible(place, 'complexity', 'is too complex to be compared')];
    }
    this.#open.set(key, place.length);
    const found = sets.filter((set) => !set.isEmpty()).flatMap((set) => this.#set(set, read, place));
    this.#open.delete(key);
    return found;
  }

  #set(set: ValueSet, read: SchemaObject | false, place: Place): readonly Incompatibility[] {
    if (read === false) return [incompatible(place, 'false', 'may be written, but is never accepted')];
    const reader = { schema: read, root: this.#root };
    const { values } = set;
    if (values?.every((value) => accepts(reader, value) === true)) return [];
    const refused = values?.filter((value) => accepts(reader, value) === false) ?? [];
    if (refused.length > 0) {
      return [incompatible(place, ruleAgainst(refused, read), `may be ${listed(refused)}, which is not accepted`)];
    }
    return Object.keys(read)
      .filter((keyword) => !isAnnotation(keyword))
      .flatMap((keyword) => this.#keyword(set, keyword, read, place));
  }

  #keyword(set: ValueSet, keyword: string, schema: SchemaObject, place: Place): readonly Incompatibility[] {
    const rule = KEYWORD_RULES.get(keyword);
    if (rule?.types?.every((type) => !set.types.has(type))) return [];
    const argument = rule?.argument(schema[keyword], this.#root);
    const context: InclusionContext = {
      schema,
      root: this.#root,
      keyword,
      includes: (inner, written = set.conjuncts, step) => this.of(written, inner, inside(place, step)),
      incompatible: (message, step) => incompatible(inside(place, step), keyword, message),
    };
    const proof = argument !== undefined && rule?.includes(argument, set, context);
    if (typeof proof === 'object') return proof;
    if (proof === true) return [];
    const unproved = `must satisfy ${keyword} ${listed([schema[keyword]])}, which cannot be proved`;
    return [incompatible(place, keyword, proof === undefined || proof === false ? unproved : proof)];
  }
}

const incompatible = (place: Place, rule: string, message: string): Incompatibility => ({
  path: place.join(''),
  rule,
  message,
});

const inside = (place: Place, step?: string): Place => (step === undefined ? place : [...place, step]);

/** The first keyword that refuses one of the values. */
const ruleAgainst = (values: readonly unknown[], schema: SchemaObject): string =>
  Object.keys(schema).find((keyword) =>
    values.some((value) => accepts({ schema: { [keyword]: schema[keyword] }, root: schema }, value) === false),
  ) ?? 'enum';

/** Equal schemas accept the same values, unless they contain a reference: the documents differ. */
const isAmong = (written: readonly Located[], read: JsonSchema): boolean =>
  written.some(({ schema }) => isSameJson(schema, read)) && !mentionsReference(read);
