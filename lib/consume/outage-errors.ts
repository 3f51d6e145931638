import { messageOf, namedMessageOf } from '../event/errors';
import { serviceFailureOf } from './service-error';

/**
 * The consumer's own table cannot be used: DynamoDB is unavailable or throttles, or the table or a permission is
 * missing. Every key waits, and no attempt counts.
 */
export class TableUnavailable extends Error {
  override readonly name = 'TableUnavailable';
}

/** `undefined` for an error that does not come from a service, such as a bug. */
export function asUnavailable(error: unknown, what: string): TableUnavailable | undefined {
  if (error instanceof TableUnavailable) return error;
  if (serviceFailureOf(error) === undefined) return undefined;
  const why = namedMessageOf(error);
  return new TableUnavailable(`${what}: ${why}`, { cause: error });
}

/**
 * `service-unavailable`: a service that the handler calls. `throttled`: an item of the transaction. `not-committed`:
 * the transaction got no response or a server error, while the key's row can be read.
 */
export type DelayReason = 'service-unavailable' | 'throttled' | 'not-committed';

/** Something that one key needs is unavailable. Only this key waits, and no attempt counts. */
export class KeyDelayed extends Error {
  override readonly name = 'KeyDelayed';
  readonly reason: DelayReason;

  constructor(reason: DelayReason, cause: unknown) {
    super(messageOf(cause), { cause });
    this.reason = reason;
  }
}
