import type { AwaitedItem, Hold } from '../event/control';
import { FIRST_POSITION, goneMessage, isHeldItem, isRefused } from '../event/gone';
import { identityOf, type Image } from '../event/item';
import { isOpen, itemStateOf } from '../event/item-state';
import { newSignal, type DrainSignal, type OperatorNote, type SkipSignal } from '../event/signal';
import type { PublishSession } from './publish-session';
import { storedBatchItemOf, storedIdentity, type BatchItem } from './batch-item';
import { KeyFailure } from './key-failure';
import type { KeyTask, BatchSignal } from './key-task';
import type { RelayOptions } from './options';
import type { DrainOutcome, RelayPorts } from './ports';
import { ageSinceCommitMs, awaitedPredecessors } from './predecessors';
import { replay } from './replay';

/**
 * Performs the discards, drains and replays of a key, in this order, and settles its entries and signals when the
 * result is durable. A second run, an interrupted run and a concurrent run are harmless: the hold's revision shows
 * which run came later, and a repeated publish is only a duplicate.
 */
export class KeyWorker {
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  readonly #session: PublishSession;
  readonly #ageMs: (index: number) => number | undefined;

  /** @param ageMs - age of the record at an index of the batch, if the stream states it */
  constructor(
    ports: RelayPorts,
    options: RelayOptions,
    session: PublishSession,
    ageMs: (index: number) => number | undefined,
  ) {
    this.#ageMs = ageMs;
    this.#ports = ports;
    this.#options = options;
    this.#session = session;
  }

  /**
   * Never rejects. If a step fails, the entries of the key stay open and are delivered again. A failure of this key
   * alone does not affect the other keys.
   */
  async run(work: KeyTask): Promise<void> {
    try {
      await this.#run(work);
    } catch (cause) {
      this.#session.fail(work.pk, { message: `The drain of "${work.pk}" was interrupted.`, cause });
    }
  }

  async #run({ pk, entries, signals }: KeyTask): Promise<void> {
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

  async #drain(pk: string, entries: readonly BatchItem[], asking: readonly BatchSignal[]): Promise<DrainOutcome> {
    const { drains, telemetry } = this.#ports;
    const { holds } = this.#session.control;
    const known = holds.get(pk);
    // No signal asks to retry the parked item: only earlier items are published, and the hold is not changed.
    const behindHold = !asking.some(isStored) && known?.state === 'holding';
    let hold: Hold | undefined = known;
    if (!behindHold) {
      hold = await this.#discardSkipped(asking, known);
      // The hold leaves `control`: from here on the table decides which items wait.
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
    // Applies also if the key has moved to another partition since, because partitions were added to the topic.
    if (known?.awaits !== undefined && outcome === 'done' && progress.published > 0) {
      this.#session.partitions.acked(known.awaits);
    }
    telemetry.drained({
      pk,
      outcome,
      published: progress.published,
      signals: asking.filter(isStored).map(({ signal }) => signal),
    });
    return outcome;
  }

