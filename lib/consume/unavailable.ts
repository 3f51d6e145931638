/**
 * The consumer's own table cannot be used: DynamoDB is unavailable or throttles, or the table or a permission is missing.
 * Every key waits, and no attempt is counted.
 */
export class TableUnavailable extends Error {
  override readonly name = 'TableUnavailable';
}

/**
 * Something that one key needs is unavailable: a service that its handler calls, or an item that DynamoDB throttles. The
 * key waits alone, and no attempt is counted.
 */
export class KeyDelayed extends Error {
  override readonly name = 'KeyDelayed';
  readonly reason: 'service-unavailable' | 'throttled';

  constructor(reason: 'service-unavailable' | 'throttled', cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.reason = reason;
  }
}
