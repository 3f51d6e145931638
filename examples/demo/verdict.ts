import type { CommittedEvent, Delivery, ItemState } from './record';

/** What was observed, by three parties that know nothing of each other: writers, consumer, table. */
export interface Observations {
  readonly committed: readonly CommittedEvent[];
  readonly deliveries: readonly Delivery[];
  readonly items: readonly ItemState[];
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
}

export function judge({ committed, deliveries, items }: Observations): Verdict {
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
  };
}

/** Duplicates do no harm: delivery is at least once. */
export const isPassed = ({ lost, reordered, pending, unexplained, unsoundItems }: Verdict): boolean =>
  lost + reordered + pending + unexplained + unsoundItems === 0;

export const isPending = ({ processedAt }: ItemState): boolean => processedAt === undefined;

function isSound({ processedAt, expiresAt, receipts, events }: ItemState): boolean {
  return processedAt === undefined ? expiresAt === undefined : expiresAt !== undefined && receipts === events.length;
}

/** A consumer that rejoins its group reads records again; that is no second delivery by the relay. */
function distinctRecords(deliveries: readonly Delivery[]): Delivery[] {
  const records = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const place = `${delivery.topic}-${delivery.partition}@${delivery.offset}`;
    if (!records.has(place)) records.set(place, delivery);
  }
  return [...records.values()];
}

/** In the order of the log, whatever order they were noted down in. */
function firstDeliveries(deliveries: readonly Delivery[]): Delivery[] {
  const first = new Map<string, Delivery>();
  const inLogOrder = distinctRecords(deliveries).sort((a, b) => Number(a.offset - b.offset));
  for (const delivery of inLogOrder) if (!first.has(delivery.id)) first.set(delivery.id, delivery);
  return [...first.values()];
}

/**
 * Events are compared by what the writers noted, and by what the message says: a relay that numbers what it has
 * reordered must not pass.
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

/** The line that `--json` ends with. */
export function verdictLine(verdict: Verdict): string {
  const { committed, delivered, lost, duplicates, reordered, pending, latencyMs } = verdict;
  return JSON.stringify({ committed, delivered, lost, duplicates, reordered, pending, latencyMs });
}

/** The verdict for people: what holds, or what is wrong, one sentence each. */
export function verdictWords(verdict: Verdict): readonly string[] {
  const { committed, lost, duplicates, reordered, pending, unexplained, unsoundItems } = verdict;
  if (committed === 0 && isPassed(verdict)) return ['Nothing was committed, so nothing was published.'];
  if (isPassed(verdict)) {
    return [
      `All ${committed} committed events arrived, in order per key; every outbox item is marked and will expire.`,
      `Lost 0, reordered 0, pending 0; ${duplicates === 0 ? 'no duplicates' : `${duplicates} duplicates, which consumers must expect`}.`,
    ];
  }
  const wrong: readonly (readonly [number, string])[] = [
    [lost, 'committed events did not arrive'],
    [reordered, 'events arrived after a later one of their key'],
    [pending, 'outbox items are still pending'],
    [unexplained, 'events arrived that no writer had committed'],
    [unsoundItems, 'outbox items expire unpublished, or are marked without receipts or an expiry'],
  ];
  return wrong.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}.`);
}
