import type { Order } from './environment';
import type { RoundLimits } from './plan-round';

export interface RelayOptions extends RoundLimits {
  /** A round starts only with at least this much time left: the maximum duration of a round, marks included. */
  readonly minRoundMs: number;
  /** An item is parked only with at least this much time left. */
  readonly minParkMs: number;
  /** `strict`: versions are dense from 1 on, and an item waits for the version before it. */
  readonly order: Order;
  /** With strict order on a table with replicas: how long an item waits for a missing previous version. */
  readonly replicationWaitMs?: number;
  /** Age of a record from which the stream may have dropped records before it. */
  readonly lateAfterMs: number;
  /** How long a partition must have failed alone before its keys are held. */
  readonly partitionPatienceMs: number;
  /** Maximum number of keys that are held for partitions; beyond it the shard waits. */
  readonly maxPartitionHolds: number;
  /** The id of this outbox as the table's owner. If left out, as in tests, the relay does not check the owner. */
  readonly outboxId?: string;
}
