import { OutboxError } from '../event/errors';

/** Everything that configures a deployed sweeper: written by the construct, read by the handler. */
export interface SweeperConfig {
  readonly tableName: string;
  /** Value of the metrics dimension `Outbox`. */
  readonly outboxName: string;
  /** After which time an item should have been published. */
  readonly sweepAfterSeconds: number;
  /** The scan takes no more than this of the table's throughput. */
  readonly readUnitsPerSecond: number;
}

export const SWEEPER_DEFAULTS = {
  sweepAfterSeconds: 3_600,
  /** A twelfth of what a new on-demand table gives. */
  readUnitsPerSecond: 1_000,
} as const satisfies Partial<SweeperConfig>;

/** By this variable a function of a template is known to be the sweeper. */
export const SWEEP_AFTER_VARIABLE = 'OUTBOX_SWEEP_AFTER_SECONDS';

const VARIABLES = {
  tableName: 'OUTBOX_TABLE_NAME',
  outboxName: 'OUTBOX_NAME',
  sweepAfterSeconds: SWEEP_AFTER_VARIABLE,
  readUnitsPerSecond: 'OUTBOX_SWEEP_READ_UNITS_PER_SECOND',
} as const;

/** The environment variables of a configuration. Values may be CDK tokens: nothing is inspected. */
export const encodeSweeperConfig = (config: SweeperConfig): Record<string, string> => ({
  [VARIABLES.tableName]: config.tableName,
  [VARIABLES.outboxName]: config.outboxName,
  [VARIABLES.sweepAfterSeconds]: String(config.sweepAfterSeconds),
  [VARIABLES.readUnitsPerSecond]: String(config.readUnitsPerSecond),
});

/**
 * The configuration that the environment holds.
 *
 * @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed.
 */
export function decodeSweeperConfig(environment: Readonly<Record<string, string | undefined>>): SweeperConfig {
  const refuse = (variable: string, allowed: string): never => {
    const got = environment[variable];
    throw new OutboxError(
      'invalid-environment',
      `Environment variable ${variable} is ${got === undefined ? 'not set' : JSON.stringify(got)}; it must be ${allowed}. The Outbox construct sets it: deploy the stack again instead of editing the function.`,
      { variable, got, allowed },
    );
  };
  const text = (variable: string): string => {
    const value = environment[variable];
    return value === undefined || value === '' ? refuse(variable, 'a non-empty text') : value;
  };
  const positive = (variable: string): number => {
    const value = Number(text(variable));
    return Number.isSafeInteger(value) && value >= 1 ? value : refuse(variable, 'an integer of at least 1');
  };
  return {
    tableName: text(VARIABLES.tableName),
    outboxName: text(VARIABLES.outboxName),
    sweepAfterSeconds: positive(VARIABLES.sweepAfterSeconds),
    readUnitsPerSecond: positive(VARIABLES.readUnitsPerSecond),
  };
}