  /** Returns the current hold, which is `known` if nothing was discarded. */
  async #discardSkipped(asking: readonly BatchSignal[], known: Hold | undefined): Promise<Hold | undefined> {
    const { drains, telemetry } = this.#ports;
    let hold = known;
    for (const { signal } of asking) {
      if (signal.kind !== 'skip') continue;
      const discarded = await drains.discard(signal, hold);
      if (discarded.kind === 'nothing') continue;
      hold = discarded.hold;
      this.#session.control.tombstones.add(identityOf({ pk: signal.pk, sk: signal.position, id: signal.id }));
      telemetry.discarded(signal);
    }
    return hold;
  }

  /** Publishes from the earliest open item, page by page, to the key's end: only that proves that nothing waits. */
  async #publishOpen(pk: string, start: string, waitedMs: number, begun: Hold | undefined): Promise<DrainProgress> {
    const { keys, items } = this.#ports;
    const { holds } = this.#session.control;
    const before = holds.get(pk);
    const from = (await keys.earliestOpen(pk, start)) ?? start;
    const present = new Set<string>();
    let published = 0;
    const awaited: AwaitedItem[] = begun === undefined ? [] : [begun, ...(begun.others ?? [])];
    for await (const page of keys.pages(pk, from)) {
      // Checked before later items are sent: the pages begin at or before the item that the key waits for.
      const last = page.at(-1)?.['sk']?.S ?? '';
      const passed = awaited.splice(0, awaited.filter(({ position }) => position <= last).length);
      if (begun !== undefined && !(await this.#holdAtGone(begun, passed, page))) {
        return { outcome: 'failed', published, from };
      }
      const entries = page.flatMap((image, at) =>
        isOpen(itemStateOf(image).state) ? [storedBatchItemOf(image, at, items.noteReceipts !== undefined)] : [],
      );
      if (await this.#mustWait(page, entries, present)) return { outcome: 'failed', published, from };
      await this.#session.deliver(entries);
      await this.#session.marksWritten();
      const now = this.#ports.clock.now();
      // A writer's clock may be ahead, so the stream's age of the records that requested the drain counts too.
      await this.#session.holdBlocked(entries, (entry) => Math.max(waitedMs, ageSinceCommitMs(entry, now)));
      const isHeldNow = holds.get(pk) !== undefined && holds.get(pk) !== before;
      const isInterrupted = this.#session.hasFailed(pk) || (this.#session.stopped && !isHeldNow);
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
   * Holds the key at the first of these items that is gone. Returns `false` if another relay has begun since.
   *
   * @param page - the items that were read around their positions
   */
  async #holdAtGone(begun: Hold, items: readonly AwaitedItem[], page: readonly Image[]): Promise<boolean> {
    for (const item of items) {
      if (!(await this.#isGone(begun, item, page))) continue;
      const kept = await this.#ports.drains.keepForGone(begun, item, goneMessage(item));
      if (kept.kind === 'held') this.#session.control.holds.set(begun.pk, kept.hold);
      return kept.kind === 'held';
    }
    return true;
  }

  /**
   * A published item stays in the table for the retention period, and a skipped item leaves a record or a tombstone. If
   * there is none of these, and the event is at no other position of the key, the item was deleted.
   */
  async #isGone(hold: Hold, item: AwaitedItem, page: readonly Image[]): Promise<boolean> {
    const { pk, headSeen } = hold;
    const { position, id } = item;
    if (item === hold && !isRefused(hold)) return false;
    const stored = page.find((image) => image['sk']?.S === position);
    if (isHeldItem(item, stored) || headSeen === true) return false;
    const identity = identityOf({ pk, sk: position, id });
    if (this.#session.control.tombstones.has(identity) || this.#session.isAcknowledged(identity)) return false;
    if (id === undefined) return true;
    // An operator may have moved it to another position. Only this case reads the whole key.
    const last = page.at(-1)?.['sk']?.S ?? '';
    for await (const images of this.#ports.keys.pages(pk, FIRST_POSITION)) {
      const at = images.find((image) => image['id']?.S === id)?.['sk']?.S;
      if (at !== undefined) {
        // The item appeared after the page was read. If the drain continued, later items would overtake it.
        const isUnread = at >= position && at <= last && !page.some((image) => image['sk']?.S === at);
        if (at === position || isUnread) throw new KeyFailure(`The item "${id}" was put back a moment ago.`);
        return false;
      }
      if (!this.#session.mayGoOn) throw new KeyFailure(`There was no time left to look for the item "${id}".`);
    }
    return true;
  }

  /** Strict order also applies between the items of a drain: one may have become visible after the Query passed it. */
  async #mustWait(page: readonly Image[], entries: readonly BatchItem[], present: Set<string>): Promise<boolean> {
    if (this.#options.order !== 'strict') return false;
    for (const image of page) present.add(`${image['pk']?.S ?? ''}\n${image['sk']?.S ?? ''}`);
    const now = this.#ports.clock.now();
    const ageMs = (entry: BatchItem): number => ageSinceCommitMs(entry, now);
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
    request: OperatorNote | undefined,
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
    this.#session.control.holds.set(pk, postponed.hold);
    return 'postponed';
  }

  async #replay(entry: BatchSignal): Promise<void> {
    const { signal } = entry;
    if (signal.kind !== 'replay' || this.#session.stopped) return;
    const { signals, telemetry } = this.#ports;
    // A record may outlive its signal, because the sweeper replaced the signal or a relay acted on it. Unlike a drain,
    // a replay would then publish once more. The table also knows how far the replay got.
    const current = await signals.find(signal);
    if (current?.kind !== 'replay') {
      entry.state = 'settled';
      return;
    }
    const outcome = await replay(current, this.#session, this.#ports, this.#options, this.#ageMs(entry.index) ?? 0);
    switch (outcome.kind) {
      case 'failed':
        return;
      case 'refused':
        await signals.setAside(signal, outcome.why);
        telemetry.signalUnprocessable(signal, outcome.why);
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
  /** Position at which a later drain resumes, and the id of the item there. */
  readonly from: string;
  readonly id?: string;
}

const isStored = ({ isUnseen }: BatchSignal): boolean => isUnseen !== true;

const isPublished = ({ content }: BatchItem): boolean =>
  content.kind === 'item' && content.receipts.length === content.messages.length;

const startOf = (signal: DrainSignal | SkipSignal): string => (signal.kind === 'drain' ? signal.from : signal.position);

const requestOf = ([first]: readonly BatchSignal[]): OperatorNote | undefined => first?.signal.request;
