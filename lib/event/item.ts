import { OutboxError } from './errors';
import { gunzipData, type GzippedData } from './gzipped-data';
import { keeps, LIMITS, RULES, type TextRule } from './item-rules';
import { MAX_PARTITION_KEY_BYTES, parsePartitionKey, type AggregateKey } from './key';
import { shown } from './options';

export { isReservedHeader } from './item-rules';

/** One event as the outbox item stores it; the defaults of left-out attributes are stated per property. */
export interface OutboxEvent {
  readonly id: string;
  readonly type: string;
  /** Always stored on the first event. A later event without a topic goes to the first one's topic. */
  readonly topic: string;
  /** RFC 3339; left out on the item if it equals `committedAt`. */
  readonly time: string;
  /** Left out on the item if it is `application/json`. */
  readonly contentType: string;
  readonly dataSchema?: string;
  /**
   * The message value as it is sent: text, bytes, or `undefined` (a tombstone on a compacted topic). Data that was stored
   * compressed is read as its decompressed bytes.
   */
  readonly data?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** All events that one transaction caused for one key, in order. */
export interface OutboxItem extends AggregateKey {
  /** `<aggregate>#<key>` */
  readonly pk: string;
  /** Position: a padded version or a UUIDv7. */
  readonly sk: string;
  /** The first event's id. It identifies the item, because a position can be reused after its item expired. */
  readonly id: string;
  readonly events: readonly OutboxEvent[];
  readonly source: string;
  readonly region: string;
  /** The writer's clock, epoch milliseconds. */
  readonly committedAt: number;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** The id of the event that caused these events. */
  readonly causationId?: string;
  /** Groups the events of one business flow. */
  readonly correlationId?: string;
}

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/** One write of one item: writers choose the ids, and a position can be reused. */
export interface ItemRef extends ItemKey {
  /** Left out for an undecodable item, whose id is not trusted. */
  readonly id?: string;
}

export const identityOf = ({ pk, sk, id }: ItemRef): string => `${pk}\n${sk}\n${id ?? ''}`;

export const DEFAULT_CONTENT_TYPE = 'application/json';
export const TOPIC_PATTERN = RULES.topic.pattern;

/**
 * The item for `@aws-sdk/lib-dynamodb`. Defaults are left out, because each started KB is billed three times.
 *
 * @param gzipped - data to store compressed, by the index of its event
 */
export function encodeItem(
  item: OutboxItem,
  gzipped: ReadonlyMap<number, GzippedData> = new Map(),
): Record<string, unknown> {
  const committedTime = isoTime(item.committedAt);
  const firstTopic = item.events[0]?.topic;
  return {
    pk: item.pk,
    sk: item.sk,
    id: item.id,
    events: item.events.map((event, index) => ({
      id: event.id,
      type: event.type,
      ...(index === 0 || event.topic !== firstTopic ? { topic: event.topic } : {}),
      ...(event.time === committedTime ? {} : { time: event.time }),
      ...(event.contentType === DEFAULT_CONTENT_TYPE ? {} : { contentType: event.contentType }),
      ...(event.dataSchema === undefined ? {} : { dataSchema: event.dataSchema }),
      ...(event.data === undefined ? {} : { data: gzipped.get(index) ?? event.data }),
      ...(event.headers === undefined || Object.keys(event.headers).length === 0 ? {} : { headers: event.headers }),
    })),
    source: item.source,
    region: item.region,
    committedAt: item.committedAt,
    ...(item.traceparent === undefined ? {} : { traceparent: item.traceparent }),
    ...(item.tracestate === undefined ? {} : { tracestate: item.tracestate }),
    ...(item.causationId === undefined ? {} : { causationId: item.causationId }),
    ...(item.correlationId === undefined ? {} : { correlationId: item.correlationId }),
  };
}

/** DynamoDB's typed value, as in Lambda's stream events (`B` is base64 text) and in the SDK (`B` is bytes). */
export interface AttributeValue {
  readonly S?: string;
  readonly N?: string;
  readonly BOOL?: boolean;
  readonly B?: string | Uint8Array;
  readonly L?: readonly AttributeValue[];
  readonly M?: Readonly<Record<string, AttributeValue>>;
}
export type Image = Readonly<Record<string, AttributeValue>>;

/**
 * Reads an outbox item from a stream image or from a low-level SDK answer.
 *
 * Data is not compared with its content type: it is sent as it is.
 *
 * @throws OutboxError `undecodable-item`, naming the first attribute that breaks a rule of {@link RULES}. Attributes
 * outside the format are ignored, so that a newer writer does not stop an older relay.
 */
export function decodeItem(image: Image): OutboxItem {
  const read = new Reader(image['pk']?.S ?? '', image['sk']?.S ?? '');
  const pk = read.text(image, 'pk', RULES.pk);
  const aggregateKey = parsePartitionKey(pk) ?? read.fail('pk', RULES.pk.allowed);
  if (Buffer.byteLength(pk) > MAX_PARTITION_KEY_BYTES) read.fail('pk', `at most ${MAX_PARTITION_KEY_BYTES} bytes`);
  const sk = read.text(image, 'sk', RULES.sk);
  const id = read.text(image, 'id', RULES.eventId);
  const committedAt = read.epochMs(image, 'committedAt');
  const committedTime = isoTime(committedAt);
  const list = image['events']?.L;
  if (list === undefined || list.length === 0 || list.length > LIMITS.events) {
    const got = list === undefined ? '' : `a list of ${list.length}`;
    return read.fail('events', `a list of 1 to ${LIMITS.events} events`, got);
  }
  const firstTopic = list[0]?.M?.['topic']?.S;
  const events = list.map((value, index): OutboxEvent => {
    const event = value.M ?? read.fail(`events[${index}]`, 'a map');
    const at = `events[${index}].`;
    return {
      id: read.text(event, 'id', RULES.eventId, at),
      type: read.text(event, 'type', RULES.eventType, at),
      topic:
        event['topic'] === undefined && firstTopic !== undefined
          ? firstTopic
          : read.text(event, 'topic', RULES.topic, at),
      time: read.optionalText(event, 'time', RULES.time, at) ?? committedTime,
      contentType: read.optionalText(event, 'contentType', RULES.contentType, at) ?? DEFAULT_CONTENT_TYPE,
      dataSchema: read.optionalText(event, 'dataSchema', RULES.dataSchema, at),
      data: read.data(event, at),
      headers: read.headers(event, at),
    };
  });
  const ids = new Set<string>();
  for (const [index, { id: eventId }] of events.entries()) {
    // A consumer would treat the second event as a duplicate of the first.
    if (ids.has(eventId))
      read.fail(`events[${index}].id`, 'another id than those of the events before it', shown(eventId));
    ids.add(eventId);
  }
  if (events[0]?.id !== id) read.fail('id', 'the id of the first event', shown(id));
  return {
    ...aggregateKey,
    pk,
    sk,
    id,
    events,
    source: read.text(image, 'source', RULES.source),
    region: read.text(image, 'region', RULES.region),
    committedAt,
    traceparent: read.optionalText(image, 'traceparent', RULES.traceparent),
    tracestate: read.optionalText(image, 'tracestate', RULES.tracestate),
    causationId: read.optionalText(image, 'causationId', RULES.eventId),
    correlationId: read.optionalText(image, 'correlationId', RULES.eventId),
  };
}

const bytesOf = (binary: string | Uint8Array): Uint8Array =>
  typeof binary === 'string' ? Buffer.from(binary, 'base64') : binary;

export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();

class Reader {
  readonly #pk: string;
  readonly #sk: string;
  #gunzippedBytes = 0;

