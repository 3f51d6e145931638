import type { CommittedEvent, Delivery, ItemState, ReadModelState } from './record';

/** Observations from four independent sources: writers, consumer, table and shipping's read model. */
export interface Observations {
  readonly committed: readonly CommittedEvent[];
  readonly deliveries: readonly Delivery[];
  readonly items: readonly ItemState[];
  readonly readModel: ReadModelState;
}

export interface Verdict {
  /** Events acknowledged to the writers. */
  readonly committed: number;
  /** Distinct events on the topics. */
  readonly delivered: number;
  /** Committed and not delivered. */
  readonly lost: number;
  /** Deliveries of an event beyond its first. */
  readonly duplicates: number;
  /** First deliveries that came after a later event of their key, or on another partition than their key's others. */
  readonly reordered: number;
  /** Outbox items that are not marked. */
  readonly pending: number;
  /** From the commit, by the writer's clock, to the first arrival at the consumer, by its own. */
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  /** Delivered, but acknowledged to no writer. */
  readonly unexplained: number;
  /** Items that could expire unpublished, or that are marked without receipts or an expiry. */
  readonly unsoundItems: number;
  /** The effects of the events on shipping's read model. */
  readonly shipping: ShippingVerdict;
}

export interface ShippingVerdict {
  /** Events that changed a row, as the rows count them. */
  readonly effects: number;
  /** Events that were delivered a second time on purpose. */
  readonly deliveredTwice: number;
  /** Deliveries that were ignored, because their events were applied before. */
  readonly ignored: number;
  /** Orders whose row was not changed exactly once by each of their events, or does not show the last of them. */
  readonly wrongOrders: number;
  /** Own writes that were read back after waiting for their token. */
  readonly ownReads: number;
  /** Those of them that did not show the write. */
  readonly staleReads: number;
  /** From the commit to the read that showed it, the longest; `null` without such reads. */
  readonly slowestReadMs: number | null;
}

/** The events that shipping has a handler for. */
const SHIPPING_TYPES: readonly string[] = ['order.placed', 'order.paid', 'order.shipped', 'order.cancelled'];

export function judge({ committed, deliveries, items, readModel }: Observations): Verdict {
  const acknowledged = new Map(committed.map((event) => [event.id, event]));
  const first = firstDeliveries(deliveries);
  const delivered = new Set(first.map(({ id }) => id));
  const latencies = first.flatMap(({ id, arrivedAt }) => {
    const committedAt = acknowledged.get(id)?.committedAt;
    return committedAt === undefined ? [] : [arrivedAt - committedAt];
  });
  return {
    committed: acknowledged.size,
    delivered: delivered.size,
    lost: [...acknowledged.keys()].filter((id) => !delivered.has(id)).length,
    duplicates: distinctRecords(deliveries).length - first.length,
    reordered: countReordered(first, acknowledged),
    pending: items.filter(isPending).length,
    latencyMs: { p50: percentile(latencies, 50), p99: percentile(latencies, 99) },
    unexplained: first.filter(({ id }) => !acknowledged.has(id)).length,
    unsoundItems: items.filter((item) => !isSound(item)).length,
    shipping: judgeShipping([...acknowledged.values()], readModel),
  };
}

function judgeShipping(
  committed: readonly CommittedEvent[],
  { shipments, deliveredTwice, ignored, ownReads }: ReadModelState,
): ShippingVerdict {
  const expected = new Map<string, { changes: number; version: number }>();
  for (const { type, key, sequence } of committed) {
    if (!SHIPPING_TYPES.includes(type)) continue;
    const { changes = 0, version = 0 } = expected.get(key) ?? {};
    expected.set(key, { changes: changes + 1, version: Math.max(version, Number.parseInt(sequence, 10)) });
  }
  const shown = new Map(shipments.map((shipment) => [shipment.orderId, shipment]));
  const isRight = (key: string): boolean =>
    shown.get(key)?.changes === expected.get(key)?.changes && shown.get(key)?.version === expected.get(key)?.version;
  return {
    effects: shipments.reduce((sum, { changes }) => sum + changes, 0),
    deliveredTwice,
    ignored,
    wrongOrders: [...new Set([...expected.keys(), ...shown.keys()])].filter((key) => !isRight(key)).length,
    ownReads: ownReads.length,
    staleReads: ownReads.filter(({ shown }) => !shown).length,
    slowestReadMs: ownReads.length === 0 ? null : Math.max(...ownReads.map(({ afterMs }) => afterMs)),
  };
}

