import {
  decodeVariables,
  encodeVariables,
  environmentReader,
  integerVariable,
  optionalVariable,
  textVariable,
  type Environment,
  type Variables,
} from '../event/environment';
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
  /** Maximum seconds from one pass over the whole table to the next one. */
  readonly fullSweepIntervalSeconds: number;
  /** The event source mapping of the relay. Without it, every run reads the whole table. */
  readonly mappingId?: string;
  /** For a table with several regions; left out if only this region publishes. */
  readonly home?: HomeRegion;
}

export const SWEEPER_DEFAULTS = {
  overdueAfterSeconds: 3_600,
  /** A twelfth of the read throughput of a new on-demand table. */
  readUnitsPerSecond: 1_000,
  sweepIntervalSeconds: 3_600,
  /** A loss without a cause is found before the stream drops the records after it. */
  fullSweepIntervalSeconds: 43_200,
} as const satisfies Partial<SweeperConfig>;

/** With this event the sweeper only requests tries of partitions with held keys; with any other event it sweeps. */
export const PROBE_EVENT = { task: 'probe-partitions' } as const;

/** This variable identifies the sweeper's function in a template. */
export const SWEEP_AFTER_VARIABLE = 'OUTBOX_SWEEP_AFTER_SECONDS';

const VARIABLES: Variables<Omit<SweeperConfig, 'home'>> = {
  tableName: textVariable('OUTBOX_TABLE_NAME'),
  outboxName: textVariable('OUTBOX_NAME'),
  overdueAfterSeconds: integerVariable(SWEEP_AFTER_VARIABLE, 1),
  readUnitsPerSecond: integerVariable('OUTBOX_SWEEP_READ_UNITS_PER_SECOND', 1),
  sweepIntervalSeconds: integerVariable('OUTBOX_SWEEP_EVERY_SECONDS', 1, SWEEPER_DEFAULTS.sweepIntervalSeconds),
  fullSweepIntervalSeconds: integerVariable(
    'OUTBOX_FULL_SWEEP_EVERY_SECONDS',
    1,
    SWEEPER_DEFAULTS.fullSweepIntervalSeconds,
  ),
  mappingId: optionalVariable(textVariable('OUTBOX_MAPPING_ID')),
};

/** The environment variables of a configuration. Values may be CDK tokens, so they are not validated. */
export const encodeSweeperConfig = (config: SweeperConfig): Record<string, string> => ({
  ...encodeVariables(VARIABLES, config),
  ...encodeHomeRegion(config.home),
});

/**
 * Reads the configuration from the environment.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeSweeperConfig(environment: Environment): SweeperConfig {
  const read = environmentReader(environment, 'Outbox');
  return { ...decodeVariables(VARIABLES, read), home: decodeHomeRegion(read) };
}
