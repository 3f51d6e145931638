import { WINDOW_SIZE } from '../../lib/consume/inbox';
import { parseReceipt } from '../../lib/event/receipt';
import { partitionName } from '../../lib/event/topic-partition';
import type { Commit, Delivery, Effect, Fault, HistoryLine, Removal, Settings, StoredItem } from './history';

export const VIOLATIONS = [
  /** Committed, never delivered, no longer waiting in the table, and no operator skipped it. */
  'lost',
  /** Delivered, never committed. */
  'invented',
  /** Delivered first before an earlier event of its key in the same partition. */
  'reordered',
  /** Delivered more often than is allowed. */
  'copied-too-often',
  /** Delivered again while no fault had been applied. */
  'copied-without-fault',
  /** A receipt does not name a message of its event. */
  'wrong-receipt',
  /** A processed item expires at another time than its retention says, or an open one expires. */
  'wrong-expiry',
  /** Its item is not processed at the end. */
  'open-at-end',
  /** Its key is held at the end. */
  'held-at-end',
  /** A consumer has no effect of it, and did not give it up. The inbox cannot tell one far behind from a duplicate. */
  'no-effect',
  /** A consumer has several effects of it. */
  'several-effects',
  /** A consumer's effect came before that of an earlier event of its key. */
  'effect-reordered',
  /** A consumer emitted no event for its effect, or several. */
  'emitted-wrongly',
] as const;
export type ViolationKind = (typeof VIOLATIONS)[number];

export interface Violation {
  readonly kind: ViolationKind;
  /** The event, or the key of a hold. */
  readonly of: string;
  readonly why: string;
  /** The lines of the history that show it, and no others. */
  readonly shownBy: readonly HistoryLine[];
}

export interface Judgement {
  readonly committed: number;
  readonly delivered: number;
  readonly discarded: number;
  readonly effects: number;
  readonly emitted: number;
  /** Events without an effect that arrived too far behind later ones of their key, from a topic that got partitions. */
  readonly 'behind the window': number;
  /** Further deliveries by the fault that explains them; `none` for those without one. */
  readonly duplicates: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** Compares what was committed with what was delivered, stored and applied. Needs no server. */
export const judgeHistory = (lines: readonly HistoryLine[]): Judgement => new Judge(lines).judge();

interface CommittedEvent {
  readonly id: string;
  readonly topic: string;
  /** Its place in the item. */
  readonly index: number;
  readonly commit: Commit;
}

class Judge {
  readonly #violations: Violation[] = [];
  readonly #settings: Settings;
  readonly #events = new Map<string, CommittedEvent>();
  readonly #deliveries: ReadonlyMap<string, readonly Delivery[]>;
  readonly #discarded: ReadonlySet<string>;
  readonly #lines: readonly HistoryLine[];
  readonly #faults: readonly Fault[];
  readonly #removals: readonly Removal[];
  readonly #duplicates: Record<string, number> = {};
  #behindWindow = 0;

  constructor(lines: readonly HistoryLine[]) {
    const settings = linesOf(lines, 'settings');
    const [first, ...others] = settings;
    if (first === undefined || others.length > 0) {
      throw new Error(`A history has one line of the kind settings; this one has ${settings.length}.`);
    }
    this.#settings = first;
    this.#lines = lines;
    for (const commit of linesOf(lines, 'commit')) {
      for (const [index, { id, topic }] of commit.events.entries()) this.#events.set(id, { id, topic, index, commit });
    }
    this.#deliveries = Map.groupBy(linesOf(lines, 'delivery'), ({ id }) => id);
    this.#discarded = new Set(linesOf(lines, 'discard').map(({ id }) => id));
    this.#faults = linesOf(lines, 'fault');
    this.#removals = linesOf(lines, 'removal');
  }

