import { epochMsOfUuidV7 } from '../event/uuid';
import { committedAtOf } from './committed-at';
import type { EventEnvelope } from './decode';
import { sha256, type InboxKey } from './inbox-keys';

/** How many applied events of a key the inbox remembers. */
export const WINDOW_SIZE = 16;
/** How many dead-lettered or discarded events of a key it remembers, so that they can still be applied at any time. */
export const UNAPPLIED_SIZE = 64;

/** A longer id is stored as its digest, so that the row fits an item. */
const MAX_ID_BYTES = 128;

/** An event in the order of its key; made by {@link sequencedOf}. A restored table may repeat a sequence. */
export interface SequencedEvent {
  readonly sequence: string;
  readonly id: string;
}

/** The state of one key of one source on one topic. */
export interface InboxState {
  /** The newest applied events, ascending. */
  readonly window: readonly SequencedEvent[];
  /** `ce_txevents` of the newest one. */
  readonly topEvents?: number;
  /** Commit time of the newest one, epoch milliseconds; left out if its id contains the time. */
  readonly topAt?: number;
  /** Dead-lettered or discarded events, oldest first. */
  readonly unapplied: readonly SequencedEvent[];
  /** Events of the key wait in the table for a redrive. Every later event must wait too. */
  readonly parked: boolean;
}

/** An inbox row as read, with the revision that a write must still find. */
export interface InboxRow {
  readonly state: InboxState;
  /** 0 if the row does not exist yet. */
  readonly revision: number;
  /** Epoch milliseconds of the last apply. */
  readonly appliedAt?: number;
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
export function decide({ window, unapplied }: InboxState, event: SequencedEvent): Decision {
  const top = window.at(-1);
  if (window.some((each) => same(each, event))) return { kind: 'duplicate', below: false };
  if (top === undefined || event.sequence > top.sequence) return { kind: 'new' };
  if (isUnapplied({ unapplied }, event)) return { kind: 'late' };
  const lowest = window[0];
  const below = window.length >= WINDOW_SIZE && lowest !== undefined && event.sequence < lowest.sequence;
  return below ? { kind: 'duplicate', below } : { kind: 'late' };
}

/**
 * The status of an event by what the inbox remembers of its key. `lost-identity`: it lies below the window and is no
 * duplicate, because something else writes events with the same source, aggregate, key and topic, or the versions of
 * the key restarted. Without `isCertain`, it may be an old duplicate.
 */
export type EventStatus = Decision | { readonly kind: 'lost-identity'; readonly isCertain: boolean };

/** `undefined` for a key without versions. */
export function statusInRow(row: InboxRow | undefined, event: EventEnvelope): EventStatus | undefined {
  const sequenced = sequencedOf(event);
  if (row === undefined || sequenced === undefined) return undefined;
  const decision = decide(row.state, sequenced);
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

export function withApplied(
  state: InboxState,
  event: SequencedEvent,
  txEvents?: number,
  committedAt?: number,
): InboxState {
  const window = [...state.window, pick(event)].toSorted(bySequence).slice(-WINDOW_SIZE);
  const isTop = window.at(-1)?.sequence === event.sequence;
  return {
    ...state,
    window,
    topEvents: isTop ? txEvents : state.topEvents,
    topAt: isTop ? (epochMsOfUuidV7(event.id) === undefined ? committedAt : undefined) : state.topAt,
    unapplied: state.unapplied.filter((each) => !same(each, event)),
  };
}

/** The state after the event is dead-lettered or discarded: outside the window, so it can still be applied. */
export function withUnapplied(state: InboxState, event: SequencedEvent): InboxState {
  if (isUnapplied(state, event)) return state;
  return { ...state, unapplied: [...state.unapplied, pick(event)].slice(-UNAPPLIED_SIZE) };
}

/** Whether the event may have been dead-lettered or discarded: the row remembers only the newest of those. */
export const mayBeUnapplied = ({ unapplied }: Pick<InboxState, 'unapplied'>, { sequence }: SequencedEvent): boolean =>
  unapplied.some((each) => each.sequence >= sequence);

export const isUnapplied = ({ unapplied }: Pick<InboxState, 'unapplied'>, event: SequencedEvent): boolean =>
  unapplied.some((each) => same(each, event));

/** Whether a row from before `ce_aggregate`, which lacks aggregate and partition, may know an event of the key. */
export const mayBeInOldRow = ({ aggregate, partition }: InboxKey, { window }: Pick<InboxState, 'window'>): boolean =>
  (aggregate !== undefined || partition !== undefined) && window.length < WINDOW_SIZE;

/** The place of an event in the order of its key, when its key has versions. */
export const sequencedOf = ({ sequence, id }: Pick<EventEnvelope, 'sequence' | 'id'>): SequencedEvent | undefined =>
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

const pick = ({ sequence, id }: SequencedEvent): SequencedEvent => ({ sequence, id });
const same = (a: SequencedEvent, b: SequencedEvent): boolean => a.sequence === b.sequence && a.id === b.id;
const bySequence = (a: SequencedEvent, b: SequencedEvent): number =>
  a.sequence === b.sequence ? 0 : a.sequence < b.sequence ? -1 : 1;
