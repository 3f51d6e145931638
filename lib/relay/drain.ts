import { type AwaitedItem, type Hold, goneMessage, isHeldItem, isRefused } from '../event/control';
import { identityOf, type ItemRef } from '../event/item';
import { isOpen } from '../event/item-state';
import { positionKey, FIRST_POSITION } from '../event/position';
import { newSignal, type Signal } from '../event/signal';
import { isStored, isWhole, itemRef, storedBatchItemOf, streamAgeMs, type BatchItem, type KeyTask } from './batch-item';
import type { Invocation } from './invocation';
import { KeyFailure } from './key-failure';
import type { DrainOutcome, StoredItem } from './ports';
import { awaitedPredecessors } from './predecessors';
import type { PublishSession } from './publish-session';

/** Publishes everything open of one key from the table, in order, after the discards that its signals request. */
export class DrainRun {
  readonly #session: PublishSession;
  readonly #invocation: Invocation;
  readonly #task: KeyTask;
  readonly #known: Hold | undefined;
  /** No signal asks to retry the parked item: only earlier items are published, and the hold is not changed. */
  readonly #isBehindHold: boolean;
  /** The hold of the key that this drain has set to `draining`. */
  #begun: Hold | undefined;
  /**
   * Whether an earlier drain of the same hold has published the head. On a table that keeps no published items, it may
   * have published later ones too.
   */
  #hasPassedHead = false;
  /** Items that the key waits for by that hold, and that the pages so far have not passed. */
  #awaited: AwaitedItem[] = [];
  /** Positions that the pages so far have shown, by `positionKey`. */
  readonly #present = new Set<string>();
  #published = 0;
  /** Set if this drain is postponed: the first item that a later one must publish. */
  #rest: ItemRef | undefined;

  /** @param task - the signals contain no replay */
  constructor(session: PublishSession, task: KeyTask) {
    this.#session = session;
    this.#invocation = session.invocation;
    this.#task = task;
    this.#known = this.#invocation.control.holds.get(task.pk);
    this.#isBehindHold = !task.signals.some(isStored) && this.#known?.state === 'holding';
  }