  judge(): Judgement {
    this.#compareDeliveries();
    this.#compareOrder();
    this.#compareItems();
    this.#compareHolds();
    for (const consumer of this.#settings.consumers ?? []) this.#compareEffects(consumer);
    return {
      committed: this.#events.size,
      delivered: this.#deliveries.size,
      discarded: this.#discarded.size,
      effects: linesOf(this.#lines, 'effect').length,
      emitted: linesOf(this.#lines, 'commit').filter(({ cause }) => cause !== undefined).length,
      'behind the window': this.#behindWindow,
      duplicates: this.#duplicates,
      violations: this.#violations,
    };
  }

  #violated(kind: ViolationKind, of: string, why: string, shownBy: readonly HistoryLine[]): void {
    this.#violations.push({ kind, of, why, shownBy });
  }

  #compareDeliveries(): void {
    for (const event of this.#events.values()) {
      const { id, commit } = event;
      if (this.#deliveries.has(id) || this.#discarded.has(id) || this.#isRemoved(event)) continue;
      const items = this.#itemsOf(commit);
      if (commit.isUncertain === true && items.length === 0) continue;
      // It is not lost while it waits in the table, which is a violation of its own at the end.
      if (items.some(({ state }) => state === 'pending' || state === 'parked')) continue;
      this.#violated('lost', id, `it was committed, and is in no topic`, [commit, ...items]);
    }
    for (const [id, deliveries] of this.#deliveries) {
      if (!this.#events.has(id)) {
        this.#violated('invented', id, 'it is in a topic, and was not committed', deliveries);
        continue;
      }
      this.#compareCopies(id, deliveries);
    }
  }

  /**
   * Whether its message was in a topic that was deleted before it was read there: its receipt names a place behind those
   * that were read. The mark may come after the deletion: the receipts of an item's first events wait for its last one.
   */
  #isRemoved({ topic, index, commit }: CommittedEvent): boolean {
    const removals = this.#removals.filter((removal) => removal.topic === topic);
    return this.#itemsOf(commit).some(({ receipts }) => {
      const place = parseReceipt(receipts?.[index] ?? '');
      if (place?.topic !== topic) return false;
      return removals.some(({ until }, incarnation) => {
        const read = this.#readUpTo.get(`${partitionName(place)} ${incarnation}`) ?? -1;
        return commit.at <= until && place.offset > read;
      });
    });
  }

  /** The last offset that was read, by partition and incarnation of its topic. */
  get #readUpTo(): ReadonlyMap<string, number> {
    return (this.#lastRead ??= lastReadOf(linesOf(this.#lines, 'delivery')));
  }
  #lastRead: ReadonlyMap<string, number> | undefined;

