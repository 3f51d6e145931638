import type { ItemStateName } from '../../event/item-state';
import { formatReceipt, parseReceipt, type Receipt } from '../../event/receipt';
import { partitionName } from '../../event/topic-partition';
import { epochMsOfUuidV7 } from '../../event/uuid';
import { Column, columns, DigestIndex, TextStore } from './compact';

/** The part of an item that a verdict needs, without its data. */
export interface VerifiedItem {
  readonly pk: string;
  readonly position: string;
  /** The Kafka key and the `ce_source` of its messages. */
  readonly key: string;
  readonly source: string;
  /** Epoch milliseconds. */
  readonly committedAt: number;
  readonly state: ItemStateName;
  /** One receipt for each event of a processed item, as it is stored. */
  readonly receipts: readonly string[];
  readonly events: readonly { readonly id: string; readonly topic: string }[];
}

/** The part of a message that a verdict needs. Messages of a partition come once, in the order of their offsets. */
export interface SeenMessage extends Receipt {
  /** Epoch milliseconds of the append. */
  readonly timestamp: number;
  readonly key: string;
  /** `ce_id` and `ce_source`; missing on a message that is not of an outbox. */
  readonly id?: string;
  readonly source?: string;
  /** It has the header `outbox-replay`. */
  readonly isReplay: boolean;
}

/** The part of a partition that was read: everything from the lowest offset in question up to `end`. */
export interface PartitionExtent {
  readonly topic: string;
  readonly partition: number;
  /** The low watermark, read after the messages. */
  readonly low: bigint;
  /** The offset after the last that was read. */
  readonly end: bigint;
  /**
   * Epoch milliseconds of the first message after the last that retention or compaction removed: from then on there is
   * no gap. `undefined`: nothing was removed.
   */
  readonly completeFromMs?: number;
  /** Another producer's unfinished transaction begins at `end`: consumers cannot read what lies behind it. */
  readonly heldBack?: HeldBack;
}

/** The messages that an unfinished transaction holds back. */
export interface HeldBack {
  /** The offset after the last message that is acknowledged. */
  readonly end: bigint;
  /** Epoch milliseconds: the time of the transaction's first message. */
  readonly sinceMs?: number;
}

/** Offsets of a partition that receipts name. */
export interface ReceiptRange {
  readonly lowest: bigint;
  readonly highest: bigint;
}

export interface TopicsExtent {
  /** Every partition that exists and was read. A message in any other partition is gone. */
  readonly extents: readonly PartitionExtent[];
  /** Topics of which a part could not be read: events that are not found there may lie in that part. */
  readonly unreadTopics?: ReadonlySet<string>;
}

/** The event of a finding. */
export interface VerifiedEvent {
  readonly pk: string;
  readonly position: string;
  /** Its index in the item. */
  readonly index: number;
  readonly id: string;
  readonly topic: string;
}

/** Places are written as receipts are: `topic-partition@offset`. `at` names the first ten. */
export type VerifyFinding = VerifiedEvent &
  (
    | { readonly kind: 'missing'; readonly receipt?: string }
    /** `copies`: how many messages of it there are, replays not counted. */
    | { readonly kind: 'duplicate'; readonly at: readonly string[]; readonly copies: number }
    /** It was first delivered after `overtakenBy`, whose position is a later one. */
    | { readonly kind: 'reordered'; readonly at: string; readonly overtakenBy: VerifiedEvent & { readonly at: string } }
    | { readonly kind: 'wrong-receipt'; readonly receipt?: string; readonly at: readonly string[] }
    /**
     * It lies behind another producer's unfinished transaction, where no consumer can read yet. It can be checked once
     * that transaction has ended. `sinceMs`: the transaction's first message, in epoch milliseconds.
     */
    | { readonly kind: 'not-readable-yet'; readonly receipt: string; readonly sinceMs?: number }
  );

/** The kinds of findings; see {@link VerifyFinding}. */
export type VerifyFindingKind = VerifyFinding['kind'];

