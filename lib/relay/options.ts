import type { RelayConfig } from './environment';
import type { RoundLimits } from './plan-round';

/** Without an `outboxId`, as in tests, the relay does not check the owner of the table. */
export interface RelayOptions extends RoundLimits, Pick<RelayConfig, 'order' | 'maxPartitionHolds' | 'outboxId'> {
  /** A round starts only with at least this much time left: the maximum duration of a round, marks included. */
  readonly minRoundMs: number;
  /** An item is parked only with at least this much time left. */
  readonly minParkMs: number;
  /** With strict order on a table with replicas: how long an item waits for a missing previous version. */
  readonly replicationWaitMs?: number;
  /** Age of a record from which the stream may have dropped records before it. */
  readonly lateAfterMs: number;
  /** How long a partition must have failed alone before its keys are held. */
  readonly partitionPatienceMs: number;
}
