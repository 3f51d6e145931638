import type { ItemStateName } from '../event/item-state';
import { formatReceipt, parseReceipt, type Receipt } from '../event/receipt';
import { epochMsOfUuidV7 } from '../event/uuid';

/** What a verdict needs of an item: no data. */
export interface VerifiedItem {
  readonly pk: string;
  readonly position: string;
  /** The Kafka key and the `ce_source` of its messages. */
  readonly key: string;
  readonly source: string;
  /** Epoch milliseconds. */
  readonly committedAt: number;
  readonly state: ItemStateName;
  /** One for each event of a processed item, as they lie in the table. */
  readonly receipts: readonly string[];
  readonly events: readonly { readonly id: string; readonly topic: string }[];
}

/** What a verdict needs of a message. Those of a partition come in the order of their offsets, each once. */
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

/** What was read of a partition: everything that lies in it from the lowest offset in question up to `end`. */
export interface PartitionExtent {
  readonly topic: string;
  readonly partition: number;
  /** The low watermark, asked for after the reading. */
  readonly low: bigint;
  /** The offset after the last that was read. */
  readonly end: bigint;
  /**
   * Epoch milliseconds of the first message after the last that retention or compaction removed: from then on nothing is
   * missing in between. `undefined`: nothing was removed.
   */
  readonly completeFromMs?: number;
}

/** An event that something is wrong with. */
export interface VerifiedEvent {
  readonly pk: string;
  readonly position: string;
  /** Place in its item. */
  readonly index: number;
  readonly id: string;
  readonly topic: string;
}

/** Places are written as receipts are: `topic-partition@offset`. */
export type Finding = VerifiedEvent &
  (
    | { readonly kind: 'missing'; readonly receipt?: string }
    | { readonly kind: 'duplicate'; readonly at: readonly string[] }
    /** It was first delivered after `overtakenBy`, whose position is a later one. */
    | { readonly kind: 'reordered'; readonly at: string; readonly overtakenBy: VerifiedEvent & { readonly at: string } }
    | { readonly kind: 'wrong-receipt'; readonly receipt?: string; readonly at: readonly string[] }
  );

/** What can be wrong with an event; see {@link Finding}. */
export type FindingKind = Finding['kind'];

export interface Verdict {
  readonly findings: readonly Finding[];
  /** Events of processed items whose message retention or compaction has removed. */
  readonly expired: number;
  /** Events that look overtaken, where a first delivery may have been removed before it was seen: not proven. */
  readonly undecided: number;
  /** Messages that were seen, and how many of them are replays of the events or of no event that was added. */
  readonly messages: { readonly read: number; readonly replayed: number; readonly unknown: number };
}

/** How far the clocks of writers, relays and brokers may be apart. */
export const CLOCK_MARGIN_MS = 10 * 60_000;

/** Positions that are clock readings prove an order only when they are further apart than a commit takes, retries included. */
const CONCURRENT_MS = 10_000;

interface Delivery {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: number;
}

/** The messages of one `ce_id`. Ids are the writers' choice: several events may share one, and then its messages. */
interface Deliveries {
  readonly events: TracedEvent[];
  readonly originals: Delivery[];
  readonly replays: Delivery[];
}

interface TracedEvent extends VerifiedEvent {
  readonly committedAt: number;
  readonly isProcessed: boolean;
  readonly receipt?: string;
  readonly deliveries: Deliveries;
}

/**
 * Compares what is committed with what lies in the topics. Items are added first, then messages are shown, then the
 * verdict is asked for. Holds what it needs of the items that were added, whatever the topics hold beside them.
 */
export class VerifyJudge {
  readonly #events: TracedEvent[] = [];
  readonly #byIdentity = new Map<string, Deliveries>();
  /** Whether any message lies at a place that a receipt names. */
  readonly #named = new Map<string, boolean>();
  readonly #lowest = new Map<string, bigint>();
  readonly #topics = new Set<string>();
  readonly #messages = { read: 0, replayed: 0, unknown: 0 };

  /** Items that are not yet processed count in the order of deliveries and owe none. Discarded ones are ignored. */
  add({ pk, position, key, source, committedAt, state, receipts, events }: VerifiedItem): void {
    if (state === 'discarded') return;
    for (const [index, { id, topic }] of events.entries()) {
      this.#topics.add(topic);
      const deliveries = this.#deliveriesOf(identityOf(topic, source, key, id));
      const isProcessed = state === 'processed';
      const receipt = isProcessed ? receipts[index] : undefined;
      const event = { pk, position, index, id, topic, committedAt, isProcessed, receipt, deliveries };
      this.#events.push(event);
      deliveries.events.push(event);
      if (receipt !== undefined) this.#note(receipt);
    }
  }

  /** The topics in which messages of the items should lie. */
  get topics(): ReadonlySet<string> {
    return this.#topics;
  }

  /** The lowest offset in a partition that a receipt names. */
  lowestReceipt(topic: string, partition: number): bigint | undefined {
    return this.#lowest.get(partitionName({ topic, partition }));
  }

