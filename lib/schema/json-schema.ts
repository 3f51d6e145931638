import { isRecord } from '../event/options';

/** A JSON Schema of draft 2020-12, or of an earlier draft where it means the same. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>;

/** A schema, and the document in which its references are resolved. */
export interface Located {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
}

export const isJsonSchema = (value: unknown): value is JsonSchema => typeof value === 'boolean' || isRecord(value);

export const PRIMITIVES = ['null', 'boolean', 'object', 'array', 'number', 'string'] as const;
export type Primitive = (typeof PRIMITIVES)[number];

export function primitiveOf(value: unknown): Primitive {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  return type === 'boolean' || type === 'number' || type === 'string' ? type : 'object';
}

/** The types that the keyword `type` allows; `undefined` if its value is not a JSON Schema type. */
export function allowedTypes(
  type: unknown,
): { readonly primitives: ReadonlySet<Primitive>; readonly integersOnly: boolean } | undefined {
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  const isKnown = names.every((name) => name === 'integer' || (PRIMITIVES as readonly unknown[]).includes(name));
  if (!isKnown || names.length === 0) return undefined;
  return {
    primitives: new Set(names.map((name) => (name === 'integer' ? 'number' : (name as Primitive)))),
    integersOnly: names.includes('integer') && !names.includes('number'),
  };
}

const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', '$comment', '$defs', 'definitions'],
]);

/** Whether a keyword has no effect on which values are valid. */
export const isAnnotation = (keyword: string): boolean => ANNOTATIONS.has(keyword) || keyword.startsWith('x-');

/** JSON with the keys of every object sorted, so that equal values have equal texts. */
export const stableJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_, each: unknown) =>
      isRecord(each) ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1))) : each,
    indent,
  );

export const isSameJson = (a: unknown, b: unknown): boolean => stableJson(a) === stableJson(b);

/** Resolves a reference inside its document. */
export function resolveReference(root: JsonSchema, reference: unknown): JsonSchema | undefined {
  if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) return undefined;
  let at: unknown = root;
  for (const part of decoded(reference).split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return isJsonSchema(at) ? at : undefined;
}

function decoded(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    // Malformed percent-encoding: the pointer is read as it stands.
    return reference;
  }
}

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
export function unreadableDialect(root: JsonSchema): string | undefined {
  const isOldDraft = isRecord(root) && typeof root['$schema'] === 'string' && root['$schema'].includes('/draft-0');
  const visit = (value: unknown, isRoot: boolean): string | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (isRecord(value)) {
      if (!isRoot && typeof value['$id'] === 'string') return 'a schema with its own "$id" inside another';
      if (value['nullable'] === true) return '"nullable", which OpenAPI knows and JSON Schema does not';
      const besides = Object.keys(value).filter((keyword) => keyword !== '$ref' && !isAnnotation(keyword));
      if (isOldDraft && typeof value['$ref'] === 'string' && besides.length > 0) {
        return `"${besides.join('", "')}" beside a "$ref", which an early draft ignores`;
      }
    }
    for (const each of Object.values(value)) {
      const found = visit(each, false);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(root, true);
}
