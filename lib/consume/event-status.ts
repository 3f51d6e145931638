import { epochMsOfUuidV7 } from '../event/uuid';
import { committedAtOf } from './committed-at';
import type { EventEnvelope } from './decode';
import { decide, seenOf, type Decision } from './inbox';
import type { InboxRow } from './ports';

/**
 * The status of an event by what the inbox remembers of its key. `lost-identity`: it lies below the window and is no
 * duplicate, because something else writes events with the same source, aggregate, key and topic, or the versions of the
 * key restarted. Without `isCertain`, it may be an old duplicate.
 */
export type EventStatus = Decision | { readonly kind: 'lost-identity'; readonly isCertain: boolean };

/** `undefined` for a key without versions. */
export function statusInRow(row: InboxRow | undefined, event: EventEnvelope): EventStatus | undefined {
  const seen = seenOf(event);
  if (row === undefined || seen === undefined) return undefined;
  const decision = decide(row.state, seen);
  // An operator requested the replay, so an identity that seems lost does not stop it.
  if (decision.kind !== 'duplicate' || !decision.below || event.replayId !== undefined) return decision;
  const contradiction = contradictionBelowWindow(row, event);
  return contradiction === undefined ? decision : { kind: 'lost-identity', isCertain: contradiction === 'certain' };
}

/** The largest clock skew that is assumed. A wrong classification would apply an effect twice. */
const CLOCK_MARGIN_MS = 300_000;

/**
 * Whether an event below a full window, where the inbox remembers nothing, contradicts that it was applied before.
 * `certain`: it was committed long after the last effect of the key. `possible`: clock skew, or a `ce_time` that is not
 * the commit time, could explain the contradiction.
 */
function contradictionBelowWindow(
  { state: { window, topAt }, appliedAt }: InboxRow,
  event: Pick<EventEnvelope, 'id' | 'time'>,
): 'certain' | 'possible' | undefined {
  const committedAt = committedAtOf(event);
  const top = window.at(-1);
  const topCommittedAt = top === undefined ? undefined : (epochMsOfUuidV7(top.id) ?? topAt);
  if (committedAt !== undefined && appliedAt !== undefined && topCommittedAt !== undefined) {
    // The versions of a key are committed in their order.
    const last = Math.max(appliedAt, topCommittedAt) + CLOCK_MARGIN_MS;
    if (epochMsOfUuidV7(event.id) !== undefined && committedAt > last) return 'certain';
  }
  if (committedAt !== undefined && committedAt > (topCommittedAt ?? appliedAt ?? Infinity)) return 'possible';
  const hasTwoOfOneSequence = window.some(({ sequence }, at) => window[at + 1]?.sequence === sequence);
  return hasTwoOfOneSequence ? 'possible' : undefined;
}
