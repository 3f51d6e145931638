import { formatSequence, parseSequence } from '../event/position';
import type { InboxState, SequencedEvent } from './inbox';

/** Missing events between the newest known one of a key and the received one. */
export interface SequenceGap {
  /** The newest known sequence of the key; left out if it has none. */
  readonly after?: string;
  /** The first sequence that is missing. */
  readonly missing: string;
  /** The sequence that was received instead. */
  readonly got: string;
  /**
   * Other topics to which the catalogue sends events of the same aggregate. Left out if there are none: the missing
   * events are lost or delayed. Otherwise they may be on those topics: a message states the index of its event in the
   * transaction, but not the topics of the events next to it.
   */
  readonly otherTopics?: readonly string[];
}

/**
 * The gap before `event`, by `ce_sequence` and `ce_txevents`; `undefined` if there is none, or a newer event is known.
 *
 * It assumes dense versions, and knows only one topic: see {@link gapBeside}. A key's first event may have any version,
 * because a consumer may start anywhere, but must be the first of its transaction.
 */
export function gapBefore(state: InboxState, event: SequencedEvent): SequenceGap | undefined {
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
 * Other topics that may carry the missing events: those of types with the same first part, such as `order.`. A type
 * without one may belong to any aggregate.
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
 * The rest of the gap without the events that the same consumer has applied from other topics; `undefined` if there is
 * no rest. The number of events in a transaction is known only for the newest event of a topic. For an older event, the
 * rest of its transaction stays missing.
 */
export function gapBeside(gap: SequenceGap, others: readonly InboxState[]): SequenceGap | undefined {
  let missing = gap.missing;
  while (missing < gap.got) {
    const elsewhere = others.find(({ window }) => window.some(({ sequence }) => sequence === missing));
    const following = elsewhere === undefined ? undefined : next(elsewhere, missing, 'same transaction');
    if (following === undefined) return { ...gap, missing };
    missing = formatSequence(following);
  }
  return undefined;
}

/** The place of the next event. `unknown`: the assumption if the number of events in the transaction is not known. */
function next(
  { window, topEvents }: InboxState,
  after: string,
  unknown: 'same transaction' | 'next version' = 'next version',
): { version: number; index: number } | undefined {
  const known = parseSequence(after);
  if (known === undefined) return undefined;
  // The row knows the number of events only for its newest applied event.
  const events = window.at(-1)?.sequence === after ? topEvents : undefined;
  const hasMore = events === undefined ? unknown === 'same transaction' : known.index + 1 < events;
  return hasMore ? { version: known.version, index: known.index + 1 } : { version: known.version + 1, index: 0 };
}

function newest({ window, unapplied }: InboxState): string | undefined {
  return [window.at(-1), ...unapplied].reduce<string | undefined>(
    (top, each) => (each !== undefined && (top === undefined || each.sequence > top) ? each.sequence : top),
    undefined,
  );
}
