import { OutboxError } from '../event/errors';
import { withinTime } from '../timing/within-time';

/** The service and the place that an error names: the brokers, or the table. */
export interface ServiceCall {
  readonly service: 'Kafka' | 'DynamoDB';
  /** Such as `brokers b1:9092,b2:9092`, `table orders-outbox`. */
  readonly place: string;
  /** Such as `reading the offsets of topic orders`. */
  readonly action: string;
}

/**
 * Returns the result of the call. If it does not come in time, the signal is aborted.
 *
 * @throws OutboxError `service-unavailable` after the time limit, which names the place and the action. An error of the
 * call itself is passed on as it is.
 */
export async function within<T>(
  timeoutMs: number,
  at: ServiceCall,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const why = `no answer within ${timeoutMs / 1000} seconds`;
  return withinTime(call, { ms: timeoutMs, onTimeout: () => unavailable(at, why) });
}

/** The error of a service that cannot be reached, or does not respond. */
export const unavailable = (at: ServiceCall, why: string, cause?: unknown): OutboxError<'service-unavailable'> =>
  new OutboxError(
    'service-unavailable',
    `${at.service} (${at.place}): ${why}, while ${at.action}. Check that this machine reaches it (network, security groups, VPN), then run the command again.`,
    { ...at, why },
    { cause },
  );
