import { type Hold, unavailablePartitions } from '../event/control';
import { OutboxError } from '../event/errors';
import type { Image, ItemKey } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { partitionName } from '../event/topic-partition';
import { SIGNAL_PREFIX } from '../event/position';
import {
  decodeSignal,
  isSignalKey,
  newSignal,
  type OperatorNote,
  type ReplaySignal,
  type Signal,
} from '../event/signal';
import { epochMsOfUuidV7 } from '../event/uuid';
import type { TableCounter } from './table-counts';

/** Overdue open items of one key. */
export interface Due {
  /** Position of the first item. */
  readonly from: string;
  /** Id of the item at `from`, if it has one. */
  readonly id?: string;
  /** Number of items that the scan showed. */
  readonly items: number;
  /** Epoch milliseconds at which the oldest item was committed; `undefined` if no item has a plausible time. */
  readonly since?: number;
}

/** An action that a key needs. `since`: start of the wait in epoch milliseconds; the oldest come first. */
export type Finding =
  /** Items that are overdue or whose time is unknown. They are a suspicion until a probe proves the loss. */
  | ({ readonly kind: 'due'; readonly pk: string } & Due)
  /** A hold that will not be released. */
  | { readonly kind: 'orphan'; readonly pk: string; readonly from: string; readonly since: number }
  /** A signal whose record was lost. */
  | { readonly kind: 'lost-signal'; readonly signal: Signal; readonly since?: number }
  /** A probe that its run forgot and the stream has dropped. */
  | (ItemKey & { readonly kind: 'stale-probe'; readonly since: number })
  /** A signal whose record was lost and that cannot be decoded. */
  | (ItemKey & { readonly kind: 'unreadable-signal'; readonly why: string; readonly since?: number });

/** An item or a signal that is overdue: the stream lost its record, or the relay is about to act on it. */
export type SuspectedLoss = Extract<Finding, { readonly kind: 'due' | 'lost-signal' }>;

/**
 * Whether the finding would prove a stream gap, unless the stream is about to show it. A lost replay would prove it
 * too, but no item waits for a replay.
 */
export const isSuspectedLoss = (finding: Finding): finding is SuspectedLoss =>
  finding.kind === 'due' || (finding.kind === 'lost-signal' && canProve(finding.signal));

/** A signal stored elsewhere shares a shard with other keys, where a probe may pass it if its key failed. */
const canProve = ({ kind, storedUnder }: Signal): boolean => kind !== 'replay' && storedUnder === undefined;

/** Epoch milliseconds. Items up to `overdueBefore` are overdue; `now` detects times in the future. */
export interface Times {
  readonly overdueBefore: number;
  readonly now: number;
}

/** Maximum lead of writers' clocks. */
const CLOCK_MARGIN_MS = 5 * 60_000;

/** No item was written before this: an earlier time was not meant as epoch milliseconds. */
const EARLIEST_MS = Date.UTC(2020, 0, 1);

/** Whether the hold was not written after `time`; its revision contains the time of the last write. */
export const isOlderThan = (hold: Hold, time: number): boolean => writtenAt(hold) <= time;

/** Epoch milliseconds of the last try of each topic partition, by name: each probe writes a hold for it. */
export type PartitionProbes = ReadonlyMap<string, number>;

export function partitionProbes(holds: Iterable<Hold>): PartitionProbes {
  const last = new Map<string, number>();
  for (const { name, holds: ofPartition } of unavailablePartitions(holds).values()) {
    last.set(name, Math.max(...ofPartition.map(writtenAt)));
  }
  return last;
}

const writtenAt = ({ revision }: Hold): number => epochMsOfUuidV7(revision) ?? 0;

/** Items at or after a hold that is not being drained wait for its release, not for their stream records. */
const covers = (hold: Hold | undefined, sk: string): boolean => hold?.state === 'holding' && sk >= hold.position;

/** State of a key whose items were not read to their end; a plain object that can be stored. */
export interface KeyState {
  readonly pk: string;
  readonly due?: Due;
  /** Position of the hold to which `headIsOpen` refers. */
  readonly head?: string;
  /** Whether the eventually consistent scan has shown the hold's item as open. */
  readonly headIsOpen: boolean;
  readonly drainWaits: boolean;
  readonly lost: readonly Finding[];
  /** Epoch milliseconds at which the oldest open item was committed that is behind no hold and not yet due. */
  readonly uncoveredSince?: number;
}

/** Limits the stored state: further signals of a key are left to the next scan. */
const LOST_KEPT = 5;

/** Evaluates one key by its items, which arrive in order and are not kept. Signals come last. */
export class KeyEvaluation {
  readonly pk: string;
  readonly #hold: Hold | undefined;
  readonly #times: Times;
  readonly #counter: TableCounter;
  readonly #lost: Finding[];
  readonly #state: { -readonly [Name in keyof KeyState]: KeyState[Name] };

  constructor(pk: string, hold: Hold | undefined, times: Times, counter: TableCounter, known?: KeyState) {
    const head = hold?.position;
    const headIsOpen = known?.headIsOpen === true && known.head === head;
    this.pk = pk;
    this.#hold = hold;
    this.#times = times;
    this.#counter = counter;
    this.#lost = [...(known?.lost ?? [])];
    this.#state = { drainWaits: false, ...known, pk, head, headIsOpen, lost: this.#lost };
  }