/** How many findings of a kind there are in a topic. */
export interface VerifyFindingCount {
  readonly kind: VerifyFindingKind;
  readonly topic: string;
  readonly count: number;
}

export interface VerifyTotals {
  /** Events of processed items whose message retention or compaction has removed. */
  readonly expired: number;
  /** Events whose first message is gone, as in a recreated topic, and that a replay has published again. */
  readonly replaced: number;
  /** Events that look overtaken, where a first delivery may have been removed or was not read: not proven. */
  readonly undecided: number;
  /** Events of processed items that were not found in a topic of which a part could not be read: not decided. */
  readonly unread: number;
  /** Messages that were read, and how many of them are replays of the events, or of no event that was added. */
  readonly messages: { readonly read: number; readonly replayed: number; readonly unknown: number };
}

/** How far the clocks of writers, relays and brokers may be apart. */
export const CLOCK_MARGIN_MS = 10 * 60_000;

/** How many places of an event are kept: an outage can make dozens of copies of each. */
const SHOWN_PLACES = 10;

/** Positions that are clock readings prove an order only if they differ by more than a commit takes, with retries. */
const CONCURRENT_MS = 10_000;

const FLAG = {
  processed: 1,
  /** `receiptPartition` and `receiptOffset` hold the place. */
  receipt: 2,
  /** Something lies at the place that the receipt names: this event's message, or anything else. */
  occupied: 4,
  confirmed: 8,
} as const;

type EventNumber = number;
/** The messages of one topic, `ce_source`, key and `ce_id`. Writers choose the ids: several events may share them. */
type Identity = number;
type PartitionNumber = number;

/** The part of Kafka that was read, by the numbers of the partitions. */
interface Reading {
  readonly extents: ReadonlyMap<PartitionNumber, PartitionExtent>;
  readonly isUnread: (topic: string) => boolean;
}

/**
 * Compares the committed events with the messages in the topics. The caller adds the items, then shows the messages,
 * then asks for the findings. Keeps some 200 bytes of each event and 20 of each of its messages (10 at most), outside
 * of the heap, whatever else the topics hold.
 */
export class TopicComparison {
  readonly #texts = new TextStore();
  readonly #keys = new DigestIndex();
  readonly #keyText = new Column('float64');

  #items = 0;
  readonly #ofItem = columns({ key: 'uint32', position: 'float64', committedAt: 'float64' });

