import type { AwaitedItem, Hold } from '../event/control';
import { goneMessage, isHeldItem, isRefused } from '../event/gone';
import { identityOf } from '../event/item';
import { isOpen } from '../event/item-state';
import { positionKey, FIRST_POSITION } from '../event/position';
import { newSignal, type DrainSignal, type OperatorNote, type SkipSignal } from '../event/signal';
import { isWhole, storedBatchItemOf, storedIdentity, streamAgeMs, type BatchItem } from './batch-item';
import { KeyFailure } from './key-failure';
import { isStored, type BatchSignal, type KeyTask } from './key-task';
import type { DrainOutcome, StoredItem } from './ports';
import { awaitedPredecessors } from './predecessors';
import type { PublishSession } from './publish-session';

interface DrainProgress {
  readonly outcome: DrainOutcome;
  readonly published: number;
  /** Position at which a later drain resumes, and the id of the item there. */
  readonly from: string;
  readonly id?: string;
}

/** Publishes everything open of a key from the table, in order, after the discards that its signals request. */
export class KeyDrain {
  readonly #session: PublishSession;

  constructor(session: PublishSession) {
    this.#session = session;
  }

  /** @param task - the signals contain no replay */
  async run({ pk, items, signals }: KeyTask): Promise<DrainOutcome> {
    const { control, partitions, ports } = this.#session.invocation;
    const { holds } = control;
    const known = holds.get(pk);
    // No signal asks to retry the parked item: only earlier items are published, and the hold is not changed.
    const behindHold = !signals.some(isStored) && known?.state === 'holding';
    let begun: Hold | undefined;
    if (!behindHold) {
      begun = await this.#discardSkipped(signals, known);
      // The hold leaves `control`: from here on the table decides which items wait.
      if (begun === known) begun = await ports.drains.begin(pk, known);
      holds.delete(pk);
    }
    const now = ports.clock.now();
    const starts = [
      ...signals.map(({ signal }) => startOf(signal as DrainSignal | SkipSignal)),
      ...items.map(({ sk }) => sk),
      ...(begun === undefined ? [] : [begun.position]),
    ];
    const progress = await this.#publishOpen(
      pk,
      starts.reduce((least, sk) => (sk < least ? sk : least)),
      Math.max(...[...signals, ...items].map((one) => streamAgeMs(one, now) ?? 0)),
      begun,
    );
    const { published } = progress;
    let { outcome } = progress;
    if (outcome === 'postponed') {
      outcome = await this.#postpone(pk, begun, progress, signals[0]?.signal.request);
    } else if (outcome === 'done' && !behindHold && (await ports.drains.finish(pk, begun)) === 'superseded') {
      outcome = 'failed';
    }
    // Applies also if the key has moved to another partition since, because partitions were added to the topic.
    if (known?.awaits !== undefined && outcome === 'done' && published > 0) partitions.acked(known.awaits);
    const stored = signals.filter(isStored).map(({ signal }) => signal);
    ports.telemetry.drained({ pk, outcome, published, signals: stored });
    return outcome;
  }

  /** Returns the current hold, which is `known` if nothing was discarded. */
  async #discardSkipped(signals: readonly BatchSignal[], known: Hold | undefined): Promise<Hold | undefined> {
    const { control, ports } = this.#session.invocation;
    let hold = known;
    for (const { signal } of signals) {
      if (signal.kind !== 'skip') continue;
      const discarded = await ports.drains.discard(signal, hold);
      if (discarded.kind === 'nothing') continue;
      hold = discarded.hold;
      control.tombstones.add(identityOf({ pk: signal.pk, sk: signal.position, id: signal.id }));
      ports.telemetry.discarded(signal);
    }
    return hold;
  }

  /**
   * Publishes from the earliest open item, page by page, to the key's end: only that proves that nothing waits.
   *
   * @param waitedMs - age of the oldest record that requested the drain
   */
  async #publishOpen(pk: string, start: string, waitedMs: number, begun: Hold | undefined): Promise<DrainProgress> {
    const { invocation } = this.#session;
    const { keys, items: store } = invocation.ports;
    const { holds } = invocation.control;
    const before = holds.get(pk);
    const from = (await keys.earliestOpen(pk, start)) ?? start;
    const present = new Set<string>();
    const awaited: AwaitedItem[] = begun === undefined ? [] : [begun, ...(begun.others ?? [])];
    let published = 0;
    for await (const page of keys.pages(pk, from)) {
      // Checked before later items are sent: the pages begin at or before the item that the key waits for.
      const last = page.at(-1)?.sk ?? '';
      const passed = awaited.splice(0, awaited.filter(({ position }) => position <= last).length);
      if (begun !== undefined && !(await this.#holdAtGone(begun, passed, page))) {
        return { outcome: 'failed', published, from };
      }
      const items = page.flatMap((stored, at) =>
        isOpen(stored.state) ? [storedBatchItemOf(stored, at, store.noteReceipts !== undefined)] : [],
      );
      if (await this.#mustWait(page, items, present)) return { outcome: 'failed', published, from };
      await this.#session.publish(items);
      await this.#session.marks.flush();
      // A writer's clock may be ahead, so the stream's age of the records that requested the drain counts too.
      await this.#session.holdBlocked(items, waitedMs);
      const hold = holds.get(pk);
      const isInterrupted = invocation.isBlocked(pk) || (invocation.stopped && (hold === undefined || hold === before));
      if (isInterrupted || items.some(({ state }) => state === 'failed')) {
        return { outcome: 'failed', published, from };
      }
      const next = items.find(({ state }) => state === 'open');
      published += items.filter(isWhole).length;
      if (next !== undefined) {
        const { id } = storedIdentity(next);
        return { outcome: published === 0 ? 'failed' : 'postponed', published, from: next.sk, id };
      }
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
  async #holdAtGone(begun: Hold, items: readonly AwaitedItem[], page: readonly StoredItem[]): Promise<boolean> {
    const { control, ports } = this.#session.invocation;
    for (const item of items) {
      if (!(await this.#isGone(begun, item, page))) continue;
      const kept = await ports.drains.keepForGone(begun, item, goneMessage(item));
      if (kept.kind === 'held') control.holds.set(begun.pk, kept.hold);
      return kept.kind === 'held';
    }
    return true;
  }

  /**
   * A published item stays in the table for the retention period, and a skipped item leaves a record or a tombstone. If
   * there is none of these, and the event is at no other position of the key, the item was deleted.
   */
  async #isGone(hold: Hold, item: AwaitedItem, page: readonly StoredItem[]): Promise<boolean> {
    const { invocation } = this.#session;
    const { pk, headSeen } = hold;
    const { position, id } = item;
    if (item === hold && !isRefused(hold)) return false;
    const stored = page.find(({ sk }) => sk === position);
    if (isHeldItem(item, stored) || headSeen === true) return false;
    const identity = identityOf({ pk, sk: position, id });
    if (invocation.control.tombstones.has(identity)) return false;
    if (invocation.memory.acknowledged.get(identity) !== undefined) return false;
    if (id === undefined) return true;
    // An operator may have moved it to another position. Only this case reads the whole key.
    const last = page.at(-1)?.sk ?? '';
    for await (const others of invocation.ports.keys.pages(pk, FIRST_POSITION)) {
      const at = others.find((other) => other.id === id)?.sk;
      if (at !== undefined) {
        // The item appeared after the page was read. If the drain continued, later items would overtake it.
        const isUnread = at >= position && at <= last && !page.some(({ sk }) => sk === at);
        if (at === position || isUnread) throw new KeyFailure(`The item "${id}" was restored a moment ago.`);
        return false;
      }
      if (!invocation.hasTimeForRound) throw new KeyFailure(`No time was left to search the key for the item "${id}".`);
    }
    return true;
  }

  /** Strict order also applies between the items of a drain: one may have become visible after the Query passed it. */
  async #mustWait(page: readonly StoredItem[], items: readonly BatchItem[], present: Set<string>): Promise<boolean> {
    const { options, ports } = this.#session.invocation;
    if (options.order !== 'strict') return false;
    for (const { pk, sk } of page) present.add(positionKey(pk, sk));
    const now = ports.clock.now();
    const awaited = await awaitedPredecessors(items, present, ports.keys, now, options.replicationWaitMs);
    for (const [item, predecessor] of awaited) {
      if (predecessor === 'missing') ports.telemetry.predecessorMissing(item);
    }
    return awaited.size > 0;
  }

  async #postpone(
    pk: string,
    hold: Hold | undefined,
    { from, id }: DrainProgress,
    request: OperatorNote | undefined,
  ): Promise<DrainOutcome> {
    const { control, ports } = this.#session.invocation;
    const now = ports.clock.now();
    const successor = newSignal(pk, now, {
      kind: 'drain',
      from,
      request: { by: request?.by ?? 'relay', at: now, why: request?.why ?? 'A drain ran out of time.' },
    });
    const postponed = await ports.drains.postpone(hold, successor, id);
    if (postponed.kind === 'superseded') return 'failed';
    control.holds.set(pk, postponed.hold);
    return 'postponed';
  }
}

const startOf = (signal: DrainSignal | SkipSignal): string => (signal.kind === 'drain' ? signal.from : signal.position);
