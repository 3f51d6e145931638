import { epochMsOfUuidV7 } from '../event/uuid';
import type { EventEnvelope } from './decode';
import type { ConsumedRecord } from './record';

/** The commit time of an event: the time in a UUIDv7 id, else `ce_time`; `undefined` if it has neither. */
export function committedAtOf({ id, time }: Pick<EventEnvelope, 'id' | 'time'>): number | undefined {
  const at = epochMsOfUuidV7(id) ?? Date.parse(time ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** The earliest time of a first effect of the event, or of this replay. A message sent again has a new timestamp. */
export const bornAtOf = (event: EventEnvelope, { timestamp }: Pick<ConsumedRecord, 'timestamp'>): number =>
  event.replayId === undefined ? Math.min(timestamp, committedAtOf(event) ?? timestamp) : timestamp;

/** How far another clock may be ahead of this one. The outbox refuses a commit time a day ahead of its own clock. */
const MAX_AHEAD_MS = 23 * 3600_000;

/** A time after the last one of the key, even if the clock of the consumer that applied that one was ahead. */
export const timeAfter = (last: number | undefined, now: number): number =>
  last !== undefined && last >= now && last - now < MAX_AHEAD_MS ? last + 1 : now;

/** The time at which an event is applied. The times of a key never go back, even if the consumers' clocks differ. */
export const appliedAfter = (last: number | undefined, now: number): number =>
  last === now ? now : timeAfter(last, now);

/** Milliseconds from the commit to now; `undefined` if the commit time is unknown. */
export function latencyOf(event: EventEnvelope, now: number): number | undefined {
  const committedAt = committedAtOf(event);
  return committedAt === undefined ? undefined : Math.max(0, now - committedAt);
}
