import { OutboxError } from './errors';
import { keeps, RULES } from './item-rules';
import { integer, MESSAGE_BYTES, optional, readOptions, required, text, type OptionTable } from './option-rules';
import { isRecord, refuseOption, shown } from './options';
import { isStandardSchema, type SchemaDirection, type SchemaInput, type StandardSchemaV1 } from './standard-schema';

/** Converts data of one version of a type to the next. Never receives data that a newer version wrote. */
export type Upcaster = (data: never) => unknown;

/** The upcaster of version `n` creates version `n + 1`. */
export type Upcasters = Readonly<Record<number, Upcaster>>;

export const FIRST_VERSION = 1;

const VERSION_SUFFIX = /^(.+)\.v([2-9]|[1-9]\d{1,8})$/s;

/** The `ce_type` of a version: the type itself for the first, `<type>.v<version>` for every later one. */
export const writtenType = (type: string, version = FIRST_VERSION): string =>
  version === FIRST_VERSION ? type : `${type}.v${version}`;

/** Splits a `ce_type` with a version; `undefined` for one without. */
export function splitWrittenType(written: string): { readonly type: string; readonly version: number } | undefined {
  const [, type, version] = VERSION_SUFFIX.exec(written) ?? [];
  return type === undefined ? undefined : { type, version: Number(version) };
}

/** @returns the oldest readable version: those are the newest and each one from which upcasters lead to it */
export function oldestReadable({
  version = FIRST_VERSION,
  upcasters = {},
}: {
  readonly version?: number;
  readonly upcasters?: Upcasters;
}): number {
  let oldest = version;
  while (Object.hasOwn(upcasters, oldest - 1)) oldest--;
  return oldest;
}

/** The definition of one event type in a service's catalogue. */
export interface EventDefinition<S extends StandardSchemaV1 = StandardSchemaV1> {
  /** Any Standard Schema: zod, valibot, arktype, … Callers pass its input; its output is written. */
  readonly schema: S;
  /** Topic of the events of this type, unless an event names another one. */
  readonly topic: string;
  /** `max.message.bytes` of the topic. @default the outbox's `maxMessageBytes` */
  readonly maxMessageBytes?: number;
  /**
   * With a JSON type, the schema's output is written as JSON; with any other type it must be a string or bytes.
   *
   * @default 'application/json'
   */
  readonly contentType?: string;
  /** A URI, sent as `ce_dataschema`. Use another one when you raise the version. */
  readonly dataSchema?: string;
  /**
   * The version of `schema`. Raise it by one with every breaking change; `outbox schema check` finds these changes.
   * Events are always written in this version. From version 2 on it is part of `ce_type`: `order.placed.v2`.
   *
   * @default 1
   */
  readonly version?: number;
  /**
   * Converts data of earlier versions to this one, step by step: `{ 1: (v1) => v2, 2: (v2) => v3 }`. Each upcaster must
   * declare the type of its parameter. `schema` validates the result of the last one like any other data. Versions
   * without a path of upcasters can no longer be read.
   *
   * @default none
   */
  readonly upcasters?: Upcasters;
  /**
   * The JSON Schema of the data, for `outbox schema`: called with `output` for written data, with `input` for read
   * data. `false` if there is none, such as for binary data; the type is then not compared.
   *
   * @default the JSON Schema that the schema itself provides (Standard JSON Schema, as zod 4 does)
   */
  readonly jsonSchema?: false | ((direction: SchemaDirection) => unknown);
}

/** The definitions of a catalogue by type name. */
export type EventDefinitions = Readonly<Record<string, EventDefinition>>;

/** One event of the catalogue `D`: its type determines the type of `data`. */
export type EventInput<D extends EventDefinitions = EventDefinitions> = {
  [T in keyof D & string]: TypedEvent<T, SchemaInput<D[T]['schema']>>;
}[keyof D & string];

/** One event of type `T` with data of type `I`; `data` may be left out if `I` allows `undefined`. */
export type TypedEvent<T extends string, I> = EventOverrides & { readonly type: T } & (undefined extends I
    ? { readonly data?: I }
    : { readonly data: I });

