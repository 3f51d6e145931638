import { committedAtOf } from './committed-at';
import type { InboxRow } from './ports';

/**
 * What an event is that lies below a full window, where the inbox remembers nothing.
 *
 * `duplicate`: nothing contradicts that it was applied before. `lost-identity`: it was committed clearly after the last effect
 * of the key, so it was never applied: something else writes events with the same source, aggregate, key and topic, or the
 * versions of the key began again. `doubtful`: it contradicts what the window shows, but the clocks of two writers could
 * explain that.
 */
export type BelowWindow = 'duplicate' | 'lost-identity' | 'doubtful';

/** The clocks of writers and consumers are taken to agree within this. A wrong answer would apply an effect twice. */
const CLOCK_MARGIN_MS = 1_000;

/** @param bornAt - the earliest moment at which the event can have been applied; `undefined` if unknown. */
export function judgeBelowWindow({ state: { window }, appliedAt }: InboxRow, bornAt: number | undefined): BelowWindow {
  if (bornAt !== undefined && appliedAt !== undefined && bornAt > appliedAt + CLOCK_MARGIN_MS) return 'lost-identity';
  const top = window.at(-1);
  const topAt = top === undefined ? undefined : committedAtOf({ id: top.id });
  // The versions of a key are committed in their order.
  if (bornAt !== undefined && topAt !== undefined && bornAt > topAt) return 'doubtful';
  const hasTwoOfOneSequence = window.some(({ sequence }, at) => window[at + 1]?.sequence === sequence);
  return hasTwoOfOneSequence ? 'doubtful' : 'duplicate';
}