  /** Whether an earlier delivery may have been in the topic before it was deleted, where it was not read to its end. */
  #mayHaveBeenDelivered({ topic, commit }: CommittedEvent, { incarnation = 0 }: Delivery): boolean {
    const removals = this.#removals.filter((removal) => removal.topic === topic);
    return removals.some(({ until }, at) => at < incarnation && commit.at <= until);
  }

  #compareCopies(id: string, deliveries: readonly Delivery[]): void {
    const copies = deliveries.filter(({ isReplay }) => isReplay !== true).toSorted((a, b) => a.at - b.at);
    const { maxCopies } = this.#settings;
    if (copies.length > maxCopies) {
      this.#violated('copied-too-often', id, `it was delivered ${copies.length} times, and not ${maxCopies}`, copies);
    }
    for (const [before, copy] of copies.slice(1).map((copy, at) => [copies[at] ?? copy, copy] as const)) {
      // A relay that dies after a delivery leaves the item pending, and the copy may wait behind a backlog.
      const name = (this.#faultBefore(copy.at) ?? this.#faultBefore(before.at))?.name ?? 'none';
      this.#duplicates[name] = (this.#duplicates[name] ?? 0) + 1;
      if (name === 'none') {
        this.#violated('copied-without-fault', id, 'it was delivered again while nothing failed', copies);
      }
    }
  }

  /** The latest fault whose consequences reach that time. */
  #faultBefore(at: number): Fault | undefined {
    const { afterFaultMs } = this.#settings;
    const near = this.#faults.filter((fault) => fault.at <= at && at <= fault.until + afterFaultMs);
    return near.toSorted((a, b) => b.at - a.at)[0];
  }

  /** In each partition the first deliveries of a key ascend. Between partitions no offset tells an order. */
  #compareOrder(): void {
    const first = [...this.#events.values()].flatMap((event) => {
      const [delivery] = this.#deliveries.get(event.id) ?? [];
      return delivery === undefined ? [] : [{ event, delivery }];
    });
    const byKeyAndPartition = Map.groupBy(
      first,
      ({ event, delivery }) => `${event.commit.key} ${delivery.topic}-${delivery.partition}`,
    );
    for (const ofKey of byKeyAndPartition.values()) {
      let last: (typeof first)[number] | undefined;
      for (const each of ofKey.toSorted((a, b) => comparePlaces(a.delivery, b.delivery))) {
        if (last !== undefined && compareEvents(each.event, last.event) < 0) {
          if (this.#mayHaveBeenDelivered(each.event, each.delivery)) continue;
          const why = `its first delivery follows that of the later event ${last.event.id}`;
          const shownBy = [each.event.commit, last.event.commit, last.delivery, each.delivery];
          this.#violated('reordered', each.event.id, why, shownBy);
        } else last = each;
      }
    }
  }

  #itemsOf({ key, position, events: [first] }: Commit): readonly StoredItem[] {
    return (this.#items.get(`${key} ${position}`) ?? []).filter(({ id }) => id === first?.id);
  }

  get #items(): ReadonlyMap<string, readonly StoredItem[]> {
    return (this.#stored ??= Map.groupBy(linesOf(this.#lines, 'item'), ({ key, position }) => `${key} ${position}`));
  }
  #stored: ReadonlyMap<string, readonly StoredItem[]> | undefined;

  #compareItems(): void {
    for (const commit of linesOf(this.#lines, 'commit')) {
      for (const item of this.#itemsOf(commit)) {
        const [{ id } = { id: '' }] = commit.events;
        if (item.state === 'pending' || item.state === 'parked') {
          this.#violated('open-at-end', id, `its item is ${item.state}`, [commit, item]);
        }
        this.#compareExpiry(id, item);
        if (item.state === 'processed') this.#compareReceipts(commit, item);
      }
    }
  }

  #compareExpiry(id: string, item: StoredItem): void {
    const { state, processedAt, expiresAt } = item;
    const isOpen = state === 'pending' || state === 'parked';
    if (isOpen && expiresAt !== undefined) {
      this.#violated('wrong-expiry', id, `its item is ${state}, and expires`, [item]);
    }
    if (state !== 'processed' || processedAt === undefined) return;
    const expected = Math.ceil(processedAt / 1_000) + this.#settings.retentionSeconds;
    // The relay takes both times from its clock, one after the other.
    if (expiresAt === undefined || Math.abs(expiresAt - expected) > 1) {
      this.#violated('wrong-expiry', id, `its item expires at ${expiresAt ?? 'no time'}, not ${expected}`, [item]);
    }
  }

  #compareReceipts(commit: Commit, item: StoredItem): void {
    for (const [index, { id }] of commit.events.entries()) {
      const event = this.#events.get(id);
      const receipt = item.receipts?.[index];
      const deliveries = this.#deliveries.get(id) ?? [];
      const isNamed = deliveries.some(({ topic, partition, offset }) => receipt === `${topic}-${partition}@${offset}`);
      if (!isNamed && !(event !== undefined && this.#isRemoved(event))) {
        const why = `its receipt ${receipt ?? 'is missing'} names no message of it`;
        this.#violated('wrong-receipt', id, why, [item, ...deliveries]);
      }
    }
  }

  #compareHolds(): void {
    for (const held of linesOf(this.#lines, 'held')) {
      this.#violated('held-at-end', held.key, `it is held: ${held.reason}`, [held]);
    }
  }

  #compareEffects({ name, topics, emits = false }: NonNullable<Settings['consumers']>[number]): void {
    const effects = linesOf(this.#lines, 'effect').filter(({ consumer }) => consumer === name);
    const byId = Map.groupBy(effects, ({ id }) => id);
    const givenUp = new Set(
      linesOf(this.#lines, 'dead-letter').flatMap(({ consumer, id }) => (consumer === name ? [id] : [])),
    );
    for (const [id, several] of byId) {
      if (several.length > 1) this.#violated('several-effects', id, `${name} has ${several.length} effects`, several);
    }
    for (const [id, deliveries] of this.#deliveries) {
      const isRead = deliveries.some(({ topic }) => topics.includes(topic));
      if (!isRead || byId.has(id) || givenUp.has(id)) continue;
      if (this.#isBehindWindow(id, deliveries)) this.#behindWindow++;
      else this.#violated('no-effect', id, `${name} has no effect of it`, deliveries);
    }
    this.#compareEffectOrder(name, effects);
    if (emits) this.#compareEmitted(name, byId);
  }

  /**
   * Whether so many later events of the key moved to other partitions of a topic that the inbox no longer knew this one
   * when it was read.
   */
  #isBehindWindow(id: string, deliveries: readonly Delivery[]): boolean {
    const event = this.#events.get(id);
    if (event === undefined || this.#settings.grownTopics?.includes(event.topic) !== true) return false;
    const partitions = new Set(deliveries.map(({ partition }) => partition));
    const moved = (this.#eventsByKeyAndTopic.get(keyAndTopicOf(event)) ?? []).filter(
      (other) =>
        compareEvents(event, other) < 0 &&
        this.#deliveries.get(other.id)?.some(({ partition }) => !partitions.has(partition)) === true,
    );
    return moved.length >= WINDOW_SIZE;
  }

  get #eventsByKeyAndTopic(): ReadonlyMap<string, readonly CommittedEvent[]> {
    return (this.#byKeyAndTopic ??= Map.groupBy(this.#events.values(), keyAndTopicOf));
  }
  #byKeyAndTopic: ReadonlyMap<string, readonly CommittedEvent[]> | undefined;

  #compareEffectOrder(name: string, effects: readonly Effect[]): void {
    const last = new Map<string, { readonly event: CommittedEvent; readonly effect: Effect }>();
    for (const effect of effects) {
      const event = this.#events.get(effect.id);
      if (event === undefined || this.#settings.grownTopics?.includes(event.topic) === true) continue;
      const key = keyAndTopicOf(event);
      const before = last.get(key);
      if (before !== undefined && compareEvents(event, before.event) < 0) {
        const why = `${name} applied it after the later event ${before.event.id}`;
        this.#violated('effect-reordered', event.id, why, [
          ...[event.commit, before.event.commit],
          ...[before.effect, effect],
        ]);
      } else last.set(key, { event, effect });
    }
  }

  #compareEmitted(name: string, effects: ReadonlyMap<string, readonly Effect[]>): void {
    const emitted = Map.groupBy(
      linesOf(this.#lines, 'commit').filter(({ cause }) => cause?.consumer === name),
      ({ cause }) => cause?.id ?? '',
    );
    for (const id of new Set([...effects.keys(), ...emitted.keys()])) {
      const commits = emitted.get(id) ?? [];
      const ofId = effects.get(id) ?? [];
      if (commits.length === 1 && ofId.length > 0) continue;
      const why = `${name} emitted ${commits.length} times for ${ofId.length} effects of it`;
      this.#violated('emitted-wrongly', id, why, [...ofId, ...commits]);
    }
  }
}

function lastReadOf(deliveries: readonly Delivery[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const delivery of deliveries) {
    const place = `${partitionName(delivery)} ${delivery.incarnation ?? 0}`;
    last.set(place, Math.max(delivery.offset, last.get(place) ?? -1));
  }
  return last;
}

const linesOf = <Kind extends HistoryLine['kind']>(
  lines: readonly HistoryLine[],
  kind: Kind,
): Extract<HistoryLine, { readonly kind: Kind }>[] =>
  lines.filter((line): line is Extract<HistoryLine, { readonly kind: Kind }> => line.kind === kind);

const keyAndTopicOf = ({ commit, topic }: CommittedEvent): string => `${commit.key} ${topic}`;

/** Messages of one partition. */
const comparePlaces = (a: Delivery, b: Delivery): number =>
  (a.incarnation ?? 0) - (b.incarnation ?? 0) || a.offset - b.offset;

/** Events of one key. */
function compareEvents(a: CommittedEvent, b: CommittedEvent): number {
  if (a.commit.position !== b.commit.position) return a.commit.position < b.commit.position ? -1 : 1;
  return a.index - b.index;
}
