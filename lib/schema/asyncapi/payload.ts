import { isRecord } from '../../event/options';
import {
  isAnnotation,
  isSameJson,
  mapSchemas,
  resolveReference,
  type JsonSchema,
  type SchemaObject,
} from '../json-schema';

/** The steps to a schema in a document. */
export type Location = readonly string[];

/** The reference to a place in a document: a JSON pointer as the fragment of a URI (RFC 6901, 6). */
export const referenceTo = (location: Location): string =>
  `#${location.map((step) => `/${encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`;

/** Not every reader of AsyncAPI accepts a boolean in place of a whole schema. */
const EVERYTHING = {};
const NOTHING = { not: {} };

const OLD_DRAFT = /\/draft-0[67]\/schema#?$/;
const NEW_DRAFT = /\/draft\/20(19-09|20-12)\/schema#?$/;

/**
 * Writes a JSON Schema of draft 6 to 2020-12 as a schema of AsyncAPI, which is one of draft 7, at a place in a document.
 * It allows the same data; a keyword that draft 7 does not know is kept, and its readers ignore it.
 *
 * - A reference within the schema becomes a reference within the document.
 * - `prefixItems` becomes a list in `items`, and `items` next to it becomes `additionalItems`.
 * - A reference with keywords next to it, which draft 7 ignores, becomes one of `allOf`.
 * - `contains` with `minContains: 0`, which draft 7 does not know, is left out, because alone it requires an element.
 * - `discriminator` of OpenAPI, an object, is left out: AsyncAPI's is a text, and its parser refuses the object.
 *
 * @throws Error naming a construct that the document cannot express.
 */
export function embedSchema(schema: JsonSchema, location: Location): JsonSchema {
  if (typeof schema === 'boolean') return schema ? EVERYTHING : NOTHING;
  const dialect = schema['$schema'] ?? 'https://json-schema.org/draft/2020-12/schema';
  const isOld = typeof dialect === 'string' && OLD_DRAFT.test(dialect);
  if (!isOld && !(typeof dialect === 'string' && NEW_DRAFT.test(dialect))) {
    throw new Error(`its JSON Schema is of the dialect ${JSON.stringify(dialect)}: use draft 2020-12 or draft 7`);
  }
  const { $schema: _dialect, $id: _id, ...root } = schema;
  const base = referenceTo(location);
  const embedded = mapSchemas(root, (each) => embedKeywords(each, base, isOld));
  mapSchemas(embedded, (each) => {
    const { $ref } = each;
    if (typeof $ref === 'string') checkReference(embedded, `#${$ref.slice(base.length)}`);
    return each;
  });
  checkNames(mapSchemas(embedded, ({ $ref: _reference, ...others }) => others));
  return embedded;
}

/**
 * The parser of AsyncAPI follows every `$ref`, and refuses the document if it is a name.
 *
 * @param schema - without its references
 */
function checkNames(schema: unknown): void {
  if (Array.isArray(schema)) schema.forEach(checkNames);
  if (!isRecord(schema)) return;
  if ('$ref' in schema) {
    const fix = 'give the property another name, and leave it out of examples, defaults and lists of values';
    throw new Error(`its JSON Schema has "$ref" as a name, which readers of AsyncAPI take for a reference: ${fix}`);
  }
  Object.values(schema).forEach(checkNames);
}

/** The parser of AsyncAPI refuses a document with a reference that leads nowhere. */
function checkReference(embedded: JsonSchema, reference: string): void {
  if (resolveReference(embedded, reference) !== undefined) return;
  const fix = 'define that schema in "$defs", and refer to it there';
  throw new Error(`its JSON Schema refers to ${JSON.stringify(reference)}, where the document has no schema: ${fix}`);
}

function embedKeywords(schema: SchemaObject, base: string, isOld: boolean): SchemaObject {
  for (const keyword of ['$id', '$dynamicRef', '$recursiveRef']) {
    if (keyword in schema) throw new Error(`its JSON Schema has a nested "${keyword}": use "$ref" and "$defs"`);
  }
  const { $ref, ...others } = withoutUnknownToDraft7(withDraft7Items(schema), isOld);
  if ($ref === undefined) return others;
  if (typeof $ref !== 'string' || !/^#(\/|$)/.test($ref)) {
    throw new Error(`its JSON Schema refers to ${JSON.stringify($ref)}: it may refer only to its own "#/…"`);
  }
  const reference = { $ref: base + $ref.slice(1) };
  const besides = isOld ? Object.fromEntries(Object.entries(others).filter(([name]) => isAnnotation(name))) : others;
  if (Object.keys(besides).length === 0) return reference;
  const { allOf } = besides;
  return { ...besides, allOf: [...(Array.isArray(allOf) ? (allOf as unknown[]) : []), reference] };
}

function withDraft7Items(schema: SchemaObject): SchemaObject {
  const { prefixItems, ...others } = schema;
  // Draft 7 allows no empty list.
  if (!Array.isArray(prefixItems) || prefixItems.length === 0) return others;
  const { items, ...rest } = others;
  return { ...rest, items: prefixItems, ...(items === undefined ? {} : { additionalItems: items }) };
}

function withoutUnknownToDraft7(schema: SchemaObject, isOld: boolean): SchemaObject {
  const isOptional = !isOld && schema['minContains'] === 0;
  const dropped = new Set<string>(isOptional ? ['contains', 'minContains', 'maxContains'] : []);
  if (isRecord(schema['discriminator'])) dropped.add('discriminator');
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !dropped.has(keyword)));
}

/** Reads a schema that {@link embedSchema} wrote at that place, for a comparison in terms of draft 2020-12. */
export function extractSchema(schema: JsonSchema, location: Location): JsonSchema {
  if (isSameJson(schema, EVERYTHING)) return true;
  if (isSameJson(schema, NOTHING)) return false;
  const base = referenceTo(location);
  return mapSchemas(schema, (each) => {
    const { $ref, items, additionalItems, ...others } = each;
    const isWithin = typeof $ref === 'string' && ($ref === base || $ref.startsWith(`${base}/`));
    const reference = $ref === undefined ? {} : { $ref: isWithin ? `#${$ref.slice(base.length)}` : $ref };
    if (!Array.isArray(items)) {
      return { ...others, ...reference, ...(items === undefined ? {} : { items }), ...kept({ additionalItems }) };
    }
    return { ...others, ...reference, prefixItems: items, ...kept({ items: additionalItems }) };
  });
}

const kept = (keywords: SchemaObject): SchemaObject =>
  Object.fromEntries(Object.entries(keywords).filter(([, argument]) => argument !== undefined));
