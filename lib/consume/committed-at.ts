import { epochMsOfUuidV7 } from '../event/uuid';
import type { Envelope } from './decode';
import type { ConsumedRecord } from './record';

/** When an event was committed, as far as it says so: the time in a UUIDv7 is that of the commit, else `ce_time`. */
export function committedAtOf({ id, time }: Pick<Envelope, 'id' | 'time'>): number | undefined {
  const at = epochMsOfUuidV7(id) ?? Date.parse(time ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/**
 * The earliest moment at which the event, or that replay of it, can have been applied for the first time. A message that
 * was published again has a new timestamp.
 */
export const bornAtOf = (event: Envelope, { timestamp }: Pick<ConsumedRecord, 'timestamp'>): number =>
  event.replayId === undefined ? Math.min(timestamp, committedAtOf(event) ?? timestamp) : timestamp;

/** Milliseconds from the commit to now, where the event says when it was committed. */
export function latencyOf(event: Envelope, now: number): number | undefined {
  const committedAt = committedAtOf(event);
  return committedAt === undefined ? undefined : Math.max(0, now - committedAt);
}
