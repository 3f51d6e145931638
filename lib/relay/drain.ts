import type { AwaitedItem, Hold } from '../event/control';
import { FIRST_POSITION, goneMessage, isHeldItem, isRefused } from '../event/gone';
import { identityOf, type Image } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { newSignal, type DrainSignal, type Request, type SkipSignal } from '../event/signal';
import type { Delivery } from './delivery';
import { storedEntryOf, storedIdentity, type Entry } from './entry';
import { KeyFailure } from './key-failure';
import type { KeyWork, SignalEntry } from './key-work';
import type { RelayOptions } from './options';
import type { DrainOutcome, RelayPorts } from './ports';
import { ageSinceCommitMs, awaitedPredecessors } from './predecessors';
import { replay } from './replay';

/**
 * Does what a key needs beyond its records: discards, drains, replays, in this order, and settles its entries and
 * signals when that is durable. A second run, a run that ends half way and a run beside another one are all harmless:
 * the hold's revision tells who came later, and what is published twice is a duplicate.
 */
export class KeyWorker {
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  readonly #delivery: Delivery;
  readonly #ageMs: (index: number) => number | undefined;

  /** @param ageMs - how long ago the record at a place of the batch was put, if the stream says so */
  constructor(
    ports: RelayPorts,
    options: RelayOptions,
    delivery: Delivery,
    ageMs: (index: number) => number | undefined,
  ) {
    this.#ageMs = ageMs;
    this.#ports = ports;
    this.#options = options;
    this.#delivery = delivery;
  }

  /**
   * Never rejects: what fails leaves its entries open, so that they are delivered again. A failure of this key alone
   * leaves the other keys to go on.
   */
  async run(work: KeyWork): Promise<void> {
    try {
      await this.#run(work);
    } catch (cause) {
      this.#delivery.fail(work.pk, { message: `The drain of "${work.pk}" was interrupted.`, cause });
    }
  }

