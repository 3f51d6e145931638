import type { CommittedEvent, Delivery, ItemState, ReadModelState } from './record';

/** Observations from four independent sources: writers, consumer, table and shipping's read model. */
export interface Observations {
  readonly committed: readonly CommittedEvent[];
  readonly deliveries: readonly Delivery[];
  readonly items: readonly ItemState[];
  readonly readModel: ReadModelState;
}

export type Verdict = ReturnType<typeof judge>;

export function judge({ committed, deliveries, items, readModel }: Observations) {
  const acknowledged = new Map(committed.map((event) => [event.id, event]));
  const records = distinctRecords(deliveries);
  const first = firstOf(records, ({ id }) => id);
  const delivered = new Set(first.map(({ id }) => id));
  const latencies = first.flatMap(({ id, arrivedAt }) => {
    const committedAt = acknowledged.get(id)?.committedAt;
    return committedAt === undefined ? [] : [arrivedAt - committedAt];
  });
  return {
    committed: acknowledged.size,
    /** Distinct events on the topics. */
    delivered: delivered.size,
    /** Committed and not delivered. */
    lost: [...acknowledged.keys()].filter((id) => !delivered.has(id)).length,
    /** Deliveries of an event beyond its first. */
    duplicates: records.length - first.length,
    /** First deliveries after a later event of their key, or on another partition than their key's others. */
    reordered: countReordered(first, acknowledged),
    /** Outbox items that are not marked. */
    pending: items.filter(isPending).length,
    /** From the commit, by the writer's clock, to the first arrival at the consumer, by its own. */
    latencyMs: { p50: percentile(latencies, 50), p99: percentile(latencies, 99) },
    /** Delivered, but acknowledged to no writer. */
    unexplained: first.filter(({ id }) => !acknowledged.has(id)).length,
    /** Items that could expire unpublished, or that are marked without receipts or an expiry. */
    unsoundItems: items.filter((item) => !isSound(item)).length,
    /** The effects of the events on shipping's read model. */
    shipping: judgeShipping([...acknowledged.values()], readModel),
  };
}

/** The events that shipping has a handler for. */
const SHIPPING_TYPES: readonly string[] = ['order.placed', 'order.paid', 'order.shipped', 'order.cancelled'];

function judgeShipping(
  committed: readonly CommittedEvent[],
  { shipments, deliveredTwice, ignored, ownReads }: ReadModelState,
) {
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
    /** Events that changed a row, as the rows count them. */
    effects: shipments.reduce((sum, { changes }) => sum + changes, 0),
    ...{ deliveredTwice, ignored },
    /** Orders whose row was not changed exactly once by each of their events, or does not show the last of them. */
    wrongOrders: [...new Set([...expected.keys(), ...shown.keys()])].filter((key) => !isRight(key)).length,
    /** Own writes that were read back after waiting for their token. */
    ownReads: ownReads.length,
    /** Own reads that did not show the write. */
    staleReads: ownReads.filter(({ shown }) => !shown).length,
    slowestReadMs: ownReads.length === 0 ? null : Math.max(...ownReads.map(({ afterMs }) => afterMs)),
  };
}

/** Duplicates are allowed: delivery is at least once. */
export const isPassed = (verdict: Verdict): boolean => faultsOf(verdict).length === 0;

export const isPending = ({ processedAt }: ItemState): boolean => processedAt === undefined;

const isSound = ({ processedAt, expiresAt, receipts, events }: ItemState): boolean =>
  processedAt === undefined ? expiresAt === undefined : expiresAt !== undefined && receipts === events.length;

/** In the order of the log. A consumer that rejoins its group reads records again; that is no second delivery. */
const distinctRecords = (deliveries: readonly Delivery[]): Delivery[] =>
  firstOf(deliveries, ({ topic, partition, offset }) => `${topic}-${partition}@${offset}`).sort((a, b) =>
    Number(a.offset - b.offset),
  );

/** The first delivery of each name. */
function firstOf(deliveries: readonly Delivery[], nameOf: (delivery: Delivery) => string): Delivery[] {
  const names = new Set<string>();
  return deliveries.filter((delivery) => names.size < names.add(nameOf(delivery)).size);
}

/**
 * Compares the sequences that the writers recorded, and those in the messages. By the messages alone, a relay that
 * reorders events and then numbers them would pass.
 */
function countReordered(first: readonly Delivery[], acknowledged: ReadonlyMap<string, CommittedEvent>): number {
  const latest = new Map<string, { partition: number; recorded: string; sequence: string }>();
  let reordered = 0;
  for (const { id, topic, partition, stream, sequence } of first) {
    const event = acknowledged.get(id);
    const recorded = event?.sequence ?? sequence;
    const key = `${topic} ${event?.stream ?? stream}`;
    const before = latest.get(key) ?? { partition, recorded: '', sequence: '' };
    const inOrder = partition === before.partition && recorded > before.recorded && sequence > before.sequence;
    if (inOrder) latest.set(key, { partition, recorded, sequence });
    else reordered += 1;
  }
  return reordered;
}

/** Nearest rank; `null` when there is nothing to rank. */
export function percentile(values: readonly number[], percent: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? null;
}

/** The last line of the output of `--json`. */
export const verdictLine = ({ unexplained: _, unsoundItems: __, ...verdict }: Verdict): string =>
  JSON.stringify(verdict);

/** The verdict for people: the results or the failures, one sentence each. */
export function verdictWords(verdict: Verdict): readonly string[] {
  const { committed, duplicates, shipping } = verdict;
  const faults = faultsOf(verdict);
  if (faults.length > 0) return faults;
  if (committed === 0) return ['Nothing was committed, so nothing was published.'];
  const { effects, deliveredTwice, ignored, ownReads, slowestReadMs } = shipping;
  const repeated =
    duplicates === 0 ? 'no duplicates' : `${duplicates} duplicates, ${deliveredTwice} of them made on purpose`;
  return [
    `All ${committed} committed events arrived, in order per key; every outbox item is marked and will expire.`,
    `Lost 0, reordered 0, pending 0; ${repeated}.`,
    `Shipping's read model: ${effects} effects, each once; ${ignored} deliveries were duplicates and ignored.`,
    ...(slowestReadMs === null
      ? []
      : [
          `${ownReads} writes were read back from it after waitUntilApplied(token), the slowest ${slowestReadMs} ms after its commit.`,
        ]),
  ];
}

function faultsOf({ lost, reordered, pending, unexplained, unsoundItems, shipping }: Verdict): string[] {
  const faults: readonly (readonly [number, string])[] = [
    [lost, 'committed events did not arrive'],
    [reordered, 'events arrived after a later one of their key'],
    [pending, 'outbox items are still pending'],
    [unexplained, 'events arrived that no writer had committed'],
    [unsoundItems, 'outbox items expire unpublished, or are marked without receipts or an expiry'],
    [shipping.wrongOrders, "orders are wrong in shipping's read model: an effect is missing or happened twice"],
    [shipping.staleReads, 'reads after waiting for a token did not show what was written'],
  ];
  return faults.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}.`);
}
