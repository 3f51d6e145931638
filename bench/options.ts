import { parseArgs } from 'node:util';

/** The events that Lambda passes to one invocation of the relay. */
export const EVENTS_PER_BATCH = 1_000;

export interface BenchOptions {
  /** Events that each run times. */
  readonly events: number;
  /** How often each scenario runs. */
  readonly rounds: number;
  /** One line of JSON instead of the tables. */
  readonly json: boolean;
}

const DEFAULTS = { events: 30_000, rounds: 5, json: false } as const satisfies BenchOptions;

const usageOf = (script: string): string =>
  `npm run ${script} -- [--events ${DEFAULTS.events}] [--rounds ${DEFAULTS.rounds}] [--json]`;

/** An option of the command line is unknown or has a value that is not allowed. */
export class BenchOptionError extends Error {
  override readonly name = 'BenchOptionError';
}

/**
 * @param script - the name of the npm script, for error messages
 * @throws BenchOptionError for an unknown option, or a value that is not allowed.
 */
export function parseBenchOptions(args: readonly string[], script = 'bench'): BenchOptions {
  const usage = usageOf(script);
  const values = valuesOf(args, usage);
  return {
    events: multipleOf('--events', values.events, EVENTS_PER_BATCH, usage) ?? DEFAULTS.events,
    rounds: multipleOf('--rounds', values.rounds, 1, usage) ?? DEFAULTS.rounds,
    json: values.json ?? DEFAULTS.json,
  };
}

function valuesOf(args: readonly string[], usage: string): { events?: string; rounds?: string; json?: boolean } {
  try {
    return parseArgs({
      args: [...args],
      options: { events: { type: 'string' }, rounds: { type: 'string' }, json: { type: 'boolean' } },
    }).values;
  } catch (cause) {
    throw new BenchOptionError(`${cause instanceof Error ? cause.message : String(cause)} Usage: ${usage}`, { cause });
  }
}

function multipleOf(option: string, text: string | undefined, step: number, usage: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && value % step === 0) return value;
  const allowed = step === 1 ? 'a positive integer' : `a positive multiple of ${step}, the events of one batch`;
  throw new BenchOptionError(`${option} is "${text}"; it must be ${allowed}. Usage: ${usage}`);
}