  async run(): Promise<DrainOutcome> {
    const { partitions, ports } = this.#invocation;
    const { pk, signals } = this.#task;
    if (!this.#isBehindHold) await this.#begin();
    let outcome = await this.#publishOpen();
    if (this.#rest !== undefined) outcome = await this.#postpone(this.#rest);
    else if (outcome === 'done' && !this.#isBehindHold) {
      if ((await ports.drains.finish(pk, this.#begun)) === 'superseded') outcome = 'failed';
    }
    const published = this.#published;
    // Applies also if the key has moved to another partition since, because partitions were added to the topic.
    const awaits = this.#known?.awaits;
    if (awaits !== undefined && outcome === 'done' && published > 0) partitions.acked(awaits);
    const stored = signals.filter(isStored).map(({ signal }) => signal);
    ports.telemetry.drained({ pk, outcome, published, signals: stored });
    return outcome;
  }

  /** Discards what the signals request, and sets the hold to `draining`. */
  async #begin(): Promise<void> {
    const { control, ports } = this.#invocation;
    const { pk, signals } = this.#task;
    let hold = this.#known;
    for (const { signal } of signals) {
      if (signal.kind !== 'skip') continue;
      const discarded = await ports.drains.discard(signal, hold);
      if (discarded.kind === 'nothing') continue;
      hold = discarded.hold;
      control.tombstones.add(identityOf({ pk: signal.pk, sk: signal.position, id: signal.id }));
      ports.telemetry.discarded(signal);
    }
    this.#begun = hold === this.#known ? await ports.drains.begin(pk, hold) : hold;
    if (this.#begun !== undefined) this.#awaited = [this.#begun, ...(this.#begun.others ?? [])];
    // The hold leaves `control`: from here on the table decides which items wait.
    control.holds.delete(pk);
  }

  /** Publishes from the earliest open item, page by page, to the key's end: only that proves that nothing waits. */
  async #publishOpen(): Promise<DrainOutcome> {
    const invocation = this.#invocation;
    const { clock, keys, items: store } = invocation.ports;
    const { holds } = invocation.control;
    const { pk, items: requested, signals } = this.#task;
    const now = clock.now();
    // A writer's clock may be ahead, so the stream's age of the records that requested the drain counts too.
    const waitedMs = Math.max(...[...signals, ...requested].map((record) => streamAgeMs(record, now) ?? 0));
    const holdBefore = holds.get(pk);
    const start = this.#start();
    const from = (await keys.earliestOpen(pk, start)) ?? start;
    for await (const page of keys.pages(pk, from)) {
      const last = page.at(-1)?.sk ?? '';
      // Checked before later items are sent: the pages begin at or before the item that the key waits for.
      if (!(await this.#holdAtGone(page, last))) return 'failed';
      const items = page.flatMap((stored, at) =>
        isOpen(stored.state)
          ? [storedBatchItemOf(stored, at, store.noteReceipts !== undefined, this.#begun?.revision)]
          : [],
      );
      if (await this.#mustWait(page, items)) return 'failed';
      await this.#publish(items);
      await this.#session.holdBlocked(items, waitedMs);
      const hold = holds.get(pk);
      const isNewHold = hold !== undefined && hold !== holdBefore;
      if (invocation.isBlocked(pk) || (invocation.stopped && !isNewHold)) return 'failed';
      if (items.some(({ state }) => state === 'failed')) return 'failed';
      const next = items.find(({ state }) => state === 'open');
      this.#published += items.filter(isWhole).length;
      if (next !== undefined) {
        if (this.#published === 0) return 'failed';
        this.#rest = itemRef(next);
        return 'postponed';
      }
      // Another relay has changed the hold since, so it did not move to the item that stopped this drain.
      if (isNewHold) return hold.state === 'holding' ? 'held' : 'failed';
      if (hold !== undefined && last >= hold.position) return 'done';
    }
    if (!(await this.#holdAtGone([]))) return 'failed';
    return this.#begun !== undefined && holds.get(pk) !== holdBefore ? 'held' : 'done';
  }

  /**
   * On a table that keeps no published items, the mark of the head is written before a refused item behind it is sent.
   * Otherwise a mark that fails could leave the head alone, as if the other item had been deleted by hand.
   */
  async #publish(items: readonly BatchItem[]): Promise<void> {
    const { headSeen, others, position } = this.#begun ?? {};
    const isBehind = ({ sk }: BatchItem): boolean =>
      headSeen === true && others !== undefined && position !== undefined && sk > position;
    for (const part of [items.filter((item) => !isBehind(item)), items.filter(isBehind)]) {
      await this.#session.publish(part);
      await this.#session.marks.flush();
      if (part.some(({ state }) => state !== 'settled')) return;
    }
  }

  #start(): string {
    const { items, signals } = this.#task;
    const starts = [...signals.map(({ signal }) => startOf(signal)), ...items.map(({ sk }) => sk)];
    if (this.#begun !== undefined) starts.push(this.#begun.position);
    return starts.reduce((least, sk) => (sk < least ? sk : least));
  }

  /**
   * Holds the key at the first awaited item that is gone. Returns `false` if another relay has begun since.
   *
   * @param page - the items that were read around their positions
   * @param upTo - the last position of the page; left out after the last page
   */
  async #holdAtGone(page: readonly StoredItem[], upTo?: string): Promise<boolean> {
    const begun = this.#begun;
    if (begun === undefined) return true;
    const { control, ports } = this.#invocation;
    const passed = this.#awaited.filter(({ position }) => upTo === undefined || position <= upTo);
    for (const item of this.#awaited.splice(0, passed.length)) {
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
    const invocation = this.#invocation;
    const { pk, headSeen } = hold;
    const { position, id } = item;
    const isPresent = isHeldItem(
      item,
      page.find(({ sk }) => sk === position),
    );
    if (item === hold) {
      this.#hasPassedHead = headSeen === true && !isPresent;
      if (!isRefused(hold)) return false;
    }
    if (isPresent || this.#hasPassedHead) return false;
    const identity = identityOf({ pk, sk: position, id });
    if (invocation.control.tombstones.has(identity)) return false;
    const known = invocation.memory.acknowledged.get(identity);
    if (known !== undefined && known.isAbsent !== true) return false;
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
  async #mustWait(page: readonly StoredItem[], items: readonly BatchItem[]): Promise<boolean> {
    const { options, ports } = this.#invocation;
    if (options.order !== 'strict') return false;
    for (const { pk, sk } of page) this.#present.add(positionKey(pk, sk));
    const now = ports.clock.now();
    const awaited = await awaitedPredecessors(items, this.#present, ports.keys, now, options.replicationWaitMs);
    for (const [item, predecessor] of awaited) {
      if (predecessor === 'missing') ports.telemetry.predecessorMissing(item);
    }
    return awaited.size > 0;
  }

  async #postpone({ pk, sk, id }: ItemRef): Promise<DrainOutcome> {
    const { control, ports } = this.#invocation;
    const request = this.#task.signals[0]?.signal.request;
    const now = ports.clock.now();
    const successor = newSignal(pk, now, {
      kind: 'drain',
      from: sk,
      request: { by: request?.by ?? 'relay', at: now, why: request?.why ?? 'A drain ran out of time.' },
    });
    const postponed = await ports.drains.postpone(this.#begun, successor, id);
    if (postponed.kind === 'superseded') return 'failed';
    control.holds.set(pk, postponed.hold);
    return 'postponed';
  }
}

/** Where a signal asks to begin; a replay asks for no drain. */
function startOf(signal: Signal): string {
  if (signal.kind === 'drain') return signal.from;
  return signal.kind === 'skip' ? signal.position : FIRST_POSITION;
}
