import { headerText, type ConsumedRecord } from '../consume/record';
import type { EventCatalogue, EventDefinitions } from '../event/catalogue';
import { isJsonType, isTextType } from '../event/content-type';
import { DEFAULT_CONTENT_TYPE, isReservedHeader } from '../event/item';
import { withoutUndefined } from '../event/options';
import { parseSequence } from '../event/position';

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
