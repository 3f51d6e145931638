import { OutboxError } from './errors';
import { TOPIC_PATTERN } from './item';
import { isRecord, refuseOption, requireOptions, shown } from './options';
import { isStandardSchema, type SchemaInput, type StandardSchemaV1 } from './standard-schema';

/** What a service says once about a type of event. */
export interface EventDefinition<S extends StandardSchemaV1 = StandardSchemaV1> {
  /** Any Standard Schema: zod, valibot, arktype, … Its input is what callers pass, its output is what is written. */
  readonly schema: S;
  /** Where events of this type go unless one names another topic. */
  readonly topic: string;
  /**
   * `max.message.bytes` of the topic.
   *
   * @default the outbox's `maxMessageBytes`
   */
  readonly maxMessageBytes?: number;
  /**
   * With a JSON type the schema's output is written as JSON; with any other it must be a string or bytes.
   *
   * @default 'application/json'
   */
  readonly contentType?: string;
  /** A URI, sent as `ce_dataschema`. */
  readonly dataSchema?: string;
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>;

/** One event of the catalogue `D`: the type decides what `data` must be. */
export type EventInput<D extends EventDefinitions = EventDefinitions> = {
  [T in keyof D & string]: TypedEvent<T, SchemaInput<D[T]['schema']>>;
}[keyof D & string];

type TypedEvent<T extends string, I> = EventOverrides & { readonly type: T } & (undefined extends I
    ? { readonly data?: I }
    : { readonly data: I });

/** What one event may have of its own. */
export interface EventOverrides {
  /** Instead of the type's topic. The type's `maxMessageBytes` applies to it all the same. */
  readonly topic?: string;
  /** Kafka headers. Those that the relay writes itself (`ce_*`, `outbox-*`, `content-type`, trace context) are refused. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * When it happened: a date or an RFC 3339 text.
   *
   * @default the time of the commit
   */
  readonly time?: Date | string;
  /**
   * Consumers take two events with one id for the same event, so never use one twice.
   *
   * @default a UUIDv7
   */
  readonly id?: string;
}

/** The types of events that a service writes. Made by {@link defineEvents}. */
export interface EventCatalogue<D extends EventDefinitions = EventDefinitions> {
  readonly definitions: D;
  /** @throws OutboxError `unknown-event-type`, with the types that exist. */
  definitionOf(type: string): EventDefinition;
}

const DEFINITION_OPTIONS = ['schema', 'topic', 'maxMessageBytes', 'contentType', 'dataSchema'] as const;

/** Goes into a header, so no control characters. */
const HEADER_TEXT = /^[\x20-\x7e]+$/;

/**
 * Declares the types of events that a service writes, each with its schema and its topic.
 *
 * @throws OutboxError `invalid-option`, naming the type and the option that is wrong.
 * @example
 * ```ts
 * const events = defineEvents({
 *   'order.placed': { schema: z.object({ orderId: z.string(), total: z.number() }), topic: 'orders' },
 *   'order.shipped': { schema: z.object({ orderId: z.string() }), topic: 'orders' },
 * });
 * ```
 */
export function defineEvents<const D extends EventDefinitions>(definitions: D): EventCatalogue<D> {
  if (!isRecord(definitions) || Object.keys(definitions).length === 0) {
    return refuseOption('events', definitions, 'an object that names at least one type of event');
  }
  const known = new Map<string, EventDefinition>();
  for (const [type, definition] of Object.entries(definitions)) {
    checkDefinition(type, definition);
    known.set(type, Object.freeze({ ...definition }));
  }
  return {
    definitions,
    definitionOf(type) {
      const definition = known.get(type);
      if (definition !== undefined) return definition;
      const types = [...known.keys()];
      throw new OutboxError(
        'unknown-event-type',
        `Event type ${shown(type)} is not in the catalogue, which has ${types.join(', ')}. Add it to defineEvents.`,
        { type, known: types },
      );
    },
  };
}

function checkDefinition(type: string, value: unknown): void {
  const at = `events[${JSON.stringify(type)}]`;
  if (!HEADER_TEXT.test(type)) refuseOption(at, type, 'named by printable ASCII characters, such as "order.placed"');
  const { schema, topic, maxMessageBytes, contentType, dataSchema } = requireOptions(value, DEFINITION_OPTIONS, at);
  if (!isStandardSchema(schema)) {
    refuseOption(`${at}.schema`, schema, 'a Standard Schema of version 1, such as a schema of zod, valibot or arktype');
  }
  if (typeof topic !== 'string' || !TOPIC_PATTERN.test(topic)) {
    refuseOption(`${at}.topic`, topic, 'a Kafka topic name: 1 to 249 letters, digits, ".", "_" or "-"');
  }
  if (maxMessageBytes !== undefined && !isByteCount(maxMessageBytes)) {
    refuseOption(`${at}.maxMessageBytes`, maxMessageBytes, 'a positive integer, the topic\'s "max.message.bytes"');
  }
  if (contentType !== undefined && (typeof contentType !== 'string' || !HEADER_TEXT.test(contentType))) {
    refuseOption(`${at}.contentType`, contentType, 'a media type, such as "application/json"');
  }
  if (dataSchema !== undefined && (typeof dataSchema !== 'string' || !HEADER_TEXT.test(dataSchema))) {
    refuseOption(`${at}.dataSchema`, dataSchema, 'a URI');
  }
}

export const isByteCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
