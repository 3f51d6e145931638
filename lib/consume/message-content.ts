import { OutboxError } from '../event/errors';
import { decodeRecord, type DecodedEvent, type EventEnvelope, type UndecodableReason } from './decode';
import type { ConsumedRecord } from './record';
import { redactedMessage } from './redaction';
import type { ConsumerSettings } from './settings';

/** A message whose envelope can be read, but whose data the catalogue of this process cannot read. */
export interface UnreadableEvent {
  readonly envelope: EventEnvelope;
  readonly reason: UndecodableReason;
  readonly message: string;
}

/** The event of a message, with or without its data. */
export type MessageContent = DecodedEvent | UnreadableEvent;

export const isUnreadable = (content: MessageContent): content is UnreadableEvent => 'reason' in content;

export const envelopeIn = (content: MessageContent): EventEnvelope =>
  isUnreadable(content) ? content.envelope : content;

export const unreadableEvent = ({ envelope, reason, message }: UnreadableEvent): OutboxError =>
  new OutboxError('unreadable-event', `${reason}: ${message}`, { type: envelope.type, reason });

/** The content of a message for this consumer. `ignored`: its options leave the message out. */
export type ReadMessage =
  | { readonly kind: 'content'; readonly content: MessageContent }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'no-event'; readonly reason: UndecodableReason; readonly message: string };

/** Reads a message, and leaves out messages by `onReplay` and `onUnknownType`. Never rejects. */
export async function readMessage(
  record: ConsumedRecord,
  { events, onUnknownType, onReplay, telemetry }: ConsumerSettings,
): Promise<ReadMessage> {
  const decoded = await decodeRecord(record, events);
  const envelope = decoded.kind === 'event' ? decoded.event : decoded.envelope;
  if (envelope?.replayId !== undefined && onReplay === 'ignore') {
    telemetry.replayIgnored(envelope);
    return { kind: 'ignored' };
  }
  if (decoded.kind === 'event') return { kind: 'content', content: decoded.event };
  const { reason } = decoded;
  const message = redactedMessage(decoded.message);
  if (envelope === undefined) return { kind: 'no-event', reason, message };
  if (reason === 'unknown-type' && onUnknownType === 'skip') {
    telemetry.unknownTypeSkipped(envelope);
    return { kind: 'ignored' };
  }
  return { kind: 'content', content: { envelope, reason, message } };
}

/** Decodes the same content for another attempt: the handler may have changed the data that it got. */
export async function rereadContent(
  record: ConsumedRecord,
  content: MessageContent,
  { events }: Pick<ConsumerSettings, 'events'>,
): Promise<MessageContent> {
  if (isUnreadable(content)) return content;
  const decoded = await decodeRecord(record, events);
  return decoded.kind === 'event' ? decoded.event : content;
}
