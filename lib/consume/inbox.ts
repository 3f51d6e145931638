import { epochMsOfUuidV7 } from '../event/uuid';
import type { EventEnvelope } from './decode';
import { sha256, type InboxKey } from './inbox-keys';

/** How many applied events of a key the inbox remembers. */
export const WINDOW_SIZE = 16;
/** How many dead-lettered or discarded events of a key it remembers, so that they can still be applied at any time. */
export const UNAPPLIED_SIZE = 64;

/** A longer id is stored as its digest, so that the row fits an item. */
const MAX_ID_BYTES = 128;

/** An event in the order of its key; made by {@link seenOf}. A restored table may write a sequence a second time. */
export interface Seen {
  readonly sequence: string;
  readonly id: string;
}

/** The state of one key of one source on one topic. */
export interface InboxState {
  /** The newest applied events, ascending. */
  readonly window: readonly Seen[];
  /** `ce_txevents` of the newest one. */
  readonly topEvents?: number;
  /** Commit time of the newest one, epoch milliseconds; left out if its id contains the time. */
  readonly topAt?: number;
  /** Dead-lettered or discarded events, oldest first. */
  readonly unapplied: readonly Seen[];
  /** Events of the key wait in the table for a redrive. Every later event must wait too. */
  readonly parked: boolean;
}

export const EMPTY_INBOX: InboxState = { window: [], unapplied: [], parked: false };

/**
 * `late`: a first delivery after a later event was applied, because it was redriven, partitions were added, or the
 * versions restarted. `below`: the event lies before a full window, so it counts as a duplicate although the inbox does
 * not remember it.
 */
export type Decision =
  { readonly kind: 'new' } | { readonly kind: 'late' } | { readonly kind: 'duplicate'; readonly below: boolean };

/** Whether an event is applied already. A bare high-water mark cannot tell a late first delivery from a duplicate. */
export function decide({ window, unapplied }: InboxState, event: Seen): Decision {
  const top = window.at(-1);
  if (window.some((seen) => same(seen, event))) return { kind: 'duplicate', below: false };
  if (top === undefined || event.sequence > top.sequence) return { kind: 'new' };
  if (isUnapplied({ unapplied }, event)) return { kind: 'late' };
  const lowest = window[0];
  const below = window.length >= WINDOW_SIZE && lowest !== undefined && event.sequence < lowest.sequence;
  return below ? { kind: 'duplicate', below } : { kind: 'late' };
}

/** The state after the event is applied. */
export function withApplied(state: InboxState, event: Seen, txEvents?: number, committedAt?: number): InboxState {
  const window = [...state.window, pick(event)].toSorted(bySequence).slice(-WINDOW_SIZE);
  const isTop = window.at(-1)?.sequence === event.sequence;
  return {
    ...state,
    window,
    topEvents: isTop ? txEvents : state.topEvents,
    topAt: isTop ? (epochMsOfUuidV7(event.id) === undefined ? committedAt : undefined) : state.topAt,
    unapplied: state.unapplied.filter((seen) => !same(seen, event)),
  };
}

/** The state after the event is dead-lettered or discarded: outside the window, so it can still be applied. */
export function withUnapplied(state: InboxState, event: Seen): InboxState {
  if (isUnapplied(state, event)) return state;
  return { ...state, unapplied: [...state.unapplied, pick(event)].slice(-UNAPPLIED_SIZE) };
}

/** Whether the event may have been dead-lettered or discarded: the row remembers only the newest of those. */
export const mayBeUnapplied = ({ unapplied }: Pick<InboxState, 'unapplied'>, { sequence }: Seen): boolean =>
  unapplied.some((seen) => seen.sequence >= sequence);

export const isUnapplied = ({ unapplied }: Pick<InboxState, 'unapplied'>, event: Seen): boolean =>
  unapplied.some((seen) => same(seen, event));

/**
 * Whether the row that was written before messages had a `ce_aggregate` may know an event of the key. This requires an
 * aggregate or a partition, which such rows lack, and a window that is not full.
 */
export const mayBeInOldRow = ({ aggregate, partition }: InboxKey, { window }: Pick<InboxState, 'window'>): boolean =>
  (aggregate !== undefined || partition !== undefined) && window.length < WINDOW_SIZE;

/** The place of an event in the order of its key, when its key has versions. */
export const seenOf = ({ sequence, id }: Pick<EventEnvelope, 'sequence' | 'id'>): Seen | undefined =>
  sequence === undefined
    ? undefined
    : { sequence, id: Buffer.byteLength(id) <= MAX_ID_BYTES ? id : `sha256:${sha256(id)}` };

/** The id of the event's marker; `undefined` if the window records the event. Each replay has a marker of its own. */
export const markerIdOf = ({
  id,
  sequence,
  replayId,
}: Pick<EventEnvelope, 'id' | 'sequence' | 'replayId'>): string | undefined =>
  replayId !== undefined ? `${id}@${replayId}` : sequence === undefined ? id : undefined;

const pick = ({ sequence, id }: Seen): Seen => ({ sequence, id });
const same = (a: Seen, b: Seen): boolean => a.sequence === b.sequence && a.id === b.id;
const bySequence = (a: Seen, b: Seen): number => (a.sequence === b.sequence ? 0 : a.sequence < b.sequence ? -1 : 1);
