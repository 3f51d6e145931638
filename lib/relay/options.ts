import { DYNAMODB_TIMING, REPLICATION_WAIT_MS, slowestRoundMs, type RelayConfig } from './environment';
import type { RoundLimits } from './plan-round';

/** Without an `outboxId`, as in tests, the relay does not check the owner of the table. */
export interface RelayOptions extends RoundLimits, Pick<RelayConfig, 'order' | 'maxPartitionHolds' | 'outboxId'> {
  /** A round starts only with at least this much time left: the maximum duration of a round, marks included. */
  readonly minRoundMs: number;
  /** An item is parked only with at least this much time left. */
  readonly minParkMs: number;
  /** With strict order on a table with replicas: how long an item waits for a missing previous version. */
  readonly replicationWaitMs?: number;
  readonly lateAfterMs: number;
  readonly partitionPatienceMs: number;
}

/** The options of a relay with this configuration, whose times are in seconds. */
export const relayOptionsOf = (
  config: Pick<
    RelayConfig,
    | 'maxBatchBytes'
    | 'requestTimeoutMs'
    | 'order'
    | 'home'
    | 'lateAfterSeconds'
    | 'partitionPatienceSeconds'
    | 'maxPartitionHolds'
    | 'outboxId'
  >,
): RelayOptions => ({
  maxBatchBytes: config.maxBatchBytes,
  maxMessages: 1_000,
  minRoundMs: slowestRoundMs(config),
  minParkMs: DYNAMODB_TIMING.slowestCallMs,
  order: config.order,
  replicationWaitMs: config.home === undefined ? 0 : REPLICATION_WAIT_MS,
  lateAfterMs: config.lateAfterSeconds * 1000,
  partitionPatienceMs: config.partitionPatienceSeconds * 1000,
  maxPartitionHolds: config.maxPartitionHolds,
  outboxId: config.outboxId,
});