  /** The state with which another run can continue the key. */
  get state(): KeyState {
    return { ...this.#state, lost: this.#lost.slice(0, LOST_KEPT) };
  }

  add(image: Image): void {
    const sk = image['sk']?.S ?? '';
    if (isSignalKey(sk)) this.#addSignal(image, sk);
    else this.#addItem(image, sk);
  }

  #addItem(image: Image, sk: string): void {
    const { state, processedAt } = itemStateOf(image);
    const committedAt = this.#committedAt(image, sk);
    const waits = covers(this.#hold, sk);
    this.#counter.item(this.pk, state, { waits, committedAt, processedAt });
    if (!isOpen(state)) return;
    if (sk === this.#hold?.position) this.#state.headIsOpen = true;
    if (waits) return;
    if (committedAt !== undefined && committedAt > this.#times.overdueBefore) {
      this.#state.uncoveredSince = earlierOf(this.#state.uncoveredSince, committedAt);
      return;
    }
    const { due } = this.#state;
    this.#state.due = {
      from: due?.from ?? sk,
      id: due === undefined ? image['id']?.S : due.id,
      items: (due?.items ?? 0) + 1,
      since: earlierOf(due?.since, committedAt),
    };
  }

  /** By the writer's clock. If that time is implausible, by the position or the id, if they contain a time. */
  #committedAt(image: Image, sk: string): number | undefined {
    return (
      this.#plausible(Number(image['committedAt']?.N)) ??
      this.#plausible(epochMsOfUuidV7(sk)) ??
      this.#plausible(epochMsOfUuidV7(image['id']?.S ?? ''))
    );
  }

  #plausible(ms: number | undefined): number | undefined {
    return ms !== undefined && ms >= EARLIEST_MS && ms <= this.#times.now + CLOCK_MARGIN_MS ? ms : undefined;
  }

  #addSignal(image: Image, sk: string): void {
    const isUnprocessable = image['setAside'] !== undefined;
    this.#counter.signal(this.pk, { isUnprocessable });
    if (isUnprocessable) return;
    // Without a plausible time, as from a fast clock, the signal is suspected at once: a probe needs no age.
    const since = this.#plausible(epochMsOfUuidV7(sk.slice(SIGNAL_PREFIX.length)));
    const isLost = since === undefined || since <= this.#times.overdueBefore;
    try {
      const signal = decodeSignal(image);
      if (isStreamProbe(signal)) {
        if (since !== undefined && since + PROBE_LIFE_MS <= this.#times.now) {
          this.#lost.push({ kind: 'stale-probe', pk: this.pk, sk, since });
        }
      } else if (isLost) this.#lost.push({ kind: 'lost-signal', signal, since });
      else if (signal.kind !== 'replay') this.#state.drainWaits = true;
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      if (isLost) this.#lost.push({ kind: 'unreadable-signal', pk: this.pk, sk, why: error.message, since });
    }
  }

  /** Called after the last item. A pending drain or skip covers everything that waits in its key; a replay does not. */
  findings(probes: PartitionProbes): readonly Finding[] {
    const { drainWaits, due: overdue, headIsOpen } = this.#state;
    const ofSignals = this.#lost.filter((finding) => !drainWaits || !isSuspectedLoss(finding));
    if (drainWaits || this.#lost.some(isSuspectedLoss)) return ofSignals;
    const due: Finding[] = overdue === undefined ? [] : [{ kind: 'due', pk: this.pk, ...overdue }];
    const hold = this.#hold;
    if (hold === undefined) return [...ofSignals, ...due];
    // The hold was written just now, so a relay is working on it.
    if (!isOlderThan(hold, this.#times.overdueBefore)) return ofSignals;
    // These items precede the hold, so the relay publishes them without a release: it has not seen their records.
    if (hold.state === 'holding' && due.length > 0) return [...ofSignals, ...due];
    if (isHolding(hold, headIsOpen, probes, this.#times.overdueBefore)) return ofSignals;
    return [...ofSignals, orphanOf(hold, overdue)];
  }
}

export const earlierOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

/** Whether an operator, or the probe of its topic partition, will release the key. */
export const isHolding = (hold: Hold, headIsOpen: boolean, probes: PartitionProbes, overdueBefore: number): boolean =>
  hold.state === 'holding' &&
  headIsOpen &&
  (hold.awaits === undefined || (probes.get(partitionName(hold.awaits)) ?? 0) > overdueBefore);

/** The finding for a hold that will not be released, including due items before it. */
export function orphanOf(hold: Hold, due?: Due): Finding {
  const from = due !== undefined && due.from < hold.position ? due.from : hold.position;
  return { kind: 'orphan', pk: hold.pk, from, since: Math.min(writtenAt(hold), due?.since ?? Infinity) };
}

export const PROBE_REPLAY_ID = 'sweeper-probe';
/** Sorts after every position, so that nothing is replayed. */
const LAST_POSITION = 'ffffffff-ffff-7fff-bfff-ffffffffffff';

/** A stream keeps no record for longer, so an older probe never comes back. */
export const PROBE_LIFE_MS = 25 * 3_600_000;

/** A replay of nothing. Once the stream shows it, the relay settles all earlier records of the key and deletes it. */
export const newStreamProbe = (pk: string, now: number, request: OperatorNote): ReplaySignal =>
  newSignal(pk, now, { kind: 'replay', replayId: PROBE_REPLAY_ID, from: LAST_POSITION, request });

export const isStreamProbe = (signal: Signal): boolean =>
  signal.kind === 'replay' && signal.replayId === PROBE_REPLAY_ID;
