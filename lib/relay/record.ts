import { OutboxError } from '../event/errors';
import { decodeItem, type Image, type OutboxItem } from '../event/item';
import { CONTROL_PARTITION } from '../event/key';
import { SIGNAL_PREFIX } from '../event/position';

/** The part of a DynamoDB stream record that the relay reads; Lambda's `DynamoDBRecord` has this shape. */
export interface StreamRecord {
  readonly eventName?: string;
  readonly dynamodb?: {
    readonly SequenceNumber?: string;
    readonly Keys?: Image;
    readonly NewImage?: Image;
  };
}

export type DecodedRecord =
  | { readonly kind: 'item'; readonly item: OutboxItem }
  | { readonly kind: 'undecodable'; readonly pk: string; readonly sk: string; readonly message: string }
  | { readonly kind: 'unknown'; readonly pk: string; readonly sk: string }
  /** The relay's own writes, and everything that is not an insert. */
  | { readonly kind: 'ignored' };

export function decodeRecord(record: StreamRecord): DecodedRecord {
  const image = record.dynamodb?.NewImage;
  const pk = record.dynamodb?.Keys?.['pk']?.S ?? image?.['pk']?.S ?? '';
  const sk = record.dynamodb?.Keys?.['sk']?.S ?? image?.['sk']?.S ?? '';
  // The mapping's filter lets inserts through only; a mapping without it must not make a mark look like an event.
  if (record.eventName !== 'INSERT' || pk === CONTROL_PARTITION) return { kind: 'ignored' };
  if (sk.startsWith(SIGNAL_PREFIX)) return { kind: 'unknown', pk, sk };
  try {
    return { kind: 'item', item: decodeItem(image ?? {}) };
  } catch (error) {
    if (error instanceof OutboxError && error.is('undecodable-item')) {
      return { kind: 'undecodable', pk, sk, message: error.message };
    }
    throw error;
  }
}