  constructor(pk: string, sk: string) {
    this.#pk = pk;
    this.#sk = sk;
  }

  fail(field: string, allowed: string, got = ''): never {
    throw new OutboxError(
      'undecodable-item',
      `Item ${JSON.stringify(this.#pk)} at ${JSON.stringify(this.#sk)} is not an outbox item: "${field}" ${got === '' ? '' : `is ${got}; it `}must be ${allowed}. See item.schema.json for the format.`,
      { pk: this.#pk, sk: this.#sk, field },
    );
  }

  text(map: Image, name: string, rule: TextRule, at = ''): string {
    const value = map[name]?.S;
    return keeps(rule, value) ? value : this.fail(at + name, rule.allowed, got(map[name]));
  }

  optionalText(map: Image, name: string, rule: TextRule, at = ''): string | undefined {
    return map[name] === undefined ? undefined : this.text(map, name, rule, at);
  }

  epochMs(map: Image, name: string): number {
    const text = map[name]?.N ?? '';
    const value = Number(text);
    return isInteger(text) && value >= 0 && value <= LIMITS.committedAt
      ? value
      : this.fail(name, `a number of epoch milliseconds, an integer from 0 to ${LIMITS.committedAt}`, got(map[name]));
  }

  data(map: Image, at: string): string | Uint8Array | undefined {
    const value = map['data'];
    if (value === undefined) return undefined;
    if (value.S?.isWellFormed() === true) return value.S;
    if (value.B !== undefined) return bytesOf(value.B);
    const gzip = value.M?.['gzip']?.B;
    // A further attribute may be a later form of this map, which this version would publish wrong.
    if (gzip === undefined || Object.keys(value.M ?? {}).length > 1) {
      return this.fail(`${at}data`, 'a well-formed string, binary, or a map that has "gzip" alone, which is binary');
    }
    return this.gunzipped(bytesOf(gzip), `${at}data.gzip`);
  }

  gunzipped(stored: Uint8Array, field: string): Uint8Array {
    const max = LIMITS.gunzippedBytes;
    const data = gunzipData(stored, max - this.#gunzippedBytes);
    if (data instanceof Uint8Array) {
      this.#gunzippedBytes += data.length;
      return data;
    }
    return data.kind === 'damaged'
      ? this.fail(field, 'whole gzip data (RFC 1952)', `damaged (${data.message})`)
      : this.fail(field, `gzip of at most ${max} bytes, counted over all events of the item`, 'of more bytes');
  }

  headers(map: Image, at: string): Readonly<Record<string, string>> | undefined {
    if (map['headers'] === undefined) return undefined;
    const entries = map['headers'].M ?? this.fail(`${at}headers`, 'a map of strings');
    // An item is written without an empty map.
    if (Object.keys(entries).length === 0) return undefined;
    return Object.fromEntries(
      Object.entries(entries).map(([name, { S }]) => {
        const field = `${at}headers[${JSON.stringify(name)}]`;
        if (!keeps(RULES.headerName, name)) this.fail(field, `named by ${RULES.headerName.allowed}`);
        // Headers may contain secrets, so the value is not shown.
        return [name, S?.isWellFormed() === true ? S : this.fail(field, 'a well-formed string')];
      }),
    );
  }
}

/** Checks the digits: converting to a number would round a small fraction away. */
function isInteger(text: string): boolean {
  const [, fraction = '', exponent = '0'] = /^-?\d+(?:\.(\d*))?(?:e\+?(\d+))?$/i.exec(text) ?? ['', 'none'];
  return fraction.replace(/0+$/, '').length <= Number(exponent) && Number.isSafeInteger(Number(text));
}

function got(value: AttributeValue | undefined): string {
  if (value === undefined) return '';
  const text = value.S ?? value.N;
  return text === undefined ? 'of another type' : shown(text);
}

const JSON_TYPE = /^(application|text)\/([a-z0-9!#$&^_.+-]+\+)?json\s*(;|$)/i;
const TEXT_TYPE = /^(text\/|[^;]+[/+]xml\s*(;|$)|[^;]+;.*charset=)/i;

/** Whether data of this media type is written as JSON. */
export const isJsonType = (contentType: string): boolean => JSON_TYPE.test(contentType);

/** Whether data of this media type, which is not JSON, is passed to a reader as text instead of bytes. */
export const isTextType = (contentType: string): boolean => TEXT_TYPE.test(contentType);

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The data of a message value, as a reader gets it: parsed JSON, text, or the bytes themselves.
 *
 * @throws TypeError for bytes that are not UTF-8 where text is expected, SyntaxError for text that is not JSON
 */
export function dataOfValue(value: Uint8Array | string, contentType: string): unknown {
  const isJson = isJsonType(contentType);
  if (!isJson && !isTextType(contentType)) return typeof value === 'string' ? Buffer.from(value) : value;
  const text = typeof value === 'string' ? value : UTF_8.decode(value);
  return isJson ? (JSON.parse(text) as unknown) : text;
}
