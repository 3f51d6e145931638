import { isUtf8 } from 'node:buffer';
import type { EventCatalogue, EventDefinition } from '../event/catalogue';
import { isJsonType } from '../event/content-type';
import { OutboxError } from '../event/errors';
import { DEFAULT_CONTENT_TYPE, isReservedHeader } from '../event/item';
import { parseSequence } from '../event/sequence';
import { issuePath } from '../event/standard-schema';
import { headerText, type ConsumedRecord } from './record';

/** The header that marks what was published again on an operator's request. */
const REPLAY_HEADER = 'outbox-replay';

/** What identifies an event and its place, without its data. */
export interface Envelope {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly topic: string;
  /** The Kafka key as text; empty for a message without one. */
  readonly key: string;
  /** `ce_sequence`, for keys with versions. */
  readonly sequence?: string;
  /** `ce_txevents`: how many events the key had in that transaction. */
  readonly txEvents?: number;
  /** `ce_time`, RFC 3339. */
  readonly time?: string;
  /** The id of the replay that this message belongs to. */
  readonly replayId?: string;
}

/** A message as an event of the catalogue. */
export interface DecodedEvent extends Envelope {
  readonly subject?: string;
  readonly contentType: string;
  readonly dataSchema?: string;
  readonly data: unknown;
  /** The event's own headers, as text. */
  readonly headers: Readonly<Record<string, string>>;
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/**
 * Why a message is no event of the catalogue: it lacks a required attribute of CloudEvents, its key is no UTF-8, its
 * sequence is malformed, its type is not in the catalogue, its text is no JSON, or its schema refuses the data.
 */
export type UndecodableReason =
  'not-a-cloudevent' | 'invalid-key' | 'invalid-sequence' | 'unknown-type' | 'invalid-json' | 'invalid-data';

export type Decoded =
  | { readonly kind: 'event'; readonly event: DecodedEvent }
  | {
      readonly kind: 'undecodable';
      readonly reason: UndecodableReason;
      readonly message: string;
      /** There when the message says at least what it is. */
      readonly envelope?: Envelope;
    };

/** Reads a message by the CloudEvents 1.0 Kafka binding, binary mode, and its data by the catalogue. Never rejects. */
export async function decodeRecord(record: ConsumedRecord, catalogue: EventCatalogue): Promise<Decoded> {
  const envelope = envelopeOf(record);
  if ('reason' in envelope) return { kind: 'undecodable', ...envelope };
  const refuse = (reason: UndecodableReason, message: string): Decoded => ({
    kind: 'undecodable',
    reason,
    message,
    envelope,
  });
  const definition = definitionOf(catalogue, envelope.type);
  if (definition === undefined) return refuse('unknown-type', `Type "${envelope.type}" is not in the catalogue.`);
  const contentType = headerText(record, 'content-type') ?? DEFAULT_CONTENT_TYPE;
  const parsed = parse(record.value, contentType);
  if ('problem' in parsed) return refuse('invalid-json', parsed.problem);
  const validated = await validate(definition, parsed.data);
  if ('problem' in validated) return refuse('invalid-data', validated.problem);
  return {
    kind: 'event',
    event: {
      ...envelope,
      subject: headerText(record, 'ce_subject'),
      contentType,
      dataSchema: headerText(record, 'ce_dataschema'),
      data: validated.data,
      headers: ownHeaders(record),
      traceparent: headerText(record, 'traceparent'),
      tracestate: headerText(record, 'tracestate'),
    },
  };
}

interface Refusal {
  readonly reason: UndecodableReason;
  readonly message: string;
}

function envelopeOf(record: ConsumedRecord): Envelope | Refusal {
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
    sequence,
    txEvents: Number.isSafeInteger(txEvents) && txEvents > 0 ? txEvents : undefined,
    time: headerText(record, 'ce_time'),
    replayId: headerText(record, REPLAY_HEADER),
  };
}

function definitionOf(catalogue: EventCatalogue, type: string): EventDefinition | undefined {
  try {
    return catalogue.definitionOf(type);
  } catch (error) {
    if (error instanceof OutboxError && error.is('unknown-event-type')) return undefined;
    throw error;
  }
}

type Read = { readonly data: unknown } | { readonly problem: string };

function parse(value: Buffer | null, contentType: string): Read {
  // No value is no data: a tombstone on a compacted topic.
  if (value === null) return { data: undefined };
  if (!isJsonType(contentType)) return { data: value };
  try {
    return { data: JSON.parse(value.toString()) as unknown };
  } catch {
    // The parser's message quotes the text, which may be anybody's data.
    return {
      problem: `The value of ${value.length} bytes is not JSON, although its content type is "${contentType}".`,
    };
  }
}

async function validate({ schema }: EventDefinition, data: unknown): Promise<Read> {
  try {
    const result = await schema['~standard'].validate(data);
    if (result.issues === undefined) return { data: result.value };
    const issues = result.issues.map((issue) => `data${dotted(issuePath(issue))}: ${issue.message}`);
    return { problem: `The schema refuses the data. ${issues.join('; ')}` };
  } catch (error) {
    return { problem: `The schema threw ${error instanceof Error ? error.name : 'something that is no error'}.` };
  }
}

const dotted = (path: string): string => (path === '' || path.startsWith('[') ? path : `.${path}`);

const ownHeaders = (record: ConsumedRecord): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.keys(record.headers)
      .filter((name) => !isReservedHeader(name))
      .map((name) => [name, headerText(record, name) ?? '']),
  );
