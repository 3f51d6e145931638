import { OutboxError } from '../event/errors';
import { decodeItem, type Image, type OutboxItem } from '../event/item';
import { CONTROL_PARTITION } from '../event/key';
import { decodeSignal, isSignalKey, type Signal } from '../event/signal';
import { streamNameOf, type HomeRegion } from '../event/home-region';

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

/** When the record was written to the stream, in epoch milliseconds; `undefined` if it has no timestamp. */
export function streamedAtOf({ dynamodb }: StreamRecord): number | undefined {
  const seconds = dynamodb?.ApproximateCreationDateTime;
  return seconds === undefined ? undefined : seconds * 1000;
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
  /** The stream shows no image; the item or the signal must be read from the table. */
  | { readonly kind: 'unseen-item'; readonly pk: string; readonly sk: string }
  | { readonly kind: 'unseen-signal'; readonly pk: string; readonly sk: string }
  | { readonly kind: 'undecodable-signal'; readonly pk: string; readonly sk: string; readonly message: string }
  /** One of the relay's own writes, or any record that is not an insert. */
  | { readonly kind: 'ignored' };

export function decodeRecord({ eventName, dynamodb }: StreamRecord): DecodedRecord {
  const image = { ...dynamodb?.Keys, ...dynamodb?.NewImage };
  const pk = image['pk']?.S ?? '';
  const sk = image['sk']?.S ?? '';
  // The mapping's filter passes inserts only. Without the filter, a mark must not look like an event.
  if (eventName !== 'INSERT' || pk.startsWith(CONTROL_PARTITION)) return { kind: 'ignored' };
  // The stream has keys only, or dropped the image: that does not make the item undecodable.
  if (dynamodb?.NewImage === undefined && pk !== '') {
    return { kind: isSignalKey(sk) ? 'unseen-signal' : 'unseen-item', pk, sk };
  }
  if (isSignalKey(sk)) return decodeStoredSignal(image);
  // The record of a gap, which replaces a deleted item.
  return image['gone'] !== undefined && image['discarded'] !== undefined ? { kind: 'ignored' } : decodeStored(image);
}

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

/** The bytes of an item's data in memory; compressed data counts as decompressed. */
export const dataBytesOf = (decoded: DecodedItem): number =>
  decoded.kind === 'undecodable' ? 0 : decoded.item.events.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);

/**
 * The records of a batch that a relay with a home region acts on. The mapping's filter passes no others. Without the
 * filter, every region would publish every event.
 *
 * Signals have no region: each region acts on its own items of the key, and does nothing if it has none.
 */
export function recordsOfHome<R extends StreamRecord>(
  records: readonly R[],
  home: HomeRegion | undefined,
): readonly R[] {
  if (home === undefined) return records;
  return records.filter((record) => isOfHome(record, home)).map((record) => underStreamNameOf(record, home));
}

function isOfHome({ dynamodb }: StreamRecord, { publishesFor }: HomeRegion): boolean {
  const image = { ...dynamodb?.Keys, ...dynamodb?.NewImage };
  return isSignalKey(image['sk']?.S ?? '') || publishesFor.includes(image['region']?.S ?? '');
}

const underStreamNameOf = <R extends StreamRecord>(record: R, home: HomeRegion): R =>
  record.eventSourceARN === undefined
    ? record
    : { ...record, eventSourceARN: streamNameOf(record.eventSourceARN, home) };
