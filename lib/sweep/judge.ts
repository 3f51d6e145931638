import type { Hold } from '../event/control';
import { OutboxError } from '../event/errors';
import type { Image } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { SIGNAL_PREFIX } from '../event/position';
import { decodeSignal, isSignalKey, type Signal } from '../event/signal';
import { epochMsOfUuidV7 } from '../event/uuid';
import type { Count } from './census';

/** What a key needs. `since`: what it is about waits that long (epoch milliseconds); the oldest come first. */
export type Finding =
  /** Items that should have been published long ago. */
  | { readonly kind: 'due'; readonly pk: string; readonly from: string; readonly since: number }
  /** A hold that nobody is going to release. */
  | { readonly kind: 'orphan'; readonly pk: string; readonly from: string; readonly since: number }
  /** A signal whose record was lost. */
  | { readonly kind: 'lost-signal'; readonly signal: Signal; readonly since: number }
  /** A signal whose record was lost and that nobody could act on. */
  | {
      readonly kind: 'unreadable-signal';
      readonly pk: string;
      readonly sk: string;
      readonly why: string;
      readonly since: number;
    };

/**
 * Whether it proves that the stream has lost something. A replay proves it as well, but nothing waits for it.
 */
export const provesLoss = (finding: Finding): boolean =>
  finding.kind === 'due' || (finding.kind === 'lost-signal' && finding.signal.kind !== 'replay');

/** What is as old or older should have been done; `now` for what claims to come from the future. Epoch milliseconds. */
export interface Times {
  readonly before: number;
  readonly now: number;
}

/** How far the clocks of writers may be ahead. */
const CLOCK_MARGIN_MS = 5 * 60_000;

/** Whether nobody has written the hold since `before`: its revision carries the time of the last write. */
export const isOlderThan = (hold: Hold, before: number): boolean => writtenAt(hold) <= before;

const writtenAt = ({ revision }: Hold): number => epochMsOfUuidV7(revision) ?? 0;

/** Items at or after a hold that is not being drained wait for an operator, and for nobody else. */
const covers = (hold: Hold | undefined, sk: string): boolean => hold?.state === 'holding' && sk >= hold.position;

/** Judges one key by its items, which come in order and are not kept. Its signals come last. */
export class KeyJudge {
  readonly pk: string;
  readonly #hold: Hold | undefined;
  readonly #times: Times;
  readonly #count: Count;
  #due: { readonly from: string; readonly since: number } | undefined;
  #headIsOpen = false;
  #drainWaits = false;
  readonly #lost: Finding[] = [];
  /** When the oldest open item that is behind no hold was committed. */
  uncoveredSince: number | undefined;

  constructor(pk: string, hold: Hold | undefined, times: Times, count: Count) {
    this.pk = pk;
    this.#hold = hold;
    this.#times = times;
    this.#count = count;
  }

  take(image: Image): void {
    const sk = image['sk']?.S ?? '';
    if (isSignalKey(sk)) this.#takeSignal(image, sk);
    else this.#takeItem(image, sk);
  }

  #takeItem(image: Image, sk: string): void {
    const { state, processedAt } = itemStateOf(image);
    const committedAt = this.#committedAt(image);
    const waits = covers(this.#hold, sk);
    this.#count.item(this.pk, state, { waits, committedAt, processedAt });
    if (!isOpen(state)) return;
    if (sk === this.#hold?.position) this.#headIsOpen = true;
    if (waits) return;
    this.uncoveredSince = Math.min(this.uncoveredSince ?? Infinity, committedAt);
    if (committedAt > this.#times.before) return;
    this.#due = { from: this.#due?.from ?? sk, since: Math.min(this.#due?.since ?? Infinity, committedAt) };
  }

  #committedAt(image: Image): number {
    return this.#credible(Number(image['committedAt']?.N ?? 0));
  }

  /** Whoever left the time out, or gave one of the future, did not mean it: it is as old as can be. */
  #credible(ms: number): number {
    return ms <= this.#times.now + CLOCK_MARGIN_MS ? ms : 0;
  }

  #takeSignal(image: Image, sk: string): void {
    const isSetAside = image['setAside'] !== undefined;
    this.#count.signal(this.pk, { isSetAside });
    if (isSetAside) return;
    const since = this.#credible(epochMsOfUuidV7(sk.slice(SIGNAL_PREFIX.length)) ?? 0);
    const isLost = since <= this.#times.before;
    try {
      const signal = decodeSignal(image);
      if (isLost) this.#lost.push({ kind: 'lost-signal', signal, since });
      else if (signal.kind !== 'replay') this.#drainWaits = true;
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      if (isLost) this.#lost.push({ kind: 'unreadable-signal', pk: this.pk, sk, why: error.message, since });
    }
  }

  /** After the last item. A drain or a skip is enough for its key, whatever waits; a replay does nothing for it. */
  findings(): readonly Finding[] {
    if (this.#drainWaits) return this.#lost.filter((finding) => !provesLoss(finding));
    return this.#lost.some(provesLoss) ? this.#lost : [...this.#lost, ...this.#drain()];
  }

  #drain(): Finding[] {
    const hold = this.#hold;
    if (hold === undefined) return this.#due === undefined ? [] : [{ kind: 'due', pk: this.pk, ...this.#due }];
    // Written just now: whoever did it is at work.
    if (!isOlderThan(hold, this.#times.before)) return [];
    // Before the hold, which the relay publishes in passing: it has not seen the record.
    if (hold.state === 'holding' && this.#due !== undefined) return [{ kind: 'due', pk: this.pk, ...this.#due }];
    if (hold.state === 'holding' && this.#headIsOpen) return [];
    return [orphanOf(hold, this.#due)];
  }
}

/** A hold of which nobody will release the key, with what is due before it. */
export function orphanOf(hold: Hold, due?: { readonly from: string; readonly since: number }): Finding {
  const from = due !== undefined && due.from < hold.position ? due.from : hold.position;
  return { kind: 'orphan', pk: hold.pk, from, since: Math.min(writtenAt(hold), due?.since ?? Infinity) };
}
