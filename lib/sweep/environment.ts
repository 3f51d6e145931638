import { environmentReader, type Environment } from '../event/environment';
import { decodeHomeRegion, encodeHomeRegion, type HomeRegion } from '../event/home-region';

/** Everything that configures a deployed sweeper: written by the construct, read by the handler. */
export interface SweeperConfig {
  readonly tableName: string;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** After which time an item should have been published. */
  readonly sweepAfterSeconds: number;
  /** The scan takes no more than this of the table's throughput. */
  readonly readUnitsPerSecond: number;
  /** How often a run is scheduled: a table that takes several runs is seen less often. */
  readonly sweepEverySeconds: number;
  /** For a table with several regions; left out for one that is published from here alone. */
  readonly home?: HomeRegion;
}

export const SWEEPER_DEFAULTS = {
  sweepAfterSeconds: 3_600,
  /** A twelfth of what a new on-demand table gives. */
  readUnitsPerSecond: 1_000,
  sweepEverySeconds: 3_600,
} as const satisfies Partial<SweeperConfig>;

/** With this event the sweeper only asks for partitions to be tried again for which keys are held; with any other it sweeps. */
export const PROBE_EVENT = { task: 'probe-partitions' } as const;

/** By this variable a function of a template is known to be the sweeper. */
export const SWEEP_AFTER_VARIABLE = 'OUTBOX_SWEEP_AFTER_SECONDS';

const VARIABLES = {
  tableName: 'OUTBOX_TABLE_NAME',
  outboxName: 'OUTBOX_NAME',
  sweepAfterSeconds: SWEEP_AFTER_VARIABLE,
  readUnitsPerSecond: 'OUTBOX_SWEEP_READ_UNITS_PER_SECOND',
  sweepEverySeconds: 'OUTBOX_SWEEP_EVERY_SECONDS',
} as const;

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
export const encodeSweeperConfig = (config: SweeperConfig): Record<string, string> => ({
  [VARIABLES.tableName]: config.tableName,
  [VARIABLES.outboxName]: config.outboxName,
  [VARIABLES.sweepAfterSeconds]: String(config.sweepAfterSeconds),
  [VARIABLES.readUnitsPerSecond]: String(config.readUnitsPerSecond),
  [VARIABLES.sweepEverySeconds]: String(config.sweepEverySeconds),
  ...encodeHomeRegion(config.home),
});

/**
 * The configuration that the environment holds.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeSweeperConfig(environment: Environment): SweeperConfig {
  const read = environmentReader(environment, 'Outbox');
  return {
    tableName: read.text(VARIABLES.tableName),
    outboxName: read.text(VARIABLES.outboxName),
    sweepAfterSeconds: read.integer(VARIABLES.sweepAfterSeconds, 1),
    readUnitsPerSecond: read.integer(VARIABLES.readUnitsPerSecond, 1),
    sweepEverySeconds: read.integer(VARIABLES.sweepEverySeconds, 1, SWEEPER_DEFAULTS.sweepEverySeconds),
    home: decodeHomeRegion(read),
  };
}
