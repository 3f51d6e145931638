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
  /**
   * Other topics to which the catalogue sends events of the same aggregate. Left out: it names none, so that events that
   * are missing here are lost or delayed. With some, what seems to be missing may lie there: a message tells the place of
   * its event in the transaction, and not the topics of the events next to it.
   */
  readonly otherTopics?: readonly string[];
}

/**
 * What is missing before `event`, by `ce_sequence` and `ce_txevents`; nothing for an event that is not the newest.
 *
 * It supposes that versions are dense, and knows one topic alone: see {@link gapBeside}. A key's first event may have any
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

/**
 * Other topics that may have what is missing before the event: those of types with the same first part, such as `order.`.
 * A type without one may belong to any aggregate.
 */
export function otherTopicsOf(
  definitions: Readonly<Record<string, { readonly topic: string }>>,
  { type, topic }: { readonly type: string; readonly topic: string },
): readonly string[] {
  const family = familyOf(type);
  const topics = Object.entries(definitions).flatMap(([other, definition]) =>
    definition.topic !== topic && (family === undefined || [family, undefined].includes(familyOf(other)))
      ? [definition.topic]
      : [],
  );
  return [...new Set(topics)];
}

const familyOf = (type: string): string | undefined => (type.includes('.') ? type.split('.')[0] : undefined);

/**
 * What is still missing without the events that the same consumer has applied from other topics; nothing if those are all.
 * How many events a transaction had is known of the newest event of a topic alone. Of an older one, the rest of the
 * transaction stays missing.
 */
export function gapBeside(gap: Gap, others: readonly InboxState[]): Gap | undefined {
  let missing = gap.missing;
  while (missing < gap.got) {
    const elsewhere = others.find(({ window }) => window.some(({ sequence }) => sequence === missing));
    const following = elsewhere === undefined ? undefined : next(elsewhere, missing, 'same transaction');
    if (following === undefined) return { ...gap, missing };
    missing = formatSequence(following);
  }
  return undefined;
}

/** What follows an event: `unknown` is where it is supposed if nothing tells whether its transaction has more events. */
function next(
  { window, topEvents }: InboxState,
  after: string,
  unknown: 'same transaction' | 'next version' = 'next version',
): { version: number; index: number } | undefined {
  const known = parseSequence(after);
  if (known === undefined) return undefined;
  // How many events its transaction had is known of an applied event only.
  const events = window.at(-1)?.sequence === after ? topEvents : undefined;
  const hasMore = events === undefined ? unknown === 'same transaction' : known.index + 1 < events;
  return hasMore ? { version: known.version, index: known.index + 1 } : { version: known.version + 1, index: 0 };
}

function newest({ window, aside }: InboxState): string | undefined {
  return [window.at(-1), ...aside].reduce<string | undefined>(
    (top, seen) => (seen !== undefined && (top === undefined || seen.sequence > top) ? seen.sequence : top),
    undefined,
  );
}
