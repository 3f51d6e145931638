import type { Order } from './environment';
import type { RoundLimits } from './rounds';

export interface RelayOptions extends RoundLimits {
  /** A round is started only with this much time left: what the slowest one can take, its marks included. */
  readonly minRoundMs: number;
  /** An item is parked only with this much time left. */
  readonly minParkMs: number;
  /** `strict`: versions are dense from 1 on, and an item waits for the version before it. */
  readonly order: Order;
  /** With strict order on a table with replicas: how long an item waits for a version before it that is not there. */
  readonly replicationWaitMs?: number;
  /** A record that is older may follow others that the stream has already dropped. */
  readonly lateAfterMs: number;
  /** A partition must have failed alone for this long before its keys are held for it. */
  readonly partitionPatienceMs: number;
  /** No more keys than these are held for partitions; beyond that the shard waits. */
  readonly maxPartitionHolds: number;
  /** This outbox, as the table's owner is named. Left out: the owner is not looked at, as in tests. */
  readonly outboxId?: string;
}
