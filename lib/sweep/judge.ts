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

/** Whether nobody has written the hold since `before`: its revision carries the time of the last write. */
export const isOlderThan = (hold: Hold, before: number): boolean => writtenAt(hold) <= before;

export const writtenAt = ({ revision }: Hold): number => epochMsOfUuidV7(revision) ?? 0;

/** Items at or after a hold that is not being drained wait for an operator, and for nobody else. */
const covers = (hold: Hold | undefined, sk: string): boolean => hold?.state === 'holding' && sk >= hold.position;

/** Judges one key by its items, which come in order and are not kept. Its signals come last. */
export class KeyJudge {
  readonly pk: string;
  readonly #hold: Hold | undefined;
  readonly #before: number;
  readonly #count: Count;
  #due: { readonly from: string; readonly since: number } | undefined;
  #headIsOpen = false;
  #signalWaits = false;
  readonly #lost: Finding[] = [];
  /** When the oldest open item that is behind no hold was committed. */
  uncoveredSince: number | undefined;

  /** @param before - epoch milliseconds; what is older should have been done. */
  constructor(pk: string, hold: Hold | undefined, before: number, count: Count) {
    this.pk = pk;
    this.#hold = hold;
    this.#before = before;
    this.#count = count;
  }

  take(image: Image): void {
    const sk = image['sk']?.S ?? '';
    if (isSignalKey(sk)) this.#takeSignal(image, sk);
    else this.#takeItem(image, sk);
  }

  #takeItem(image: Image, sk: string): void {
    const { state, processedAt } = itemStateOf(image);
    // Whoever left the time out wrote no outbox item: it is as old as can be.
    const committedAt = Number(image['committedAt']?.N ?? 0);
    const waits = covers(this.#hold, sk);
    this.#count.item(state, { waits, committedAt, processedAt });
    if (!isOpen(state)) return;
    if (sk === this.#hold?.position) this.#headIsOpen = true;
    if (waits) return;
    this.uncoveredSince = Math.min(this.uncoveredSince ?? Infinity, committedAt);
    if (committedAt > this.#before) return;
    this.#due = { from: this.#due?.from ?? sk, since: Math.min(this.#due?.since ?? Infinity, committedAt) };
  }

  #takeSignal(image: Image, sk: string): void {
    const isSetAside = image['setAside'] !== undefined;
    this.#count.signal({ isSetAside });
    if (isSetAside) return;
    const since = epochMsOfUuidV7(sk.slice(SIGNAL_PREFIX.length)) ?? 0;
    if (since > this.#before) {
      this.#signalWaits = true;
      return;
    }
    try {
      this.#lost.push({ kind: 'lost-signal', signal: decodeSignal(image), since });
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      this.#lost.push({ kind: 'unreadable-signal', pk: this.pk, sk, why: error.message, since });
    }
  }

  /** After the last item. A signal drains its key, whatever it is: one is enough. */
  findings(): readonly Finding[] {
    if (this.#signalWaits) return [];
    if (this.#lost.some(({ kind }) => kind === 'lost-signal')) return this.#lost;
    return [...this.#lost, ...this.#drain()];
  }

  #drain(): Finding[] {
    const hold = this.#hold;
    if (hold === undefined) return this.#due === undefined ? [] : [{ kind: 'due', pk: this.pk, ...this.#due }];
    // Written just now: whoever did it is at work.
    if (!isOlderThan(hold, this.#before)) return [];
    // Before the hold, which the relay publishes in passing: it has not seen the record.
    if (hold.state === 'holding' && this.#due !== undefined) return [{ kind: 'due', pk: this.pk, ...this.#due }];
    if (hold.state === 'holding' && this.#headIsOpen) return [];
    const from = this.#due !== undefined && this.#due.from < hold.position ? this.#due.from : hold.position;
    return [{ kind: 'orphan', pk: this.pk, from, since: Math.min(writtenAt(hold), this.#due?.since ?? Infinity) }];
  }
}
