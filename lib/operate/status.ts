import { unavailablePartitions } from '../event/control';
import { controlStore } from '../relay/dynamodb/control';
import { holdSummary, type TableCounts } from '../sweep/table-counts';
import { sweepStore } from '../sweep/dynamodb-store';
import { SWEEPER_DEFAULTS } from '../sweep/environment';
import { newProgress } from '../sweep/scan-progress';
import { scanTable } from '../sweep/scan-table';
import { goneItems, type GoneItem } from './gone';
import { wait } from '../timing/wait';
import type { OutboxTarget } from './target';
import { DUE_MS, unpublished, OverdueItems, type Unpublished } from './unpublished';

/** How {@link status} reports progress. */
export interface StatusOptions {
  /** Called after each page with the number of items scanned so far. */
  readonly onProgress?: (scanned: number) => void;
}

/** A topic partition for which keys are held. */
export interface PartitionStatus {
  /** As Kafka's tools print it: `orders-3`. */
  readonly name: string;
  /** Epoch milliseconds: when its first key was held. */
  readonly sinceMs: number;
  /** Epoch milliseconds of the last send that failed. */
  readonly failedAt: number;
  readonly keys: number;
}

/** Counts and ages of what the table holds. */
export interface StatusReport extends TableCounts, Unpublished {
  readonly tableName: string;
  readonly atMs: number;
  /** Held keys that wait for an operator. Keys that wait for a partition are in `unavailablePartitions`. */
  readonly heldKeys: number;
  /** Keys that wait for an item which was deleted: the first ones by name, and how many there are. */
  readonly goneItems: { readonly count: number; readonly first: readonly GoneItem[] };
  /** Topic partitions that take no writes and for which the relay holds keys; it releases them by itself. */
  readonly unavailablePartitions: readonly PartitionStatus[];
  /** Epoch milliseconds: when the key that is held longest was first held. */
  readonly oldestHoldAt?: number;
  /**
   * Milliseconds until the stream drops the record of the oldest pending item, which it does after 24 hours; negative
   * when it has. The item itself stays in the table, and the sweeper finds it.
   */
  readonly streamEdgeMs?: number;
  /** Epoch milliseconds: since when a gap of the stream is suspected, so that the relay looks keys up first. */
  readonly gapSuspectedSince?: number;
  readonly streamArn?: string;
  /** Read units that the scan consumed. */
  readonly readUnits: number;
}

const GONE_KEPT = 10;
const STREAM_MS = 24 * 3_600_000;

/**
 * Counts every item of the table by its state. Reads only; costs half a read unit for every 4 KB of the table, at the
 * sweeper's pace. The scan is eventually consistent: items of the last seconds may be missing. If items seem to be
 * unpublished, it reads them again three seconds later.
 */
export async function status(target: OutboxTarget, options: StatusOptions = {}): Promise<StatusReport> {
  const { onProgress } = options;
  const { client, tableName, home } = target;
  const at = Date.now();
  const store = sweepStore(client, { tableName, ...SWEEPER_DEFAULTS, home }, Date, wait);
  const control = await controlStore(target).read();
  const late = new OverdueItems();
  const begun = newProgress(at, 0, SWEEPER_DEFAULTS.readUnitsPerSecond);
  const { progress, readUnits, failures } = await scanTable(store, control, begun, {
    overdueBefore: at - DUE_MS,
    now: at,
    goesOn: () => true,
    onPage: onProgress,
    onFinding: (finding) => late.add(finding),
  });
  if (failures.length > 0) throw new AggregateError(failures, 'A part of the table could not be read.');
  const { counts } = progress;
  const gone = await goneItems(target, control.holds.values());
  const unavailable = [...unavailablePartitions(control.holds.values()).values()];
  const proof = await unpublished(target, late, counts, { now: Date.now, pause: wait });
  return {
    ...counts,
    ...proof,
    tableName,
    atMs: at,
    ...holdSummary(control.holds.values()),
    goneItems: {
      count: gone.size,
      first: [...gone.values()].toSorted((a, b) => (a.pk < b.pk ? -1 : 1)).slice(0, GONE_KEPT),
    },
    unavailablePartitions: unavailable.map(({ name, since, failedAt, holds: keysHeld }) => ({
      ...{ name, sinceMs: since, failedAt, keys: keysHeld.length },
    })),
    streamEdgeMs: counts.oldestPendingAt === undefined ? undefined : counts.oldestPendingAt + STREAM_MS - at,
    gapSuspectedSince: control.gapSuspectedSince,
    streamArn: control.streamArn,
    readUnits,
  };
}
