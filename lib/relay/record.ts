import { OutboxError } from '../event/errors';
import { decodeItem, type Image, type OutboxItem } from '../event/item';
import { CONTROL_PARTITION } from '../event/key';
import { decodeSignal, isSignalKey, type Signal } from '../event/signal';

/** The part of a DynamoDB stream record that the relay reads; Lambda's `DynamoDBRecord` has this shape. */
export interface StreamRecord {
  readonly eventName?: string;
  readonly eventSourceARN?: string;
  readonly dynamodb?: {
    /** Epoch seconds. */
    readonly ApproximateCreationDateTime?: number;
    readonly SequenceNumber?: string;
    readonly Keys?: Image;
    readonly NewImage?: Image;
  };
}

export type DecodedItem =
  | { readonly kind: 'item'; readonly item: OutboxItem }
  | {
      readonly kind: 'undecodable';
      readonly pk: string;
      readonly sk: string;
      readonly id?: string;
      readonly message: string;
    };

export type DecodedRecord =
  | DecodedItem
  | { readonly kind: 'signal'; readonly signal: Signal }
  /** The stream shows no image: of the item, or of the signal, the table knows more. */
  | { readonly kind: 'unseen-item'; readonly pk: string; readonly sk: string }
  | { readonly kind: 'unseen-signal'; readonly pk: string; readonly sk: string }
  | { readonly kind: 'undecodable-signal'; readonly pk: string; readonly sk: string; readonly message: string }
  /** The relay's own writes, and everything that is not an insert. */
  | { readonly kind: 'ignored' };

export function decodeRecord({ eventName, dynamodb }: StreamRecord): DecodedRecord {
  const image = { ...dynamodb?.Keys, ...dynamodb?.NewImage };
  const pk = image['pk']?.S ?? '';
  const sk = image['sk']?.S ?? '';
  // The mapping's filter lets inserts through only; a mapping without it must not make a mark look like an event.
  if (eventName !== 'INSERT' || pk.startsWith(CONTROL_PARTITION)) return { kind: 'ignored' };
  // A stream of keys alone, or an image that was dropped: no reason to take the item for one that cannot be decoded.
  if (dynamodb?.NewImage === undefined && pk !== '') {
    return { kind: isSignalKey(sk) ? 'unseen-signal' : 'unseen-item', pk, sk };
  }
  if (isSignalKey(sk)) return decodeStoredSignal(image);
  // The record of a gap: it is put in the place of an item that was deleted.
  return image['gone'] !== undefined && image['discarded'] !== undefined ? { kind: 'ignored' } : decodeStored(image);
}

/** A signal as a stream record or the table shows it. */
function decodeStoredSignal(image: Image): DecodedRecord {
  const pk = image['pk']?.S ?? '';
  const sk = image['sk']?.S ?? '';
  try {
    return { kind: 'signal', signal: decodeSignal(image) };
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-signal')) {
      return { kind: 'undecodable-signal', pk, sk, message: error.message };
    }
    throw error;
  }
}

/** An item as a stream record or the table shows it. */
export function decodeStored(image: Image): DecodedItem {
  try {
    return { kind: 'item', item: decodeItem(image) };
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-item')) {
      const { pk, sk } = error.details;
      return { kind: 'undecodable', pk, sk, id: image['id']?.S, message: error.message };
    }
    throw error;
  }
}
