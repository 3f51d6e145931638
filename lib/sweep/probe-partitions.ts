import { isProbeDue, probedHold, unavailablePartitions } from '../event/control';
import { newSignal } from '../event/signal';
import { PROBE_EVENT } from './environment';
import type { SweepStore } from './ports';

export const isProbeEvent = (event: unknown): boolean =>
  typeof event === 'object' && event !== null && 'task' in event && event.task === PROBE_EVENT.task;

export interface PartitionProbeReport {
  /** Names of the partitions for which keys are held, such as `orders-3`. */
  readonly partitions: readonly string[];
  /** Number of keys that are held for them. */
  readonly keys: number;
  /** Number of partitions that the relay was asked to try again. */
  readonly probes: number;
  readonly failures: readonly unknown[];
}

/**
 * Asks the relay to try each partition with held keys, by one key, unless it was tried some seconds ago. While a table
 * is written to, the relay does this itself; a quiet table invokes no relay.
 *
 * Costs one read of the control partition if no key is held. Rejects if that read fails.
 */
export async function probePartitions(
  store: Pick<SweepStore, 'readControl' | 'send'>,
  { by, now }: { readonly by: string; readonly now: () => number },
): Promise<PartitionProbeReport> {
  const { holds } = await store.readControl();
  const partitions = [...unavailablePartitions(holds.values()).values()];
  const failures: unknown[] = [];
  let probes = 0;
  for (const partition of partitions) {
    const at = now();
    const hold = probedHold(partition, at);
    if (hold === undefined || !isProbeDue(partition, at)) continue;
    const request = { by, at, why: `whether ${partition.name} accepts writes again` };
    try {
      await store.send(newSignal(hold.pk, at, { kind: 'drain', from: hold.position, request }));
      probes++;
    } catch (error) {
      failures.push(error);
    }
  }
  const keys = partitions.reduce((sum, { holds: ofPartition }) => sum + ofPartition.length, 0);
  return { partitions: partitions.map(({ name }) => name), keys, probes, failures };
}
