import type { Position, StoredItem } from './ports';

/** DynamoDB answers, but not for this key: the key's record is delivered again, and other keys go on. */
export class KeyFailure extends Error {
  override readonly name = 'KeyFailure';
}

/** A look-up that DynamoDB answered in part: it throttles the keys of the others. */
export class PositionsUnread extends KeyFailure {
  /** What was read, by `positionKey`. */
  readonly stored: ReadonlyMap<string, StoredItem>;
  readonly unread: readonly Position[];

  constructor(stored: ReadonlyMap<string, StoredItem>, unread: readonly Position[]) {
    super(`DynamoDB left ${unread.length} positions unread.`);
    this.stored = stored;
    this.unread = unread;
  }
}

/**
 * Whether a call to DynamoDB failed for its own request alone: a conflict, a refused condition, a throttled hot key, an
 * item or a collection that is full. A call without an answer, or a fault of the server, is an outage that concerns all.
 */
export const concernsOneKey = (error: unknown): boolean =>
  // The SDK says of each answer whose fault it was; the core reads that mark and does not import the SDK.
  error instanceof KeyFailure || (error instanceof Error && '$fault' in error && error.$fault === 'client');