  #events = 0;
  readonly #ofEvent = columns({
    ...({ item: 'uint32', index: 'uint32', topic: 'uint32', id: 'float64', identity: 'uint32' } as const),
    ...({ flags: 'uint8', receiptPartition: 'uint32', receiptOffset: 'float64' } as const),
  });
  /** Receipts that name no place in their event's topic. */
  readonly #oddReceipts = new Map<EventNumber, string>();

  readonly #identities = new DigestIndex();
  /** `events`: how many share the identity, and `event` the first of them. `latestPlace` is that place plus 1. */
  readonly #ofIdentity = columns({
    ...({ events: 'uint32', event: 'uint32', originals: 'uint32', replays: 'uint32' } as const),
    ...({ firstPartition: 'uint32', firstOffset: 'float64', firstTimestamp: 'float64' } as const),
    latestPlace: 'uint32',
  });

  #places = 0;
  /** `previous`: the place of the same identity that was seen before it, plus 1. */
  readonly #ofPlace = columns({ partition: 'uint32', offset: 'float64', isReplay: 'uint8', previous: 'uint32' });

  readonly #topics = new Map<string, number>();
  readonly #topicNames: string[] = [];
  readonly #partitions = new Map<string, PartitionNumber>();
  readonly #partitionAt: { readonly topic: string; readonly partition: number }[] = [];
  readonly #range = new Map<PartitionNumber, { lowest: number; highest: number }>();
  #receipts: ReceiptsInOrder | undefined;
  readonly #messages = { read: 0, replayed: 0, unknown: 0 };

  /** Unprocessed items count in the order of deliveries, but need no messages. Discarded ones are ignored. */
  add({ pk, position, key, source, committedAt, state, receipts, events }: VerifiedItem): void {
    if (state === 'discarded') return;
    if (this.#receipts !== undefined) throw new Error('Items must be added before messages are shown.');
    const item = this.#items++;
    const keyNumber = this.#keys.add(pk);
    if (this.#keyText.get(keyNumber) === 0) this.#keyText.set(keyNumber, this.#texts.add(pk) + 1);
    this.#ofItem.key.set(item, keyNumber);
    this.#ofItem.position.set(item, this.#texts.add(position));
    this.#ofItem.committedAt.set(item, committedAt);
    for (const [index, { id, topic }] of events.entries()) {
      const event = this.#events++;
      const identity = this.#identities.add(identityOf(topic, source, key, id));
      if (this.#ofIdentity.events.add(identity, 1) === 1) this.#ofIdentity.event.set(identity, event);
      this.#ofEvent.item.set(event, item);
      this.#ofEvent.index.set(event, index);
      const topicNumber = numberOf(this.#topics, topic);
      this.#topicNames[topicNumber] = topic;
      this.#ofEvent.topic.set(event, topicNumber);
      this.#ofEvent.id.set(event, this.#texts.add(id));
      this.#ofEvent.identity.set(event, identity);
      if (state === 'processed') this.#addProcessed(event, topic, receipts[index]);
    }
  }

  #addProcessed(event: EventNumber, topic: string, text: string | undefined): void {
    this.#ofEvent.flags.set(event, FLAG.processed);
    if (text === undefined) return;
    const receipt = parseReceipt(text);
    const offset = Number(receipt?.offset);
    if (receipt?.topic !== topic || !Number.isSafeInteger(offset) || formatReceipt(receipt) !== text) {
      this.#oddReceipts.set(event, text);
      return;
    }
    const partition = this.#partitionNumber(topic, receipt.partition);
    this.#ofEvent.flags.set(event, FLAG.processed | FLAG.receipt);
    this.#ofEvent.receiptPartition.set(event, partition);
    this.#ofEvent.receiptOffset.set(event, offset);
    const { lowest = offset, highest = offset } = this.#range.get(partition) ?? {};
    this.#range.set(partition, { lowest: Math.min(lowest, offset), highest: Math.max(highest, offset) });
  }

  /** The topics in which messages of the items should lie. */
  get topics(): ReadonlySet<string> {
    return new Set(this.#topics.keys());
  }

  receiptRange(topic: string, partition: number): ReceiptRange | undefined {
    const range = this.#range.get(this.#partitionNumber(topic, partition));
    return range && { lowest: BigInt(range.lowest), highest: BigInt(range.highest) };
  }

  see({ topic, partition, offset, timestamp, key, id, source, isReplay }: SeenMessage): void {
    this.#messages.read++;
    const partitionNumber = this.#partitionNumber(topic, partition);
    const at = Number(offset);
    const identity =
      id === undefined || source === undefined ? undefined : this.#identities.find(identityOf(topic, source, key, id));
    this.#occupy(partitionNumber, at, identity);
    if (identity === undefined) this.#messages.unknown++;
    else if (isReplay) {
      this.#messages.replayed++;
      this.#note(identity, this.#ofIdentity.replays.add(identity, 1), partitionNumber, at, true);
    } else {
      const originals = this.#ofIdentity.originals.add(identity, 1);
      // Offsets of two partitions do not compare: after partitions were added, the append time decides.
      const isFirst =
        originals === 1 ||
        (this.#ofIdentity.firstPartition.get(identity) !== partitionNumber &&
          timestamp < this.#ofIdentity.firstTimestamp.get(identity));
      if (isFirst) {
        this.#ofIdentity.firstPartition.set(identity, partitionNumber);
        this.#ofIdentity.firstOffset.set(identity, at);
        this.#ofIdentity.firstTimestamp.set(identity, timestamp);
      }
      this.#note(identity, originals, partitionNumber, at, false);
    }
  }

  seeHidden({ topic, partition, offset }: Receipt): void {
    this.#occupy(this.#partitionNumber(topic, partition), Number(offset), undefined);
  }

  /** Yields the findings one by one, so that those of a lost topic do not fill the memory. */
  *findings(read: TopicsExtent): Generator<VerifyFinding, VerifyTotals> {
    const reading: Reading = {
      extents: new Map(read.extents.map((extent) => [this.#partitionNumber(extent.topic, extent.partition), extent])),
      isUnread: (topic) => read.unreadTopics?.has(topic) ?? false,
    };
    const totals = { expired: 0, replaced: 0, undecided: 0, unread: 0 };
    for (let event = 0; event < this.#events; event++) {
      if ((this.#ofEvent.flags.get(event) & FLAG.processed) === 0) continue;
      const fault = this.#faultOf(event, reading);
      if (typeof fault === 'string') totals[fault]++;
      else if (fault !== undefined) yield fault;
    }
    yield* this.#duplicates();
    for (const one of this.#reordered(reading)) {
      if (typeof one === 'string') totals[one]++;
      else yield one;
    }
    return { ...totals, messages: { ...this.#messages } };
  }

  #partitionNumber(topic: string, partition: number): PartitionNumber {
    const number = numberOf(this.#partitions, partitionName({ topic, partition }));
    this.#partitionAt[number] ??= { topic, partition };
    return number;
  }

  #note(identity: Identity, count: number, partition: PartitionNumber, offset: number, isReplay: boolean): void {
    if (count > SHOWN_PLACES) return;
    const place = this.#places++;
    this.#ofPlace.partition.set(place, partition);
    this.#ofPlace.offset.set(place, offset);
    this.#ofPlace.isReplay.set(place, isReplay ? 1 : 0);
    this.#ofPlace.previous.set(place, this.#ofIdentity.latestPlace.get(identity));
    this.#ofIdentity.latestPlace.set(identity, place + 1);
  }

  #occupy(partition: PartitionNumber, offset: number, identity: Identity | undefined): void {
    this.#receipts ??= this.#receiptsInOrder();
    for (const event of this.#receipts.at(partition, offset)) {
      const isIt = identity !== undefined && this.#ofEvent.identity.get(event) === identity;
      this.#ofEvent.flags.set(event, this.#ofEvent.flags.get(event) | FLAG.occupied | (isIt ? FLAG.confirmed : 0));
    }
  }

  #receiptsInOrder(): ReceiptsInOrder {
    return new ReceiptsInOrder(
      numbersWhere(this.#events, (event) => (this.#ofEvent.flags.get(event) & FLAG.receipt) !== 0),
      this.#ofEvent.receiptPartition,
      this.#ofEvent.receiptOffset,
    );
  }

  /** The fault of a processed event by itself. */
  #faultOf(
    event: EventNumber,
    { extents, isUnread }: Reading,
  ): VerifyFinding | 'expired' | 'replaced' | 'unread' | undefined {
    const flags = this.#ofEvent.flags.get(event);
    if ((flags & FLAG.confirmed) !== 0) return undefined;
    const identity = this.#ofEvent.identity.get(event);
    const isFound = this.#ofIdentity.originals.get(identity) + this.#ofIdentity.replays.get(identity) > 0;
    const receipt = this.#receiptOf(event);
    const extent = (flags & FLAG.receipt) === 0 ? undefined : extents.get(this.#ofEvent.receiptPartition.get(event));
    const offset = BigInt(this.#ofEvent.receiptOffset.get(event));
    const shown = this.#shown(event);

    // A hole between the watermarks comes from compaction: Kafka assigns offsets without gaps, and hidden records, such
    // as transaction markers, are shown as well.
    const isRemoved =
      extent !== undefined && offset < extent.end && (offset < extent.low || (flags & FLAG.occupied) === 0);
    if (isRemoved) return isFound ? undefined : 'expired';
    const { heldBack } = extent ?? {};
    if (extent !== undefined && heldBack !== undefined && offset >= extent.end && offset < heldBack.end) {
      const { sinceMs } = heldBack;
      return isFound || receipt === undefined ? undefined : { kind: 'not-readable-yet', ...shown, receipt, sinceMs };
    }
    if (isUnread(shown.topic)) return isFound ? undefined : 'unread';
    if (!isFound) return { kind: 'missing', ...shown, receipt };
    if (this.#ofIdentity.originals.get(identity) === 0 && receipt !== undefined) return 'replaced';
    const at = [...this.#at(identity, false), ...this.#at(identity, true)];
    return { kind: 'wrong-receipt', ...shown, receipt, at };
  }

  *#duplicates(): Generator<VerifyFinding> {
    for (let identity = 0; identity < this.#identities.size; identity++) {
      const copies = this.#ofIdentity.originals.get(identity);
      if (copies <= this.#ofIdentity.events.get(identity)) continue;
      const shown = this.#shown(this.#ofIdentity.event.get(identity));
      yield { kind: 'duplicate', ...shown, at: this.#at(identity, false), copies };
    }
  }

  /** Compares the first deliveries of each key within a partition, where offsets are an order. */
  *#reordered({ extents, isUnread }: Reading): Generator<VerifyFinding | 'undecided'> {
    const keyOf = (event: EventNumber): number => this.#ofItem.key.get(this.#ofEvent.item.get(event));
    const partitionOf = (event: EventNumber): number =>
      this.#ofIdentity.firstPartition.get(this.#ofEvent.identity.get(event));
    const offsetOf = (event: EventNumber): number =>
      this.#ofIdentity.firstOffset.get(this.#ofEvent.identity.get(event));
    const delivered = numbersWhere(
      this.#events,
      (event) => this.#ofIdentity.originals.get(this.#ofEvent.identity.get(event)) > 0,
    );
    delivered.sort(
      (a, b) =>
        keyOf(a) - keyOf(b) ||
        partitionOf(a) - partitionOf(b) ||
        offsetOf(a) - offsetOf(b) ||
        compareOrder(this.#orderOf(a), this.#orderOf(b)),
    );
    let furthest: { event: EventNumber; order: OrderInKey } | undefined;
    for (const event of delivered) {
      const order = this.#orderOf(event);
      const isOfSequence =
        furthest !== undefined &&
        keyOf(furthest.event) === keyOf(event) &&
        partitionOf(furthest.event) === partitionOf(event);
      if (furthest === undefined || !isOfSequence || compareOrder(order, furthest.order) > 0)
        furthest = { event, order };
      if (!precedes(order, furthest.order)) continue;
      const { completeFromMs = -Infinity } = extents.get(partitionOf(event)) ?? {};
      const shown = this.#shown(event);
      const committedAt = this.#ofItem.committedAt.get(this.#ofEvent.item.get(event));
      if (committedAt - CLOCK_MARGIN_MS < completeFromMs || isUnread(shown.topic)) yield 'undecided';
      else {
        const at = (of: EventNumber): string => this.#written(partitionOf(of), offsetOf(of));
        const overtakenBy = { ...this.#shown(furthest.event), at: at(furthest.event) };
        yield { kind: 'reordered', ...shown, at: at(event), overtakenBy };
      }
    }
  }

  #orderOf(event: EventNumber): OrderInKey {
    return {
      position: this.#texts.get(this.#ofItem.position.get(this.#ofEvent.item.get(event))),
      index: this.#ofEvent.index.get(event),
    };
  }

  #shown(event: EventNumber): VerifiedEvent {
    return {
      pk: this.#texts.get(this.#keyText.get(this.#ofItem.key.get(this.#ofEvent.item.get(event))) - 1),
      ...this.#orderOf(event),
      id: this.#texts.get(this.#ofEvent.id.get(event)),
      topic: this.#topicNames[this.#ofEvent.topic.get(event)] ?? '',
    };
  }

  #receiptOf(event: EventNumber): string | undefined {
    return (this.#ofEvent.flags.get(event) & FLAG.receipt) === 0
      ? this.#oddReceipts.get(event)
      : this.#written(this.#ofEvent.receiptPartition.get(event), this.#ofEvent.receiptOffset.get(event));
  }

  /** The places that are kept, in the order in which they were seen. */
  #at(identity: Identity, isReplay: boolean): string[] {
    const at: string[] = [];
    for (let next = this.#ofIdentity.latestPlace.get(identity); next > 0; next = this.#ofPlace.previous.get(next - 1)) {
      const place = next - 1;
      if (this.#ofPlace.isReplay.get(place) !== (isReplay ? 1 : 0)) continue;
      at.unshift(this.#written(this.#ofPlace.partition.get(place), this.#ofPlace.offset.get(place)));
    }
    return at;
  }

  #written(partition: PartitionNumber, offset: number): string {
    const { topic, partition: number } = this.#partitionAt[partition] ?? { topic: '', partition: -1 };
    return formatReceipt({ topic, partition: number, offset: BigInt(offset) });
  }
}

/** The events by the places that their receipts name, in the order of the offsets, as partitions are read. */
class ReceiptsInOrder {
  readonly #events: Uint32Array;
  readonly #offset: Column;
  /** For each partition: the next index in `#events`, and the end. */
  readonly #cursors = new Map<PartitionNumber, { next: number; end: number }>();

  constructor(events: Uint32Array, partition: Column, offset: Column) {
    this.#events = events.sort((a, b) => partition.get(a) - partition.get(b) || offset.get(a) - offset.get(b));
    this.#offset = offset;
    for (const [at, event] of this.#events.entries()) {
      const cursor = this.#cursors.get(partition.get(event));
      if (cursor === undefined) this.#cursors.set(partition.get(event), { next: at, end: at + 1 });
      else cursor.end = at + 1;
    }
  }

  /** Yields the events whose receipts name this place; those of lower offsets are skipped permanently. */
  *at(partition: PartitionNumber, offset: number): Generator<EventNumber> {
    const cursor = this.#cursors.get(partition);
    while (cursor !== undefined && cursor.next < cursor.end) {
      const event = this.#events[cursor.next] ?? 0;
      const named = this.#offset.get(event);
      if (named > offset) return;
      cursor.next++;
      if (named === offset) yield event;
    }
  }
}

interface OrderInKey {
  readonly position: string;
  readonly index: number;
}

const identityOf = (topic: string, source: string, key: string, id: string): string =>
  `${topic}\n${source}\n${key}\n${id}`;

function numberOf(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  numbers.set(name, numbers.size);
  return numbers.size - 1;
}

/** The numbers below `end` that meet a condition. Counted first: a growing array of a million numbers is large. */
function numbersWhere(end: number, condition: (number: number) => boolean): Uint32Array {
  let count = 0;
  for (let number = 0; number < end; number++) if (condition(number)) count++;
  const numbers = new Uint32Array(count);
  for (let number = 0, at = 0; number < end; number++) if (condition(number)) numbers[at++] = number;
  return numbers;
}

function compareOrder(a: OrderInKey, b: OrderInKey): number {
  if (a.position === b.position) return a.index - b.index;
  return a.position < b.position ? -1 : 1;
}

/** Whether the outbox promises that `a` is delivered before `b`. */
function precedes(a: OrderInKey, b: OrderInKey): boolean {
  if (compareOrder(a, b) >= 0) return false;
  if (a.position === b.position) return true;
  const [aMs, bMs] = [epochMsOfUuidV7(a.position), epochMsOfUuidV7(b.position)];
  if (aMs === undefined || bMs === undefined) return aMs === bMs;
  return bMs - aMs > CONCURRENT_MS;
}
