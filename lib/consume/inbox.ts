import { epochMsOfUuidV7 } from '../event/uuid';
import type { Envelope } from './decode';
import { sha256, type InboxKey } from './inbox-keys';

/** How many applied events of a key the inbox remembers. */
export const WINDOW_SIZE = 16;
/** How many events that were set aside it remembers, so that they can come back at any time. */
export const ASIDE_SIZE = 64;

/** A longer id is known by its digest, so that what is remembered fits an item. */
const MAX_ID_BYTES = 128;

/** An event in the order of its key; made by {@link seenOf}. Two events may have one sequence: a restored table writes its versions again. */
export interface Seen {
  readonly sequence: string;
  readonly id: string;
}

/** What a consumer knows about one key of one source on one topic. */
export interface InboxState {
  /** The newest applied events, ascending. */
  readonly window: readonly Seen[];
  /** `ce_txevents` of the newest one. */
  readonly topEvents?: number;
  /** When the newest one was committed, epoch milliseconds, if its id does not tell. */
  readonly topAt?: number;
  /** Events that were set aside instead, oldest first. */
  readonly aside: readonly Seen[];
  /** Events of the key wait in the table for a redrive; so must every later one. */
  readonly parked: boolean;
}

export const EMPTY_INBOX: InboxState = { window: [], aside: [], parked: false };

/**
 * `late`: a first delivery after a later event was applied, because it was redriven, partitions were added, or the
 * versions began anew. `below`: the event lies before a full window, so it is taken for a duplicate although nothing
 * remembers it.
 */
export type Decision =
  { readonly kind: 'new' } | { readonly kind: 'late' } | { readonly kind: 'duplicate'; readonly below: boolean };

/** Whether an event is applied already. A bare high-water mark could not tell a late first delivery from a duplicate. */
export function decide({ window, aside }: InboxState, event: Seen): Decision {
  const top = window.at(-1);
  if (window.some((seen) => same(seen, event))) return { kind: 'duplicate', below: false };
  if (top === undefined || event.sequence > top.sequence) return { kind: 'new' };
  if (isAside({ aside }, event)) return { kind: 'late' };
  const lowest = window[0];
  const below = window.length >= WINDOW_SIZE && lowest !== undefined && event.sequence < lowest.sequence;
  return below ? { kind: 'duplicate', below } : { kind: 'late' };
}

/** The state once the event is applied. */
export function withApplied(state: InboxState, event: Seen, txEvents?: number, committedAt?: number): InboxState {
  const window = [...state.window, pick(event)].toSorted(bySequence).slice(-WINDOW_SIZE);
  const isTop = window.at(-1)?.sequence === event.sequence;
  return {
    ...state,
    window,
    topEvents: isTop ? txEvents : state.topEvents,
    topAt: isTop ? (epochMsOfUuidV7(event.id) === undefined ? committedAt : undefined) : state.topAt,
    aside: state.aside.filter((seen) => !same(seen, event)),
  };
}

/** The state once the event is set aside: it does not enter the window, so that it can still be applied later. */
export function withAside(state: InboxState, event: Seen): InboxState {
  if (isAside(state, event)) return state;
  return { ...state, aside: [...state.aside, pick(event)].slice(-ASIDE_SIZE) };
}

/** Whether the event may have been set aside: the row remembers only the newest ones that were. */
export const mayBeAside = ({ aside }: Pick<InboxState, 'aside'>, { sequence }: Seen): boolean =>
  aside.some((seen) => seen.sequence >= sequence);

export const isAside = ({ aside }: Pick<InboxState, 'aside'>, event: Seen): boolean =>
  aside.some((seen) => same(seen, event));

/**
 * Whether the row that was written before messages had a `ce_aggregate` may know an event of the key: the key has more
 * than such rows had, and its own window is not full.
 */
export const mayBeInOldRow = ({ aggregate, partition }: InboxKey, { window }: Pick<InboxState, 'window'>): boolean =>
  (aggregate !== undefined || partition !== undefined) && window.length < WINDOW_SIZE;

/** The place of an event in the order of its key, when its key has versions. */
export const seenOf = ({ sequence, id }: Pick<Envelope, 'sequence' | 'id'>): Seen | undefined =>
  sequence === undefined
    ? undefined
    : { sequence, id: Buffer.byteLength(id) <= MAX_ID_BYTES ? id : `sha256:${sha256(id)}` };

/** What marks the event as applied; `undefined` when its place in the order of its key does. Each replay counts for itself. */
export const markerIdOf = ({
  id,
  sequence,
  replayId,
}: Pick<Envelope, 'id' | 'sequence' | 'replayId'>): string | undefined =>
  replayId !== undefined ? `${id}@${replayId}` : sequence === undefined ? id : undefined;

const pick = ({ sequence, id }: Seen): Seen => ({ sequence, id });
const same = (a: Seen, b: Seen): boolean => a.sequence === b.sequence && a.id === b.id;
const bySequence = (a: Seen, b: Seen): number => (a.sequence === b.sequence ? 0 : a.sequence < b.sequence ? -1 : 1);
