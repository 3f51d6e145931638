import { parseArgs } from 'node:util';
import { BenchOptionError } from '../options';

export interface DeliveryOptions<Part extends string> {
  /** Of a drain. */
  readonly events: number;
  /** How often each drain runs; subjects take turns within a round. */
  readonly rounds: number;
  /** Of each step of a ladder. */
  readonly seconds: number;
  readonly parts: readonly Part[];
  /** Only the subjects whose name contains one of these. Empty: all. */
  readonly subjects: readonly string[];
  readonly json: boolean;
  /** Replaces the sections of the page that were measured. */
  readonly write: boolean;
}

/** @throws BenchOptionError for an unknown option, or a value that is not allowed. */
export function parseDeliveryOptions<Part extends string>(
  args: readonly string[],
  script: string,
  allParts: readonly Part[],
  defaults: Pick<DeliveryOptions<Part>, 'events' | 'rounds' | 'seconds'>,
): DeliveryOptions<Part> {
  const { events, rounds, seconds } = defaults;
  const usage = `Usage: npm run ${script} -- [--events ${events}] [--rounds ${rounds}] [--seconds ${seconds}] [--only ${allParts.join(',')}] [--subjects NAME,…] [--json] [--write]`;
  const values = valuesOf(args, usage);
  const number = (name: 'events' | 'rounds' | 'seconds'): number => {
    const text = values[name];
    const value = text === undefined ? defaults[name] : Number(text);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new BenchOptionError(`--${name} is "${text ?? ''}"; it must be a whole number above 0. ${usage}`);
  };
  const parts = values.only?.split(',') ?? allParts;
  const unknown = parts.find((part) => !allParts.includes(part as Part));
  if (unknown !== undefined) {
    throw new BenchOptionError(`--only has "${unknown}"; it must be of ${allParts.join(', ')}. ${usage}`);
  }
  if (values.write === true && values.subjects !== undefined) {
    throw new BenchOptionError(`--write replaces the figures of all subjects, so it excludes --subjects. ${usage}`);
  }
  return {
    events: number('events'),
    rounds: number('rounds'),
    seconds: number('seconds'),
    parts: allParts.filter((part) => parts.includes(part)),
    subjects: values.subjects?.split(',') ?? [],
    json: values.json ?? false,
    write: values.write ?? false,
  };
}

function valuesOf(args: readonly string[], usage: string) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { events: text, rounds: text, seconds: text, only: text, subjects: text, json: flag, write: flag },
    }).values;
  } catch (cause) {
    throw new BenchOptionError(`${cause instanceof Error ? cause.message : String(cause)} ${usage}`, { cause });
  }
}
