import type { ItemKey } from '../event/item';
import type { StoredState } from './ports';

/** DynamoDB refuses calls for this key only: its record is delivered again, and other keys continue. */
export class KeyFailure extends Error {
  override readonly name = 'KeyFailure';
}

/** A lookup that DynamoDB completed in part, because it throttles the keys of the other positions. */
export class PositionsUnread extends KeyFailure {
  /** The items that were read, by `positionKey`. */
  readonly stored: ReadonlyMap<string, StoredState>;
  readonly unread: readonly ItemKey[];

  constructor(stored: ReadonlyMap<string, StoredState>, unread: readonly ItemKey[]) {
    super(`DynamoDB throttled the keys of ${unread.length} positions; they were not read.`);
    this.stored = stored;
    this.unread = unread;
  }
}

/**
 * Whether a DynamoDB call failed because of its own request: a conflict, a failed condition, a throttled hot key, a
 * full item or collection. A call without a response or a server fault is an outage that concerns all keys.
 */
export const concernsOneKey = (error: unknown): boolean =>
  // The SDK marks each error with the side at fault. The core reads that mark without importing the SDK.
  error instanceof KeyFailure || (error instanceof Error && '$fault' in error && error.$fault === 'client');
