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

/** How far ahead of this clock another one may be: the outbox refuses the time of a commit that is a day ahead of its own. */
const MAX_AHEAD_MS = 23 * 3600_000;

/**
 * A time that sorts behind the last one of the key, epoch milliseconds, although the clock of the consumer that applied
 * that one was ahead.
 */
export const behind = (last: number | undefined, now: number): number =>
  last !== undefined && last >= now && last - now < MAX_AHEAD_MS ? last + 1 : now;

/** When an event is applied: the times of a key do not go back over consumers whose clocks disagree. */
export const appliedAfter = (last: number | undefined, now: number): number => (last === now ? now : behind(last, now));

/** Milliseconds from the commit to now, where the event says when it was committed. */
export function latencyOf(event: Envelope, now: number): number | undefined {
  const committedAt = committedAtOf(event);
  return committedAt === undefined ? undefined : Math.max(0, now - committedAt);
}
