import { isUtf8 } from 'node:buffer';
import type { EventCatalogue } from '../event/catalogue';
import { DEFAULT_CONTENT_TYPE, isReservedHeader } from '../event/item';
import { REPLAY_HEADER } from '../event/message';
import { formatReceipt } from '../event/receipt';
import { readEvent, type UnreadableReason } from '../event/read-event';
import { parseSequence } from '../event/position';
import { aggregateIn, type InboxKey } from './inbox-keys';
import { headerText, valuesOf, type ConsumedRecord } from './record';
import { redactedMessage } from './redaction';

/** The attributes that identify an event and its place, without its data. */
export interface EventEnvelope extends InboxKey {
  readonly id: string;
  /** The type in the message; for a decoded event, the type in the catalogue. */
  readonly type: string;
  /** `ce_sequence`, for keys with versions. */
  readonly sequence?: string;
  /** `ce_txevents`: how many events the key had in that transaction. */
  readonly txEvents?: number;
  /** `ce_time`, RFC 3339. */
  readonly time?: string;
  /** The id of the replay that this message belongs to. */
  readonly replayId?: string;
  /** The place of the message in Kafka's notation, `topic-partition@offset`. */
  readonly receipt: string;
}

/** A message as an event of the catalogue. */
export interface DecodedEvent extends EventEnvelope {
  readonly subject?: string;
  readonly contentType: string;
  readonly dataSchema?: string;
  readonly data: unknown;
  /** The event's own headers, as text. */
  readonly headers: Readonly<Record<string, string>>;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** `ce_causationid`: the id of the event that caused it. */
  readonly causationId?: string;
  /** `ce_correlationid`: the same for all events of one business flow. */
  readonly correlationId?: string;
}

/**
 * Why a message is not an event of the catalogue: it lacks a required attribute of CloudEvents, its key is not UTF-8,
 * its sequence is malformed, or the catalogue cannot read it.
 */
export type UndecodableReason =
  'not-a-cloudevent' | 'invalid-key' | 'invalid-sequence' | Exclude<UnreadableReason, 'no-type'>;

/** A newer catalogue, schema or upcaster would fix these: such an event keeps its place in the order of its key. */
const CURABLE: readonly UndecodableReason[] = ['newer-version', 'no-upcaster', 'upcaster-failed', 'invalid-data'];

export const isCurable = (reason: UndecodableReason): boolean => CURABLE.includes(reason);

/** A message whose envelope can be read, but whose data the catalogue of this process cannot read. */
export interface UnreadableEvent {
  readonly envelope: EventEnvelope;
  readonly reason: UndecodableReason;
  readonly message: string;
}

export type MessageContent = DecodedEvent | UnreadableEvent;

export const isUnreadable = (content: MessageContent): content is UnreadableEvent => 'reason' in content;

export const envelopeIn = (content: MessageContent): EventEnvelope =>
  isUnreadable(content) ? content.envelope : content;

/** The content of a message. `no-event`: not even its envelope can be read. */
export type Decoded =
  { readonly kind: 'content'; readonly content: MessageContent } | ({ readonly kind: 'no-event' } & InvalidMessage);

/**
 * Reads a message by the CloudEvents 1.0 Kafka binding, binary mode. Decodes its data by the catalogue, and upcasts it
 * to the newest version of its type. Never rejects.
 */
export async function decodeRecord(record: ConsumedRecord, catalogue: EventCatalogue): Promise<Decoded> {
  const envelope = envelopeOf(record);
  if ('reason' in envelope) return { kind: 'no-event', ...envelope };
  const contentType = headerText(record, 'content-type') ?? DEFAULT_CONTENT_TYPE;
  const read = await readEvent(catalogue, {
    value: record.value,
    headers: { ce_type: envelope.type, 'content-type': contentType },
  });
  if (read.kind === 'unreadable') {
    const reason = read.reason === 'no-type' ? 'not-a-cloudevent' : read.reason;
    return { kind: 'content', content: { envelope, reason, message: redactedMessage(read.message) } };
  }
  const content = {
    ...envelope,
    type: read.type,
    subject: headerText(record, 'ce_subject'),
    contentType,
    dataSchema: headerText(record, 'ce_dataschema'),
    data: read.data,
    headers: ownHeaders(record),
    traceparent: headerText(record, 'traceparent'),
    tracestate: headerText(record, 'tracestate'),
    causationId: headerText(record, 'ce_causationid'),
    correlationId: headerText(record, 'ce_correlationid'),
  };
  return { kind: 'content', content };
}

type InvalidMessage = Omit<UnreadableEvent, 'envelope'>;

/** The headers that identify an event. If other bytes than UTF-8 were decoded, two events could become one. */
const TEXTS = ['ce_id', 'ce_source', 'ce_type', 'ce_aggregate', 'ce_sequence', REPLAY_HEADER];

const isText = ({ headers }: ConsumedRecord, name: string): boolean =>
  valuesOf(Object.hasOwn(headers, name) ? headers[name] : undefined).every(
    (value) => typeof value === 'string' || isUtf8(value),
  );

export function envelopeOf(record: ConsumedRecord): EventEnvelope | InvalidMessage {
  const garbled = TEXTS.find((name) => !isText(record, name));
  if (garbled !== undefined) {
    return { reason: 'not-a-cloudevent', message: `Header "${garbled}" is not valid UTF-8.` };
  }
  const attribute = (name: string): string => headerText(record, `ce_${name}`) ?? '';
  if (!attribute('specversion').startsWith('1.')) {
    return { reason: 'not-a-cloudevent', message: 'Header "ce_specversion" is not of version 1.' };
  }
  const [id, source, type] = [attribute('id'), attribute('source'), attribute('type')];
  if (id === '' || source === '' || type === '') {
    return { reason: 'not-a-cloudevent', message: 'One of the headers "ce_id", "ce_source" and "ce_type" is missing.' };
  }
  if (record.key !== null && !isUtf8(record.key)) {
    return { reason: 'invalid-key', message: 'The key is not valid UTF-8.' };
  }
  const sequence = headerText(record, 'ce_sequence');
  if (sequence !== undefined && parseSequence(sequence) === undefined) {
    return { reason: 'invalid-sequence', message: 'Header "ce_sequence" is not "<16-digit version>.<4-digit index>".' };
  }
  const txEvents = Number(headerText(record, 'ce_txevents'));
  return {
    id,
    source,
    type,
    topic: record.topic,
    key: record.key?.toString() ?? '',
    ...aggregateIn(source, headerText(record, 'ce_aggregate')),
    ...(record.key === null ? { partition: record.partition } : {}),
    sequence,
    txEvents: Number.isSafeInteger(txEvents) && txEvents > 0 ? txEvents : undefined,
    time: headerText(record, 'ce_time'),
    replayId: headerText(record, REPLAY_HEADER),
    receipt: formatReceipt(record),
  };
}

const ownHeaders = (record: ConsumedRecord): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.keys(record.headers)
      .filter((name) => !isReservedHeader(name))
      .map((name) => [name, headerText(record, name) ?? '']),
  );