  async #run({ pk, entries, signals }: KeyWork): Promise<void> {
    const asking = signals.filter(({ signal }) => signal.kind !== 'replay');
    if (asking.length > 0 || entries.length > 0) {
      const outcome = await this.#drain(pk, entries, asking);
      if (outcome === 'failed') return;
      await this.#ports.signals.remove(asking.filter(isStored).map(({ signal }) => signal));
      for (const entry of entries) entry.state = 'settled';
      for (const entry of asking) entry.state = 'settled';
    }
    for (const entry of signals) await this.#replay(entry);
  }

  async #drain(pk: string, entries: readonly Entry[], asking: readonly SignalEntry[]): Promise<DrainOutcome> {
    const { drains, telemetry } = this.#ports;
    const { holds } = this.#delivery.control;
    const known = holds.get(pk);
    // Nobody asked to retry what is parked: only what precedes it goes, and the hold is not touched.
    const behindHold = !asking.some(isStored) && known?.state === 'holding';
    let hold: Hold | undefined = known;
    if (!behindHold) {
      hold = await this.#discardSkipped(asking, known);
      // Known again: what the hold keeps waiting is decided by the table from here on.
      if (hold === known) hold = await drains.begin(pk, known);
      holds.delete(pk);
    }
    const starts = [
      ...asking.map(({ signal }) => startOf(signal as DrainSignal | SkipSignal)),
      ...entries.map(({ sk }) => sk),
    ];
    if (!behindHold && hold !== undefined) starts.push(hold.position);
    const progress = await this.#publishOpen(
      pk,
      starts.reduce((least, sk) => (sk < least ? sk : least)),
      Math.max(...[...asking, ...entries].map(({ index }) => this.#ageMs(index) ?? 0)),
      behindHold ? undefined : hold,
    );
    let outcome = progress.outcome;
    if (outcome === 'postponed') {
      outcome = await this.#postpone(pk, behindHold ? undefined : hold, progress, requestOf(asking));
    } else if (outcome === 'done' && !behindHold && (await drains.finish(pk, hold)) === 'superseded') {
      outcome = 'failed';
    }
    // Also when the key has moved to another partition since, because the topic got more of them.
    if (known?.awaits !== undefined && outcome === 'done' && progress.published > 0) {
      this.#delivery.partitions.acked(known.awaits);
    }
    telemetry.drained({
      pk,
      outcome,
      published: progress.published,
      signals: asking.filter(isStored).map(({ signal }) => signal),
    });
    return outcome;
  }

  /** Answers the hold as it is now: the one known when nothing was discarded. */
  async #discardSkipped(asking: readonly SignalEntry[], known: Hold | undefined): Promise<Hold | undefined> {
    const { drains, telemetry } = this.#ports;
    let hold = known;
    for (const { signal } of asking) {
      if (signal.kind !== 'skip') continue;
      const discarded = await drains.discard(signal, hold);
      if (discarded.kind === 'nothing') continue;
      hold = discarded.hold;
      this.#delivery.control.tombstones.add(identityOf({ pk: signal.pk, sk: signal.position, id: signal.id }));
      telemetry.discarded(signal);
    }
    return hold;
  }

  /** From the earliest open item on, page by page, until the key is exhausted: only that proves that nothing waits. */
  async #publishOpen(pk: string, start: string, waitedMs: number, begun: Hold | undefined): Promise<DrainProgress> {
    const { keys, items } = this.#ports;
    const { holds } = this.#delivery.control;
    const before = holds.get(pk);
    const from = (await keys.earliestOpen(pk, start)) ?? start;
    const present = new Set<string>();
    let published = 0;
    const awaited: AwaitedItem[] = begun === undefined ? [] : [begun, ...(begun.others ?? [])];
    for await (const page of keys.pages(pk, from)) {
      // Before anything behind them goes: the pages begin at or before the item that the key waits for.
      const last = page.at(-1)?.['sk']?.S ?? '';
      const passed = awaited.splice(0, awaited.filter(({ position }) => position <= last).length);
      if (begun !== undefined && !(await this.#holdAtGone(begun, passed, page))) {
        return { outcome: 'failed', published, from };
      }
      const entries = page.flatMap((image, at) =>
        isOpen(itemStateOf(image).state) ? [storedEntryOf(image, at, items.noteReceipts !== undefined)] : [],
      );
      if (await this.#mustWait(page, entries, present)) return { outcome: 'failed', published, from };
      await this.#delivery.deliver(entries);
      await this.#delivery.marksWritten();
      const now = this.#ports.clock.now();
      // The clock of a writer may be ahead: the records that asked for the drain are as old as the stream says.
      await this.#delivery.holdBlocked(entries, (entry) => Math.max(waitedMs, ageSinceCommitMs(entry, now)));
      const isHeldNow = holds.get(pk) !== undefined && holds.get(pk) !== before;
      const isInterrupted = this.#delivery.hasFailed(pk) || (this.#delivery.stopped && !isHeldNow);
      if (isInterrupted || entries.some(({ state }) => state === 'failed')) {
        return { outcome: 'failed', published, from };
      }
      const next = entries.find(({ state }) => state === 'open');
      published += entries.filter(isPublished).length;
      if (next !== undefined) {
        const { id } = storedIdentity(next);
        return { outcome: published === 0 ? 'failed' : 'postponed', published, from: next.sk, id };
      }
      const hold = holds.get(pk);
      if (hold !== undefined && (hold !== before || last >= hold.position)) {
        return { outcome: hold === before ? 'done' : 'held', published, from };
      }
    }
    if (begun !== undefined) {
      if (!(await this.#holdAtGone(begun, awaited, []))) return { outcome: 'failed', published, from };
      if (holds.get(pk) !== before) return { outcome: 'held', published, from };
    }
    return { outcome: 'done', published, from };
  }

  /**
   * Holds the key at the first of these items that is gone. Answers `false` when another relay has begun since.
   *
   * @param page - what was read around their positions
   */
  async #holdAtGone(begun: Hold, items: readonly AwaitedItem[], page: readonly Image[]): Promise<boolean> {
    for (const item of items) {
      if (!(await this.#isGone(begun, item, page))) continue;
      const kept = await this.#ports.drains.keepForGone(begun, item, goneMessage(item));
      if (kept.kind === 'held') this.#delivery.control.holds.set(begun.pk, kept.hold);
      return kept.kind === 'held';
    }
    return true;
  }

  /**
   * An item that was published stays in the table for the time of retention, and one that was skipped leaves a record or
   * a tombstone. If there is none of these, and its event is at no other position of the key either, it was deleted.
   */
  async #isGone(hold: Hold, item: AwaitedItem, page: readonly Image[]): Promise<boolean> {
    const { pk, headSeen } = hold;
    const { position, id } = item;
    if (item === hold && !isRefused(hold)) return false;
    const stored = page.find((image) => image['sk']?.S === position);
    if (isHeldItem(item, stored) || headSeen === true) return false;
    const identity = identityOf({ pk, sk: position, id });
    if (this.#delivery.control.tombstones.has(identity) || this.#delivery.isAcknowledged(identity)) return false;
    if (id === undefined) return true;
    // An operator may have put it under another position. The whole key is read for this case alone.
    const last = page.at(-1)?.['sk']?.S ?? '';
    for await (const images of this.#ports.keys.pages(pk, FIRST_POSITION)) {
      const at = images.find((image) => image['id']?.S === id)?.['sk']?.S;
      if (at !== undefined) {
        // It came after the page was read, without which later items would overtake it.
        const isUnread = at >= position && at <= last && !page.some((image) => image['sk']?.S === at);
        if (at === position || isUnread) throw new KeyFailure(`The item "${id}" was put back a moment ago.`);
        return false;
      }
      if (!this.#delivery.mayGoOn) throw new KeyFailure(`There was no time left to look for the item "${id}".`);
    }
    return true;
  }

  /** With strict order, also between the items of a drain: one may have appeared behind the Query's back. */
  async #mustWait(page: readonly Image[], entries: readonly Entry[], present: Set<string>): Promise<boolean> {
    if (this.#options.order !== 'strict') return false;
    for (const image of page) present.add(`${image['pk']?.S ?? ''}\n${image['sk']?.S ?? ''}`);
    const now = this.#ports.clock.now();
    const ageMs = (entry: Entry): number => ageSinceCommitMs(entry, now);
    const awaited = await awaitedPredecessors(
      entries,
      present,
      this.#ports.keys,
      ageMs,
      this.#options.replicationWaitMs,
    );
    for (const [entry, predecessor] of awaited) {
      if (predecessor === 'missing') this.#ports.telemetry.predecessorMissing(entry);
    }
    return awaited.size > 0;
  }

  async #postpone(
    pk: string,
    hold: Hold | undefined,
    { from, id }: DrainProgress,
    request: Request | undefined,
  ): Promise<DrainOutcome> {
    const { clock, drains } = this.#ports;
    const now = clock.now();
    const successor = newSignal(pk, now, {
      kind: 'drain',
      from,
      request: { by: request?.by ?? 'relay', at: now, why: request?.why ?? 'A drain ran out of time.' },
    });
    const postponed = await drains.postpone(hold, successor, id);
    if (postponed.kind === 'superseded') return 'failed';
    this.#delivery.control.holds.set(pk, postponed.hold);
    return 'postponed';
  }

  async #replay(entry: SignalEntry): Promise<void> {
    const { signal } = entry;
    if (signal.kind !== 'replay' || this.#delivery.stopped) return;
    const { signals, telemetry } = this.#ports;
    // Its record may outlive it: the sweeper has put another in its place, or it was acted on. Unlike a drain, a replay
    // would publish once more. And the table knows how far it is.
    const current = await signals.find(signal);
    if (current?.kind !== 'replay') {
      entry.state = 'settled';
      return;
    }
    const outcome = await replay(current, this.#delivery, this.#ports, this.#options, this.#ageMs(entry.index) ?? 0);
    switch (outcome.kind) {
      case 'failed':
        return;
      case 'refused':
        await signals.setAside(signal, outcome.why);
        telemetry.signalSetAside(signal, outcome.why);
        break;
      case 'superseded':
        break;
      case 'rest':
        await signals.succeed(signal, outcome.signal);
        break;
      case 'done':
        await signals.remove([signal]);
    }
    entry.state = 'settled';
  }
}

interface DrainProgress {
  readonly outcome: DrainOutcome;
  readonly published: number;
  /** Where a later drain goes on, and the id of the item there. */
  readonly from: string;
  readonly id?: string;
}

const isStored = ({ isUnseen }: SignalEntry): boolean => isUnseen !== true;

const isPublished = ({ content }: Entry): boolean =>
  content.kind === 'item' && content.receipts.length === content.messages.length;

const startOf = (signal: DrainSignal | SkipSignal): string => (signal.kind === 'drain' ? signal.from : signal.position);

const requestOf = ([first]: readonly SignalEntry[]): Request | undefined => first?.signal.request;
