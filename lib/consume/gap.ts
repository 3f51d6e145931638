import { formatSequence, parseSequence } from '../event/sequence';
import type { InboxState, Seen } from './inbox';

/** Events between the newest known one of a key and the one that came. */
export interface Gap {
  /** The newest known sequence of the key; left out when it has none. */
  readonly after?: string;
  /** The first sequence that is missing. */
  readonly missing: string;
  /** The sequence that came instead. */
  readonly got: string;
}

/**
 * What is missing before `event`, by `ce_sequence` and `ce_txevents`; nothing for an event that is not the newest.
 *
 * It supposes that versions are dense and that all events of a key go to one topic. A key's first event may have any
 * version, because a consumer may begin anywhere, but must be the first of its transaction.
 */
export function gapBefore(state: InboxState, event: Seen): Gap | undefined {
  const got = parseSequence(event.sequence);
  if (got === undefined) return undefined;
  const after = newest(state);
  if (after !== undefined && event.sequence <= after) return undefined;
  const expected = after === undefined ? { version: got.version, index: 0 } : next(state, after);
  const missing = expected === undefined ? undefined : formatSequence(expected);
  if (missing === undefined || missing >= event.sequence) return undefined;
  return after === undefined ? { missing, got: event.sequence } : { after, missing, got: event.sequence };
}

function next({ window, topEvents }: InboxState, after: string): { version: number; index: number } | undefined {
  const known = parseSequence(after);
  if (known === undefined) return undefined;
  // How many events its transaction had is known of an applied event only.
  const events = window.at(-1)?.sequence === after ? topEvents : undefined;
  return events !== undefined && known.index + 1 < events
    ? { version: known.version, index: known.index + 1 }
    : { version: known.version + 1, index: 0 };
}

function newest({ window, aside }: InboxState): string | undefined {
  return [window.at(-1), ...aside].reduce<string | undefined>(
    (top, seen) => (seen !== undefined && (top === undefined || seen.sequence > top) ? seen.sequence : top),
    undefined,
  );
}
