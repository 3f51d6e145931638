import { OutboxError } from './errors';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the variables that a construct sets. */
export interface EnvironmentReader {
  /** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
  refuse(variable: string, allowed: string): never;
  text(variable: string): string;
  optionalText(variable: string): string | undefined;
  /** @param otherwise - value for a variable that an earlier version of the construct did not set */
  integer(variable: string, min: number, otherwise?: number): number;
  oneOf<T extends string>(variable: string, allowed: readonly T[]): T;
}

/** @param construct - name of the construct that sets the variables, for the advice in errors */
export function environmentReader(environment: Environment, construct: string): EnvironmentReader {
  const refuse = (variable: string, allowed: string): never => {
    const got = environment[variable];
    throw new OutboxError(
      'invalid-environment',
      `Environment variable ${variable} is ${got === undefined ? 'not set' : JSON.stringify(got)}; it must be ${allowed}. The ${construct} construct sets it: deploy the stack again instead of editing the function.`,
      { variable, got, allowed },
    );
  };
  const text = (variable: string): string => {
    const value = environment[variable];
    return value === undefined || value === '' ? refuse(variable, 'a non-empty text') : value;
  };
  return {
    refuse,
    text,
    optionalText: (variable) => environment[variable],
    integer(variable, min, otherwise) {
      if (otherwise !== undefined && environment[variable] === undefined) return otherwise;
      const value = Number(text(variable));
      return Number.isSafeInteger(value) && value >= min ? value : refuse(variable, `an integer of at least ${min}`);
    },
    oneOf: (variable, allowed) =>
      allowed.find((name) => name === environment[variable]) ?? refuse(variable, `one of ${allowed.join(', ')}`),
  };
}
