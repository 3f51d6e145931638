import { isUnreadable, type UnreadableEvent } from './apply-once';
import { decodeRecord, type DecodedEvent, type UndecodableReason } from './decode';
import type { ConsumedRecord } from './record';
import { redactedMessage } from './redaction';
import type { ConsumerSettings } from './settings';

/** The content of a message for this consumer. `unwanted`: its options leave the message out. */
export type ReadMessage =
  | { readonly kind: 'content'; readonly content: DecodedEvent | UnreadableEvent }
  | { readonly kind: 'unwanted' }
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
    return { kind: 'unwanted' };
  }
  if (decoded.kind === 'event') return { kind: 'content', content: decoded.event };
  const { reason } = decoded;
  const message = redactedMessage(decoded.message);
  if (envelope === undefined) return { kind: 'no-event', reason, message };
  if (reason === 'unknown-type' && onUnknownType === 'skip') {
    telemetry.unknownTypeSkipped(envelope);
    return { kind: 'unwanted' };
  }
  return { kind: 'content', content: { envelope, reason, message } };
}

/** Decodes the same content for another attempt: the handler may have changed the data that it got. */
export async function rereadContent(
  record: ConsumedRecord,
  content: DecodedEvent | UnreadableEvent,
  { events }: Pick<ConsumerSettings, 'events'>,
): Promise<DecodedEvent | UnreadableEvent> {
  if (isUnreadable(content)) return content;
  const decoded = await decodeRecord(record, events);
  return decoded.kind === 'event' ? decoded.event : content;
}
