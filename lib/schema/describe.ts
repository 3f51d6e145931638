import { type EventCatalogue, type EventDefinition, FIRST_VERSION, oldestReadable } from '../event/catalogue';
import { messageOf, OutboxError } from '../event/errors';
import { DEFAULT_CONTENT_TYPE } from '../event/item';
import type { SchemaDirection, StandardJsonSchemaV1 } from '../event/standard-schema';
import { isAnnotation, isJsonSchema, mapSchemas, stableJson, type JsonSchema } from './json-schema';

/**
 * The shape of a type's data: `writes` describes the data that a writer puts into a message, `reads` the data that a
 * consumer accepts. They differ if the schema drops unknown properties or fills in defaults.
 */
export interface DataSchemas {
  readonly writes: JsonSchema;
  readonly reads: JsonSchema;
}

/** The parts of a type that other services depend on. */
export interface DescribedType extends DataSchemas {
  readonly version: number;
  readonly oldestReadable: number;
  readonly contentType: string;
  /** The versions that have an upcaster, in ascending order. */
  readonly upcasters: readonly number[];
}

export type DescribedCatalogue = ReadonlyMap<string, DescribedType>;

/**
 * Describes each type by the keywords that are compared.
 *
 * @throws OutboxError `operation-refused`, naming every type whose schema provides no JSON Schema.
 */
export const describeCatalogue = (catalogue: EventCatalogue): DescribedCatalogue =>
  new Map(
    [...annotatedCatalogue(catalogue)].map(([type, { writes, reads, ...rest }]) => [
      type,
      { ...rest, writes: withoutAnnotations(writes), reads: withoutAnnotations(reads) },
    ]),
  );

/** As {@link describeCatalogue}, with the titles, descriptions, examples and other annotations of the schemas. */
export function annotatedCatalogue(catalogue: EventCatalogue): DescribedCatalogue {
  const described = new Map<string, DescribedType>();
  const problems: string[] = [];
  for (const type of Object.keys(catalogue.definitions).toSorted()) {
    try {
      described.set(type, describe(catalogue.definitionOf(type)));
    } catch (error) {
      problems.push(`${type}: ${messageOf(error)}`);
    }
  }
  if (problems.length === 0) return described;
  const why = `there is no JSON Schema of ${problems.join('; ')}. Set "jsonSchema" of the type to a function that returns one, or to false.`;
  throw new OutboxError('operation-refused', `schema: ${why}`, { operation: 'schema', why });
}

function describe(definition: EventDefinition): DescribedType {
  const { version = FIRST_VERSION, upcasters = {}, contentType = DEFAULT_CONTENT_TYPE } = definition;
  return {
    version,
    oldestReadable: oldestReadable(definition),
    contentType,
    upcasters: Object.keys(upcasters).map(Number),
    writes: jsonSchemaOf(definition, 'output'),
    reads: jsonSchemaOf(definition, 'input'),
  };
}

function jsonSchemaOf({ jsonSchema, schema }: EventDefinition, direction: SchemaDirection): JsonSchema {
  if (jsonSchema === false) return true;
  const given = jsonSchema === undefined ? standardJsonSchema(schema, direction) : jsonSchema(direction);
  // The same value as after a round trip through a file.
  const plain: unknown = given === undefined ? undefined : JSON.parse(stableJson(given));
  if (!isJsonSchema(plain)) throw new Error('"jsonSchema" returns no JSON Schema');
  return plain;
}

function standardJsonSchema(schema: EventDefinition['schema'], direction: SchemaDirection): unknown {
  const { jsonSchema } = schema['~standard'] as Partial<StandardJsonSchemaV1['~standard']>;
  if (jsonSchema === undefined) throw new Error('its schema does not offer Standard JSON Schema');
  return jsonSchema[direction]({ target: 'draft-2020-12' });
}

/** Annotations that define how references and other keywords are read. */
const KEPT = ['$id', '$defs', 'definitions', '$schema'];
const CURRENT_DIALECT = /draft\/2020-12\/schema#?$/;

/** Drops keywords that may change freely: a new description does not make a new schema. */
export const withoutAnnotations = (schema: JsonSchema): JsonSchema =>
  mapSchemas(schema, (each) => Object.fromEntries(Object.entries(each).filter(isKept)));

const isKept = ([keyword, argument]: [string, unknown]): boolean =>
  keyword === '$schema' ? !CURRENT_DIALECT.test(String(argument)) : !isAnnotation(keyword) || KEPT.includes(keyword);