  see({ topic, partition, offset, timestamp, key, id, source, isReplay }: SeenMessage): void {
    this.#messages.read++;
    const place = formatReceipt({ topic, partition, offset });
    if (this.#named.has(place)) this.#named.set(place, true);
    const deliveries =
      id === undefined || source === undefined ? undefined : this.#byIdentity.get(identityOf(topic, source, key, id));
    if (deliveries === undefined) this.#messages.unknown++;
    else if (isReplay) {
      this.#messages.replayed++;
      deliveries.replays.push({ topic, partition, offset, timestamp });
    } else deliveries.originals.push({ topic, partition, offset, timestamp });
  }

  /** `extents` has every partition that exists; what lies in another one is gone. */
  verdict(extents: readonly PartitionExtent[]): Verdict {
    const byName = new Map(extents.map((extent) => [partitionName(extent), extent]));
    const findings: Finding[] = [];
    let expired = 0;
    for (const event of this.#events) {
      if (!event.isProcessed) continue;
      const fault = this.#faultOf(event, byName);
      if (fault === 'expired') expired++;
      else if (fault !== undefined) findings.push(fault);
    }
    const { reordered, undecided } = this.#reordered(byName);
    return {
      findings: [...findings, ...this.#duplicates(), ...reordered],
      expired,
      undecided,
      messages: { ...this.#messages },
    };
  }

  #deliveriesOf(identity: string): Deliveries {
    let deliveries = this.#byIdentity.get(identity);
    if (deliveries === undefined) {
      this.#byIdentity.set(identity, (deliveries = { events: [], originals: [], replays: [] }));
    }
    return deliveries;
  }

  #note(text: string): void {
    const receipt = parseReceipt(text);
    if (receipt === undefined) return;
    this.#named.set(text, false);
    const name = partitionName(receipt);
    const lowest = this.#lowest.get(name);
    if (lowest === undefined || receipt.offset < lowest) this.#lowest.set(name, receipt.offset);
  }

  /** What is wrong with a processed event by itself. */
  #faultOf(event: TracedEvent, extents: ReadonlyMap<string, PartitionExtent>): Finding | 'expired' | undefined {
    const { originals, replays } = event.deliveries;
    const at = [...originals, ...replays].map(formatReceipt);
    const { receipt } = event;
    if (receipt !== undefined && at.includes(receipt)) return undefined;
    const isRemoved = this.#isRemoved(event, extents);
    if (at.length > 0) return isRemoved ? undefined : { kind: 'wrong-receipt', ...shown(event), receipt, at };
    return isRemoved ? 'expired' : { kind: 'missing', ...shown(event), receipt };
  }

  /**
   * Whether retention or compaction has emptied the place that the receipt names. A hole between the watermarks is the
   * work of compaction, or the marker of a transaction, which the relay has none of: offsets are given out without gaps.
   */
  #isRemoved({ topic, receipt: text }: TracedEvent, extents: ReadonlyMap<string, PartitionExtent>): boolean {
    const receipt = text === undefined ? undefined : parseReceipt(text);
    if (text === undefined || receipt?.topic !== topic) return false;
    const extent = extents.get(partitionName(receipt));
    if (extent === undefined || receipt.offset >= extent.end) return false;
    return receipt.offset < extent.low || this.#named.get(text) === false;
  }

  *#duplicates(): Generator<Finding> {
    for (const { events, originals } of this.#byIdentity.values()) {
      const [event] = events;
      if (event !== undefined && originals.length > events.length) {
        yield { kind: 'duplicate', ...shown(event), at: originals.map(formatReceipt) };
      }
    }
  }

  /** Compares the first deliveries of each key within a partition, where offsets are an order. */
  #reordered(extents: ReadonlyMap<string, PartitionExtent>): { reordered: Finding[]; undecided: number } {
    const sequences = new Map<string, { event: TracedEvent; first: Delivery }[]>();
    for (const event of this.#events) {
      const first = firstOf(event.deliveries.originals);
      if (first === undefined) continue;
      const name = `${event.pk}\n${partitionName(first)}`;
      const sequence = sequences.get(name);
      if (sequence === undefined) sequences.set(name, [{ event, first }]);
      else sequence.push({ event, first });
    }
    const reordered: Finding[] = [];
    let undecided = 0;
    for (const sequence of sequences.values()) {
      sequence.sort((a, b) => Number(a.first.offset - b.first.offset) || comparePlaces(a.event, b.event));
      let furthest = sequence[0];
      for (const one of sequence) {
        if (furthest === undefined || comparePlaces(one.event, furthest.event) > 0) furthest = one;
        if (!precedes(one.event, furthest.event)) continue;
        const { completeFromMs = -Infinity } = extents.get(partitionName(one.first)) ?? {};
        if (one.event.committedAt - CLOCK_MARGIN_MS < completeFromMs) undecided++;
        else {
          const overtakenBy = { ...shown(furthest.event), at: formatReceipt(furthest.first) };
          reordered.push({ kind: 'reordered', ...shown(one.event), at: formatReceipt(one.first), overtakenBy });
        }
      }
    }
    return { reordered, undecided };
  }
}

const identityOf = (topic: string, source: string, key: string, id: string): string =>
  `${topic}\n${source}\n${key}\n${id}`;

const partitionName = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}-${partition}`;

const shown = ({ pk, position, index, id, topic }: VerifiedEvent): VerifiedEvent => ({
  pk,
  position,
  index,
  id,
  topic,
});

/** Offsets of two partitions do not compare: when partitions were added, the time of the append tells. */
const firstOf = (deliveries: readonly Delivery[]): Delivery | undefined =>
  deliveries.reduce<Delivery | undefined>(
    (first, one) =>
      first === undefined || (one.partition !== first.partition && one.timestamp < first.timestamp) ? one : first,
    undefined,
  );

function comparePlaces(a: VerifiedEvent, b: VerifiedEvent): number {
  if (a.position === b.position) return a.index - b.index;
  return a.position < b.position ? -1 : 1;
}

/** Whether the outbox promises that `a` is delivered before `b`. */
function precedes(a: VerifiedEvent, b: VerifiedEvent): boolean {
  if (comparePlaces(a, b) >= 0) return false;
  if (a.position === b.position) return true;
  const [aMs, bMs] = [epochMsOfUuidV7(a.position), epochMsOfUuidV7(b.position)];
  if (aMs === undefined || bMs === undefined) return aMs === bMs;
  return bMs - aMs > CONCURRENT_MS;
}
