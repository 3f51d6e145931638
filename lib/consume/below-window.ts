import { epochMsOfUuidV7 } from '../event/uuid';
import { committedAtOf } from './committed-at';
import type { Envelope } from './decode';
import type { InboxRow } from './ports';

/**
 * The classification of an event below a full window, where the inbox remembers nothing.
 *
 * `duplicate`: nothing contradicts that it was applied before. `lost-identity`: it was committed long after the last
 * effect of the key, so it was never applied: something else writes events with the same source, aggregate, key and
 * topic, or the versions of the key restarted. `doubtful`: it contradicts the inbox, but clock skew, or a `ce_time`
 * that is not the commit time, could explain that.
 */
export type BelowWindow = 'duplicate' | 'lost-identity' | 'doubtful';

/** The largest clock skew that is assumed. A wrong classification would apply an effect twice. */
const CLOCK_MARGIN_MS = 300_000;

export function evaluateBelowWindow(
  { state: { window, topAt }, appliedAt }: InboxRow,
  event: Pick<Envelope, 'id' | 'time'>,
): BelowWindow {
  const committedAt = committedAtOf(event);
  const top = window.at(-1);
  const topCommittedAt = top === undefined ? undefined : (epochMsOfUuidV7(top.id) ?? topAt);
  if (committedAt !== undefined && appliedAt !== undefined && topCommittedAt !== undefined) {
    // The versions of a key are committed in their order.
    const last = Math.max(appliedAt, topCommittedAt) + CLOCK_MARGIN_MS;
    if (epochMsOfUuidV7(event.id) !== undefined && committedAt > last) return 'lost-identity';
  }
  if (committedAt !== undefined && committedAt > (topCommittedAt ?? appliedAt ?? Infinity)) return 'doubtful';
  const hasTwoOfOneSequence = window.some(({ sequence }, at) => window[at + 1]?.sequence === sequence);
  return hasTwoOfOneSequence ? 'doubtful' : 'duplicate';
}
