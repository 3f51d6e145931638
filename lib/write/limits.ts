import { OutboxError } from '../event/errors';
import type { OutboxItem } from '../event/item';
import { messageBytes, type Message } from '../event/message';
import { formatReceipt } from '../event/receipt';
import { itemBytes } from '../dynamodb/item-size';
import { DYNAMODB_LIMITS } from '../dynamodb/transaction';

/** `max.message.bytes` limits a record batch. This is the size of a batch header, in bytes. */
const BATCH_HEADER_BYTES = 61;

/** The relay stores at most 500 characters of a parked item's error message, each of at most three bytes. */
const LONGEST_PARKING = {
  reason: 'topic-not-authorized',
  message: 'x'.repeat(1500),
  attempts: 1e9 - 1,
  since: 1e13 - 1,
};
/** The note of an operator who redrives or discards an item, at the longest that the operator's tools accept. */
const LONGEST_REQUEST = { by: 'x'.repeat(600), at: 1e13 - 1, why: 'x'.repeat(900) };
const LONGEST_PARTITION = 999_999;
const LONGEST_OFFSET = 2n ** 63n - 1n;

/** The most bytes that the relay adds to an item later. Without this room DynamoDB would refuse the relay's marks. */
export const markBytes = (events: OutboxItem['events']): number =>
  itemBytes({
    processedAt: 1e13 - 1,
    expiresAt: 1e10 - 1,
    receipts: events.map(({ topic }) => formatReceipt({ topic, partition: LONGEST_PARTITION, offset: LONGEST_OFFSET })),
    parked: LONGEST_PARKING,
    redriven: LONGEST_REQUEST,
    discarded: LONGEST_REQUEST,
    starts: 9,
  });

export function checkMessageSize(type: string, message: Message, maxBytes: number): void {
  const bytes = messageBytes(message) + BATCH_HEADER_BYTES;
  if (bytes <= maxBytes) return;
  throw new OutboxError(
    'message-too-large',
    `Event "${type}" makes a message of ${bytes} bytes with its headers; topic "${message.topic}" takes ${maxBytes}. Send a reference to the data instead, or raise the topic's "max.message.bytes" and "maxMessageBytes" with it.`,
    { type, topic: message.topic, bytes, maxBytes },
  );
}

export function checkItemSize(pk: string, encoded: Readonly<Record<string, unknown>>, marks: number): void {
  const bytes = itemBytes(encoded) + marks;
  const maxBytes = DYNAMODB_LIMITS.itemBytes;
  if (bytes <= maxBytes) return;
  throw new OutboxError(
    'item-too-large',
    `The events of ${JSON.stringify(pk.slice(0, 80))} take ${bytes} bytes as one item, ${marks} of them for the relay's marks; DynamoDB takes ${maxBytes}. All events of a key in one transaction are one item: write fewer, or smaller ones.`,
    { pk, bytes, maxBytes },
  );
}
