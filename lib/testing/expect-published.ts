import { headerText, type ConsumedRecord } from '../consume/record';
import { parseSequence } from '../event/position';
import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { EventCatalogue, EventDefinitions } from '../event/catalogue';
import { isJsonType, DEFAULT_CONTENT_TYPE, isTextType, isReservedHeader } from '../event/item';
import { requireOptions, withoutUndefined } from '../event/options';
import type { SchemaOutput } from '../event/standard-schema';

/** The expected fields of an event. A field that is left out may have any value. */
export type ExpectedEvent<D extends EventDefinitions = EventDefinitions> = {
  [T in keyof D & string]: {
    readonly type: T;
    readonly key: string;
    /** The whole data as it is written: a `Date` becomes its JSON text, an explicit `undefined` expects a tombstone. */
    readonly data?: SchemaOutput<D[T]['schema']>;
    readonly version?: number;
    /** @default the type's topic */
    readonly topic?: string;
    /** All of the event's own headers. */
    readonly headers?: Readonly<Record<string, string>>;
    readonly id?: string;
    readonly source?: string;
    /** The id of the event that caused it. */
    readonly causationId?: string;
    readonly correlationId?: string;
  };
}[keyof D & string];

type Fields = Readonly<Record<string, unknown>>;

const FIELDS = [
  ...(['type', 'key', 'data', 'version', 'topic', 'headers', 'id', 'source'] as const),
  ...(['causationId', 'correlationId'] as const),
] as const;
const SHOWN = ['topic', 'type', 'key', 'data'] as const;

/** Order counts within a topic and key, as on Kafka. @throws AssertionError with the difference. */
export function expectPublished(
  published: readonly PublishedEvent[],
  expected: readonly ExpectedEvent[],
  events: EventCatalogue,
  note: string,
): void {
  const wanted = expected.map((event, at) => wantedFields(event, at, events));
  const places = new Set([...wanted, ...published].map(placeOf));
  const actualList: Fields[] = [];
  const wantedList: Fields[] = [];
  for (const place of places) {
    const wantedHere = wanted.filter((each) => placeOf(each) === place);
    const here = published.filter((each) => placeOf(each) === place);
    wantedList.push(...wantedHere);
    actualList.push(...here.map((event, at) => fieldsOf(event, Object.keys(wantedHere[at] ?? {}))));
  }
  if (isDeepStrictEqual(actualList, wantedList)) return;
  const difference = new AssertionError({ actual: actualList, expected: wantedList, operator: 'deepStrictEqual' });
  throw new AssertionError({
    message: `What was published is not what was expected; order counts within a topic and key.${note}\n\n${difference.message}`,
    actual: actualList,
    expected: wantedList,
    operator: 'expectPublished',
    stackStartFn: expectPublished,
  });
}

function wantedFields(event: ExpectedEvent, at: number, events: EventCatalogue): Fields {
  const given = requireOptions(event, FIELDS, `expected[${at}]`);
  const { topic, contentType = DEFAULT_CONTENT_TYPE } = events.definitionOf(event.type);
  const fields = Object.fromEntries(
    [...new Set([...SHOWN, ...FIELDS])].flatMap((name) =>
      given[name] === undefined && !(name === 'data' && 'data' in given) ? [] : [[name, given[name]]],
    ),
  );
  return { topic, ...fields, ...('data' in fields ? { data: asWritten(fields['data'], contentType) } : {}) };
}

function asWritten(data: unknown, contentType: string): unknown {
  if (data === undefined) return undefined;
  if (isJsonType(contentType)) return JSON.parse(JSON.stringify(data)) as unknown;
  return data instanceof Uint8Array ? Buffer.from(data) : data;
}

const placeOf = ({ topic, key }: { readonly topic?: unknown; readonly key?: unknown }): string =>
  JSON.stringify([topic, key]);

/**
 * Picks the fields to compare, in the expectation's order. For an unexpected event it picks the identifying fields. If
 * an expectation names a field that the event does not have, the field is `undefined`.
 */
const fieldsOf = (event: PublishedEvent, names: readonly string[]): Fields =>
  Object.fromEntries((names.length === 0 ? SHOWN : names).map((name) => [name, (event as unknown as Fields)[name]]));

/** An event as it is on its topic. */
export interface PublishedEvent<T extends string = string> {
  /** The type in the catalogue, without the version that `ce_type` may carry. */
  readonly type: T;
  readonly key: string;
  /** The data as written: parsed JSON, text, or bytes (also for invalid JSON), and `undefined` for a tombstone. */
  readonly data: unknown;
  readonly topic: string;
  readonly id: string;
  readonly source: string;
  /** `ce_aggregate`; empty if the message has none. */
  readonly aggregate: string;
  /** The aggregate's version, if it has one. */
  readonly version?: number;
  /** `ce_sequence`. */
  readonly sequence?: string;
  /** The id of the event that caused it. */
  readonly causationId?: string;
  /** Groups the events of one business flow. */
  readonly correlationId?: string;
  /** The event's own headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message, byte for byte. */
  readonly record: ConsumedRecord;
}

/** The event of a message; `undefined` if its type is not in the catalogue. */
export function publishedEvent<D extends EventDefinitions>(
  record: ConsumedRecord,
  events: EventCatalogue<D>,
): PublishedEvent<keyof D & string> | undefined {
  const type = events.resolve(headerText(record, 'ce_type') ?? '')?.type;
  if (type === undefined) return undefined;
  const sequence = headerText(record, 'ce_sequence');
  const own = Object.keys(record.headers).filter((name) => !isReservedHeader(name));
  return {
    type,
    key: record.key?.toString() ?? '',
    data: dataOf(record),
    topic: record.topic,
    id: headerText(record, 'ce_id') ?? '',
    source: headerText(record, 'ce_source') ?? '',
    aggregate: headerText(record, 'ce_aggregate') ?? '',
    ...withoutUndefined({
      version: sequence === undefined ? undefined : parseSequence(sequence)?.version,
      sequence,
      causationId: headerText(record, 'ce_causationid'),
      correlationId: headerText(record, 'ce_correlationid'),
    }),
    headers: Object.fromEntries(own.map((name) => [name, headerText(record, name) ?? ''])),
    record,
  };
}

function dataOf(record: ConsumedRecord): unknown {
  const { value } = record;
  const contentType = headerText(record, 'content-type') ?? DEFAULT_CONTENT_TYPE;
  if (value === null) return undefined;
  if (!isJsonType(contentType)) return isTextType(contentType) ? value.toString() : value;
  try {
    return JSON.parse(value.toString()) as unknown;
  } catch {
    // A test appended invalid JSON on purpose: a consumer sends it to the dead letters.
    return value;
  }
}
