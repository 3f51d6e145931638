import { OutboxError } from './errors';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the variables that a construct sets. */
export interface EnvironmentReader {
  /** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
  refuse(variable: string, allowed: string): never;
  text(variable: string): string;
  optionalText(variable: string): string | undefined;
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
  return { refuse, text, optionalText: (variable) => environment[variable] };
}

/** How a value of a configuration is written to an environment variable, and read from it. */
export interface Variable<T> {
  readonly name: string;
  readonly decode: (read: EnvironmentReader) => T;
}

export type Variables<Config> = { readonly [Name in keyof Required<Config>]: Variable<Config[Name]> };

export const textVariable = (name: string): Variable<string> => ({ name, decode: (read) => read.text(name) });

/** @param otherwise - value for a variable that an earlier version of the construct did not set */
export const integerVariable = (name: string, min: number, otherwise?: number): Variable<number> => ({
  name,
  decode(read) {
    if (otherwise !== undefined && read.optionalText(name) === undefined) return otherwise;
    const value = Number(read.text(name));
    return Number.isSafeInteger(value) && value >= min ? value : read.refuse(name, `an integer of at least ${min}`);
  },
});

export const choiceVariable = <T extends string>(name: string, allowed: readonly T[]): Variable<T> => ({
  name,
  decode: (read) =>
    allowed.find((value) => value === read.optionalText(name)) ?? read.refuse(name, `one of ${allowed.join(', ')}`),
});

export const optionalVariable = <T>({ name, decode }: Variable<T>): Variable<T | undefined> => ({
  name,
  decode: (read) => (read.optionalText(name) === undefined ? undefined : decode(read)),
});

/** Writes a configuration, lists separated by commas. Values may be CDK tokens, so they are not validated. */
export const encodeVariables = <Config extends object>(
  variables: Variables<Config>,
  config: Config,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries<Variable<unknown>>(variables).flatMap(([key, { name }]) => {
      const value = config[key as keyof Config] as string | number | readonly string[] | undefined;
      return value === undefined ? [] : [[name, String(value)]];
    }),
  );

/** @throws OutboxError `invalid-environment`, naming the variable, its value and what is allowed. */
export const decodeVariables = <Config>(variables: Variables<Config>, read: EnvironmentReader): Config =>
  Object.fromEntries(
    Object.entries<Variable<unknown>>(variables).map(([key, { decode }]) => [key, decode(read)]),
  ) as Config;
