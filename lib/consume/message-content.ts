import { OutboxError } from '../event/errors';
import {
  decodeRecord,
  envelopeIn,
  isUnreadable,
  type Decoded,
  type MessageContent,
  type UnreadableEvent,
} from './decode';
import type { ConsumedRecord } from './record';
import type { ConsumerSettings } from './settings';

export const unreadableEvent = ({ envelope, reason, message }: UnreadableEvent): OutboxError =>
  new OutboxError('unreadable-event', `${reason}: ${message}`, { type: envelope.type, reason });

/** The content of a message for this consumer. `ignored`: its options leave the message out. */
export type ReadMessage = Decoded | { readonly kind: 'ignored' };

/** Reads a message, and leaves out messages by `onReplay` and `onUnknownType`. Never rejects. */
export async function readMessage(
  record: ConsumedRecord,
  { events, onUnknownType, onReplay, telemetry }: ConsumerSettings,
): Promise<ReadMessage> {
  const decoded = await decodeRecord(record, events);
  if (decoded.kind === 'no-event') return decoded;
  const { content } = decoded;
  const envelope = envelopeIn(content);
  if (envelope.replayId !== undefined && onReplay === 'ignore') {
    telemetry.replayIgnored(envelope);
    return { kind: 'ignored' };
  }
  if (isUnreadable(content) && content.reason === 'unknown-type' && onUnknownType === 'skip') {
    telemetry.unknownTypeSkipped(envelope);
    return { kind: 'ignored' };
  }
  return decoded;
}

/** Decodes the same content for another attempt: the handler may have changed the data that it got. */
export async function rereadContent(
  record: ConsumedRecord,
  content: MessageContent,
  { events }: Pick<ConsumerSettings, 'events'>,
): Promise<MessageContent> {
  if (isUnreadable(content)) return content;
  const decoded = await decodeRecord(record, events);
  return decoded.kind === 'content' && !isUnreadable(decoded.content) ? decoded.content : content;
}