/** Settings of one event that override those of its type. */
export interface EventOverrides {
  /** Replaces the type's topic. The type's `maxMessageBytes` still applies. */
  readonly topic?: string;
  /**
   * Kafka headers; names without control characters. Headers that the relay writes itself (`ce_*`, `outbox-*`,
   * `content-type`, trace context) are refused.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The time of the event: a date or an RFC 3339 text with its zone, in the years 1 to 9999.
   *
   * For a key without versions, leave it out or pass a recent time, and put business dates into `data`. If `id` is no
   * UUIDv7, consumers take this time for the age of the event. If the event is older than their `markerRetentionMs` (7 days)
   * on its first delivery, they send it to the dead-letter topic.
   *
   * @default the time of the commit
   */
  readonly time?: Date | string;
  /**
   * Any text without control characters. Consumers treat two events with one id as the same event, so never use an id
   * twice. The time in a UUIDv7 counts as the time of the write: for a key without versions, do not pass an old one. A
   * UUIDv7 is refused if its time is more than a day ahead of the clock, or in 1970, as from epoch seconds.
   *
   * @default a UUIDv7
   */
  readonly id?: string;
}

/** The meaning of a `ce_type` in a catalogue. */
export interface ResolvedType {
  readonly type: string;
  /** Version of the data; may be newer than the catalogue's. */
  readonly version: number;
  readonly definition: EventDefinition;
}

/** The event types that a service writes. Create it with {@link defineEvents}. */
export interface EventCatalogue<D extends EventDefinitions = EventDefinitions> {
  readonly definitions: D;
  /** @throws OutboxError `unknown-event-type`, with the known types. */
  definitionOf(type: string): EventDefinition;
  /** The type and version that a `ce_type` names; `undefined` if the catalogue has no such type. */
  resolve(ceType: string): ResolvedType | undefined;
}

const DEFINITION_OPTIONS = {
  schema: required(
    optional(isStandardSchema, 'a Standard Schema of version 1, such as a schema of zod, valibot or arktype'),
  ),
  topic: required(text(RULES.topic)),
  maxMessageBytes: MESSAGE_BYTES,
  contentType: text(RULES.contentType),
  dataSchema: text(RULES.dataSchema),
  version: integer({ min: FIRST_VERSION, max: 999_999_999, default: FIRST_VERSION }),
  upcasters: { ...optional(isRecord, 'an object of functions by version'), default: {} },
  jsonSchema: optional(
    (given) => given === false || typeof given === 'function',
    'a function that returns a JSON Schema, or false',
  ),
} satisfies OptionTable<EventDefinition>;

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
  for (const type of known.keys()) checkNoClash(type, known);
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
    resolve(ceType) {
      // A type whose own name ends in ".v2" is its own first version.
      const own = known.get(ceType);
      if (own !== undefined) return { type: ceType, version: FIRST_VERSION, definition: own };
      const { type, version } = splitWrittenType(ceType) ?? {};
      const definition = type === undefined ? undefined : known.get(type);
      return type === undefined || version === undefined || definition === undefined
        ? undefined
        : { type, version, definition };
    },
  };
}

/** Refuses a version of a type whose written name is another type of the catalogue. */
function checkNoClash(type: string, known: ReadonlyMap<string, EventDefinition>): void {
  const { type: base, version: taken } = splitWrittenType(type) ?? {};
  const { version = FIRST_VERSION } = (base === undefined ? undefined : known.get(base)) ?? {};
  if (base === undefined || taken === undefined || taken > version) return;
  refuseOption(
    `events[${JSON.stringify(base)}].version`,
    version,
    `below ${taken}, because version ${taken} of it is written as ${JSON.stringify(writtenType(base, taken))}, which is another type of the catalogue`,
  );
}

function checkDefinition(type: string, value: unknown): void {
  const at = `events[${JSON.stringify(type)}]`;
  if (!keeps(RULES.eventType, type)) {
    refuseOption(at, type, `named by ${RULES.eventType.allowed}, such as "order.placed"`);
  }
  const { version, upcasters } = readOptions(value as EventDefinition, DEFINITION_OPTIONS, at);
  for (const [name, upcaster] of Object.entries<unknown>(upcasters)) {
    if (!/^[1-9]\d*$/.test(name) || Number(name) >= version) {
      refuseOption(`${at}.upcasters[${JSON.stringify(name)}]`, upcaster, `of a version before ${version}`);
    }
    if (typeof upcaster !== 'function') {
      refuseOption(`${at}.upcasters[${name}]`, upcaster, `a function that returns data of version ${Number(name) + 1}`);
    }
  }
  const oldest = Math.min(version, ...Object.keys(upcasters).map(Number));
  for (let each = oldest; each < version; each++) {
    // Without this step, no upcasters lead from the older versions to the newest.
    if (each in upcasters) continue;
    refuseOption(`${at}.upcasters[${each}]`, undefined, `a function, because there is one for version ${oldest}`);
  }
}
