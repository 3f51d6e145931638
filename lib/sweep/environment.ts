import { environmentReader, type Environment } from '../event/environment';
import { decodeHomeRegion, encodeHomeRegion, type HomeRegion } from '../event/home-region';

/** The configuration of a deployed sweeper: the construct writes it, the handler reads it. */
export interface SweeperConfig {
  readonly tableName: string;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** Age in seconds from which an unpublished item is overdue. */
  readonly overdueAfterSeconds: number;
  /** Maximum read units per second of the scan. */
  readonly readUnitsPerSecond: number;
  /** Interval of the scheduled runs: a table that takes several runs is read less often. */
  readonly sweepIntervalSeconds: number;
  /** For a table with several regions; left out if only this region publishes. */
  readonly home?: HomeRegion;
}

export const SWEEPER_DEFAULTS = {
  overdueAfterSeconds: 3_600,
  /** A twelfth of the read throughput of a new on-demand table. */
  readUnitsPerSecond: 1_000,
  sweepIntervalSeconds: 3_600,
} as const satisfies Partial<SweeperConfig>;

/** With this event the sweeper only requests tries of partitions with held keys; with any other event it sweeps. */
export const PROBE_EVENT = { task: 'probe-partitions' } as const;

/** This variable identifies the sweeper's function in a template. */
export const SWEEP_AFTER_VARIABLE = 'OUTBOX_SWEEP_AFTER_SECONDS';

const VARIABLES = {
  tableName: 'OUTBOX_TABLE_NAME',
  outboxName: 'OUTBOX_NAME',
  overdueAfterSeconds: SWEEP_AFTER_VARIABLE,
  readUnitsPerSecond: 'OUTBOX_SWEEP_READ_UNITS_PER_SECOND',
  sweepIntervalSeconds: 'OUTBOX_SWEEP_EVERY_SECONDS',
} as const;

/** The environment variables of a configuration. Values may be CDK tokens, so they are not validated. */
export const encodeSweeperConfig = (config: SweeperConfig): Record<string, string> => ({
  [VARIABLES.tableName]: config.tableName,
  [VARIABLES.outboxName]: config.outboxName,
  [VARIABLES.overdueAfterSeconds]: String(config.overdueAfterSeconds),
  [VARIABLES.readUnitsPerSecond]: String(config.readUnitsPerSecond),
  [VARIABLES.sweepIntervalSeconds]: String(config.sweepIntervalSeconds),
  ...encodeHomeRegion(config.home),
});

/**
 * Reads the configuration from the environment.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeSweeperConfig(environment: Environment): SweeperConfig {
  const read = environmentReader(environment, 'Outbox');
  return {
    tableName: read.text(VARIABLES.tableName),
    outboxName: read.text(VARIABLES.outboxName),
    overdueAfterSeconds: read.integer(VARIABLES.overdueAfterSeconds, 1),
    readUnitsPerSecond: read.integer(VARIABLES.readUnitsPerSecond, 1),
    sweepIntervalSeconds: read.integer(VARIABLES.sweepIntervalSeconds, 1, SWEEPER_DEFAULTS.sweepIntervalSeconds),
    home: decodeHomeRegion(read),
  };
}
