/**
 * The consumer's own table cannot be used: DynamoDB is unavailable or throttles, or the table or a permission is missing.
 * Every key waits, and no attempt is counted.
 */
export class TableUnavailable extends Error {
  override readonly name = 'TableUnavailable';
}

/**
 * `service-unavailable`: one that its handler calls. `throttled`: an item of its transaction. `not-committed`: its
 * transaction had no answer or a server error, and the rest of the table answers.
 */
export type DelayReason = 'service-unavailable' | 'throttled' | 'not-committed';

/** Something that one key needs is unavailable. The key waits alone, and no attempt is counted. */
export class KeyDelayed extends Error {
  override readonly name = 'KeyDelayed';
  readonly reason: DelayReason;

  constructor(reason: DelayReason, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.reason = reason;
  }
}
