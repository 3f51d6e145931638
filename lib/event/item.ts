import { OutboxError } from './errors';
import { parsePartitionKey, type AggregateKey } from './key';
import { isPosition } from './position';

/** One event as the outbox item stores it. What is left out has the default named beside it. */
export interface OutboxEvent {
  readonly id: string;
  readonly type: string;
  /** The first event names it; a later one without it goes to the first one's topic. */
  readonly topic: string;
  /** RFC 3339; left out on the item when it is `committedAt`. */
  readonly time: string;
  /** Left out on the item when it is `application/json`. */
  readonly contentType: string;
  readonly dataSchema?: string;
  /** As it will be sent: text, bytes, or nothing (a tombstone on a compacted topic). */
  readonly data?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** All events that one transaction caused for one key, in order. */
export interface OutboxItem extends AggregateKey {
  /** `<aggregate>#<key>` */
  readonly pk: string;
  /** Position: a padded version or a UUIDv7. */
  readonly sk: string;
  /** The first event's id: the item's identity, because a position can be used again after its item expired. */
  readonly id: string;
  readonly events: readonly OutboxEvent[];
  readonly source: string;
  readonly region: string;
  /** The writer's clock, epoch milliseconds. */
  readonly committedAt: number;
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** Names one write of one item: ids are the writers' choice, and a position can be used again. */
export const identityOf = ({
  pk,
  sk,
  id,
}: {
  readonly pk: string;
  readonly sk: string;
  readonly id?: string;
}): string => `${pk}\n${sk}\n${id ?? ''}`;

export const DEFAULT_CONTENT_TYPE = 'application/json';
/** Kafka's own rule for topic names. */
export const TOPIC_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** Names that the relay writes itself. */
export const isReservedHeader = (name: string): boolean =>
  /^(ce_|outbox-)/i.test(name) || /^(content-type|traceparent|tracestate)$/i.test(name);

/** The item as a plain object for `@aws-sdk/lib-dynamodb`; defaults are left out, because every started KB is billed three times. */
export function encodeItem(item: OutboxItem): Record<string, unknown> {
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
      ...(event.data === undefined ? {} : { data: event.data }),
      ...(event.headers === undefined || Object.keys(event.headers).length === 0 ? {} : { headers: event.headers }),
    })),
    source: item.source,
    region: item.region,
    committedAt: item.committedAt,
    ...(item.traceparent === undefined ? {} : { traceparent: item.traceparent }),
    ...(item.tracestate === undefined ? {} : { tracestate: item.tracestate }),
  };
}

/** DynamoDB's typed value as Lambda's stream events (`B` is base64 text) and the SDK (`B` is bytes) give it. */
export interface AttributeValue {
  readonly S?: string;
  readonly N?: string;
  readonly B?: string | Uint8Array;
  readonly L?: readonly AttributeValue[];
  readonly M?: Readonly<Record<string, AttributeValue>>;
}
export type Image = Readonly<Record<string, AttributeValue>>;

/**
 * Reads an outbox item from a stream image or from a low-level SDK answer.
 *
 * @throws OutboxError `undecodable-item`, naming the first field that is missing or wrong. Attributes that are not
 * part of the format are ignored, so that a newer writer does not stop an older relay.
 */
export function decodeItem(image: Image): OutboxItem {
  const read = new Reader(image['pk']?.S ?? '', image['sk']?.S ?? '');
  const pk = read.text(image, 'pk');
  const sk = read.text(image, 'sk');
  const aggregateKey = parsePartitionKey(pk) ?? read.fail('pk', 'must be "<aggregate>#<key>"');
  if (!isPosition(sk)) read.fail('sk', 'must be a version of 16 digits or a UUIDv7');
  const id = read.text(image, 'id');
  const committedAt = read.epochMs(image, 'committedAt');
  const committedTime = isoTime(committedAt);
  const list = image['events']?.L;
  if (list === undefined || list.length === 0) return read.fail('events', 'must be a list of at least one event');
  const firstTopic = list[0]?.M?.['topic']?.S;
  const events = list.map((value, index): OutboxEvent => {
    const event = value.M ?? read.fail(`events[${index}]`, 'must be a map');
    const at = `events[${index}].`;
    const topic = read.optionalText(event, 'topic', at) ?? firstTopic ?? read.fail(`${at}topic`, 'must be a string');
    if (!TOPIC_PATTERN.test(topic)) read.fail(`${at}topic`, 'must be a Kafka topic name');
    return {
      id: read.text(event, 'id', at),
      type: read.text(event, 'type', at),
      topic,
      time: read.optionalText(event, 'time', at) ?? committedTime,
      contentType: read.optionalText(event, 'contentType', at) ?? DEFAULT_CONTENT_TYPE,
      dataSchema: read.optionalText(event, 'dataSchema', at),
      data: read.data(event, at),
      headers: read.headers(event, at),
    };
  });
  if (events[0]?.id !== id) read.fail('id', 'must be the id of the first event');
  return {
    ...aggregateKey,
    pk,
    sk,
    id,
    events,
    source: read.text(image, 'source'),
    region: read.text(image, 'region'),
    committedAt,
    traceparent: read.optionalText(image, 'traceparent'),
    tracestate: read.optionalText(image, 'tracestate'),
  };
}

export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();

const MAX_EPOCH_MS = 8.64e15;

class Reader {
  readonly #pk: string;
  readonly #sk: string;

  constructor(pk: string, sk: string) {
    this.#pk = pk;
    this.#sk = sk;
  }

  fail(field: string, rule: string): never {
    throw new OutboxError(
      'undecodable-item',
      `Item ${JSON.stringify(this.#pk)} at ${JSON.stringify(this.#sk)} is not an outbox item: "${field}" ${rule}. See item.schema.json for the format.`,
      { pk: this.#pk, sk: this.#sk, field },
    );
  }

  text(map: Image, name: string, at = ''): string {
    const value = map[name]?.S;
    return value === undefined || value === '' ? this.fail(at + name, 'must be a non-empty string') : value;
  }

  optionalText(map: Image, name: string, at = ''): string | undefined {
    return map[name] === undefined ? undefined : this.text(map, name, at);
  }

  epochMs(map: Image, name: string): number {
    const value = Number(map[name]?.N);
    return Number.isSafeInteger(value) && value >= 0 && value <= MAX_EPOCH_MS
      ? value
      : this.fail(name, 'must be a number of epoch milliseconds');
  }

  data(map: Image, at: string): string | Uint8Array | undefined {
    const value = map['data'];
    if (value === undefined) return undefined;
    if (value.S !== undefined) return value.S;
    if (value.B !== undefined) return typeof value.B === 'string' ? Buffer.from(value.B, 'base64') : value.B;
    return this.fail(`${at}data`, 'must be a string or binary');
  }

  headers(map: Image, at: string): Readonly<Record<string, string>> | undefined {
    if (map['headers'] === undefined) return undefined;
    const entries = map['headers'].M ?? this.fail(`${at}headers`, 'must be a map of strings');
    return Object.fromEntries(
      Object.entries(entries).map(([name, value]) => {
        if (value.S === undefined) this.fail(`${at}headers.${name}`, 'must be a string');
        if (isReservedHeader(name)) this.fail(`${at}headers.${name}`, 'is a name that the relay writes itself');
        return [name, value.S];
      }),
    );
  }
}
