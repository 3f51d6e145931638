import { isRecord } from '../event/options';

/** A JSON Schema of draft 2020-12, or of an earlier draft where it means the same. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>;

export type SchemaObject = Exclude<JsonSchema, boolean>;

/** A schema, and the document in which its references are resolved. */
export interface Located<S extends JsonSchema = JsonSchema> {
  readonly schema: S;
  readonly root: JsonSchema;
}

export const isJsonSchema = (value: unknown): value is JsonSchema => typeof value === 'boolean' || isRecord(value);

export const PRIMITIVES = ['null', 'boolean', 'object', 'array', 'number', 'string'] as const;
export type Primitive = (typeof PRIMITIVES)[number];

export function primitiveOf(value: unknown): Primitive {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return PRIMITIVES.find((each) => each === typeof value) ?? 'object';
}

interface AllowedTypes {
  readonly primitives: ReadonlySet<Primitive>;
  readonly integersOnly: boolean;
}

/** The types that the keyword `type` allows; `undefined` if its argument is not valid. */
export function allowedTypes(type: unknown): AllowedTypes | undefined {
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  const primitives = names.map((name) => PRIMITIVES.find((each) => each === (name === 'integer' ? 'number' : name)));
  if (names.length === 0 || !primitives.every((each) => each !== undefined)) return undefined;
  return { primitives: new Set(primitives), integersOnly: names.includes('integer') && !names.includes('number') };
}

const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', '$comment', '$defs', 'definitions'],
]);

/** Whether a keyword has no effect on which values are valid. */
export const isAnnotation = (keyword: string): boolean => ANNOTATIONS.has(keyword) || keyword.startsWith('x-');

/** Keywords whose argument has schemas by names of the writer's choice. */
const SCHEMAS_BY_NAME: ReadonlySet<string> = new Set([
  ...['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'],
]);
/** Keywords whose argument has values of the data, or names. */
const VALUES: ReadonlySet<string> = new Set([
  ...['const', 'enum', 'required', 'dependentRequired', 'default', 'examples'],
]);

/** Returns the schema with `change` applied to each schema in it, the innermost first, and to itself at last. */
export function mapSchemas(schema: JsonSchema, change: (schema: SchemaObject) => SchemaObject): JsonSchema {
  const inside = (value: unknown, isByName: boolean): unknown => {
    if (Array.isArray(value)) return value.map((each) => inside(each, false));
    if (!isRecord(value)) return value;
    const mapped = Object.fromEntries(
      Object.entries(value).map(([key, each]) => {
        const isVerbatim = !isByName && (VALUES.has(key) || key.startsWith('x-'));
        return [key, isVerbatim ? each : inside(each, !isByName && SCHEMAS_BY_NAME.has(key))];
      }),
    );
    return isByName ? mapped : change(mapped);
  };
  return inside(schema, false) as JsonSchema;
}

/** JSON with the keys of every object sorted, so that equal values have equal texts. */
export const stableJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_, each: unknown) =>
      isRecord(each) ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1))) : each,
    indent,
  );

export const isSameJson = (a: unknown, b: unknown): boolean => stableJson(a) === stableJson(b);

export function resolveReference(root: JsonSchema, reference: unknown): JsonSchema | undefined {
  if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) return undefined;
  let at: unknown = root;
  for (const part of decoded(reference).split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as SchemaObject)[name];
  }
  return isJsonSchema(at) ? at : undefined;
}

function decoded(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    // Malformed percent-encoding: the pointer is read unchanged.
    return reference;
  }
}

/** May also match text that only looks like a reference, which is safe. */
export const mentionsReference = (value: unknown): boolean =>
  /"\$(ref|dynamicRef|recursiveRef)"/.test(JSON.stringify(value));

/** JSON Schema patterns are ECMA-262 in Unicode mode. `undefined` if the source is not a valid pattern. */
export function patternOf(source: unknown): RegExp | undefined {
  try {
    return typeof source === 'string' ? new RegExp(source, 'u') : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Finds a construct that gives the document's schemas another meaning than the comparison assumes; `undefined` if there
 * is none. It searches every value, even where the construct has no meaning; such a document is refused as well.
 */
export function unsupportedConstruct(root: JsonSchema): string | undefined {
  const isOldDraft = isRecord(root) && typeof root['$schema'] === 'string' && root['$schema'].includes('/draft-0');
  for (const value of objectsIn(root)) {
    if (value !== root && typeof value['$id'] === 'string') return 'a nested schema with its own "$id"';
    if (value['nullable'] === true) return '"nullable", which is no keyword of JSON Schema';
    const besides = Object.keys(value).filter((keyword) => keyword !== '$ref' && !isAnnotation(keyword));
    if (isOldDraft && typeof value['$ref'] === 'string' && besides.length > 0) {
      return `"${besides.join('", "')}" next to a "$ref", which early drafts ignore`;
    }
  }
  return undefined;
}

function* objectsIn(value: unknown): Generator<SchemaObject> {
  if (isRecord(value)) yield value;
  if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) yield* objectsIn(each);
}

/** Limits the steps of one question: a schema that refers to itself can be unfolded forever. */
export class StepBudget {
  #left = 500;

  /** Whether one more step is allowed. */
  spend(): boolean {
    return this.#left-- > 0;
  }
}