/** Duplicates are allowed: delivery is at least once. */
export const isPassed = ({ lost, reordered, pending, unexplained, unsoundItems, shipping }: Verdict): boolean =>
  lost + reordered + pending + unexplained + unsoundItems + shipping.wrongOrders + shipping.staleReads === 0;

export const isPending = ({ processedAt }: ItemState): boolean => processedAt === undefined;

function isSound({ processedAt, expiresAt, receipts, events }: ItemState): boolean {
  return processedAt === undefined ? expiresAt === undefined : expiresAt !== undefined && receipts === events.length;
}

/** A consumer that rejoins its group reads records again. That is no second delivery by the relay. */
function distinctRecords(deliveries: readonly Delivery[]): Delivery[] {
  const records = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const place = `${delivery.topic}-${delivery.partition}@${delivery.offset}`;
    if (!records.has(place)) records.set(place, delivery);
  }
  return [...records.values()];
}

/** In the order of the log, because deliveries may be recorded in another order. */
function firstDeliveries(deliveries: readonly Delivery[]): Delivery[] {
  const first = new Map<string, Delivery>();
  const inLogOrder = distinctRecords(deliveries).sort((a, b) => Number(a.offset - b.offset));
  for (const delivery of inLogOrder) if (!first.has(delivery.id)) first.set(delivery.id, delivery);
  return [...first.values()];
}

/**
 * Compares the sequences that the writers recorded, and those in the messages. By the messages alone, a relay that
 * reorders events and then numbers them would pass.
 */
function countReordered(first: readonly Delivery[], acknowledged: ReadonlyMap<string, CommittedEvent>): number {
  const latest = new Map<string, { partition: number; noted: string; said: string }>();
  let reordered = 0;
  for (const { id, topic, partition, stream, sequence: said } of first) {
    const event = acknowledged.get(id);
    const noted = event?.sequence ?? said;
    const place = `${topic} ${event?.stream ?? stream}`;
    const before = latest.get(place);
    if (before === undefined) {
      latest.set(place, { partition, noted, said });
    } else if (partition !== before.partition || noted <= before.noted || said <= before.said) {
      reordered += 1;
    } else {
      latest.set(place, { partition, noted, said });
    }
  }
  return reordered;
}

/** Nearest rank; `null` when there is nothing to rank. */
export function percentile(values: readonly number[], percent: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? null;
}

/** The last line of the output of `--json`. */
export function verdictLine(verdict: Verdict): string {
  const { committed, delivered, lost, duplicates, reordered, pending, latencyMs, shipping } = verdict;
  return JSON.stringify({ committed, delivered, lost, duplicates, reordered, pending, latencyMs, shipping });
}

/** The verdict for people: the results or the failures, one sentence each. */
export function verdictWords(verdict: Verdict): readonly string[] {
  const { committed, lost, reordered, pending, unexplained, unsoundItems, shipping } = verdict;
  if (committed === 0 && isPassed(verdict)) return ['Nothing was committed, so nothing was published.'];
  if (isPassed(verdict)) {
    return [
      `All ${committed} committed events arrived, in order per key; every outbox item is marked and will expire.`,
      `Lost 0, reordered 0, pending 0; ${duplicateWords(verdict)}.`,
      ...shippingWords(shipping),
    ];
  }
  const wrong: readonly (readonly [number, string])[] = [
    [lost, 'committed events did not arrive'],
    [reordered, 'events arrived after a later one of their key'],
    [pending, 'outbox items are still pending'],
    [unexplained, 'events arrived that no writer had committed'],
    [unsoundItems, 'outbox items expire unpublished, or are marked without receipts or an expiry'],
    [shipping.wrongOrders, "orders are wrong in shipping's read model: an effect is missing or happened twice"],
    [shipping.staleReads, 'reads after waiting for a token did not show what was written'],
  ];
  return wrong.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}.`);
}

function duplicateWords({ duplicates, shipping: { deliveredTwice } }: Verdict): string {
  if (duplicates === 0) return 'no duplicates';
  return `${duplicates} duplicates, ${deliveredTwice} of them made on purpose`;
}

function shippingWords({ effects, ignored, ownReads, slowestReadMs }: ShippingVerdict): string[] {
  const words = [
    `Shipping's read model: ${effects} effects, each once; ${ignored} deliveries were duplicates and ignored.`,
  ];
  if (ownReads === 0 || slowestReadMs === null) return words;
  return [
    ...words,
    `${ownReads} writes were read back from it after waitUntilApplied(token), the slowest ${slowestReadMs} ms after its commit.`,
  ];
}
