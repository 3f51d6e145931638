/** The result of a lookup: the value, or why it is not known and perhaps how to find out. */
export type Lookup<T> = { readonly value: T } | Unknown;

export interface Unknown {
  readonly because: string;
  readonly remedy?: string;
}

export const known = <T>(value: T): Lookup<T> => ({ value });

/** Derives the next value, if the first is known. */
export const then = <T, U>(lookup: Lookup<T>, next: (value: T) => Lookup<U>): Lookup<U> =>
  'because' in lookup ? lookup : next(lookup.value);

export const map = <T, U>(lookup: Lookup<T>, change: (value: T) => U): Lookup<U> =>
  then(lookup, (value) => known(change(value)));

export const both = <T, U>(first: Lookup<T>, second: Lookup<U>): Lookup<readonly [T, U]> =>
  then(first, (a) => then(second, (b) => known([a, b] as const)));

/** Turns `undefined`, which means not existing, into an unknown value. */
export const existing = <T>(lookup: Lookup<T | undefined>, what: string): Lookup<T> =>
  then(lookup, (value) => (value === undefined ? { because: `there is no such ${what}` } : known(value)));

export const NOT_LOCAL = { because: 'not checked on the local stack' } as const;

/** An error becomes the reason why the value is unknown. An `absence` error becomes a known `undefined`. */
export function lookUp<T>(ask: () => Promise<T>): Promise<Lookup<T>>;
export function lookUp<T>(
  ask: () => Promise<T>,
  absence: new (...args: never[]) => Error,
): Promise<Lookup<T | undefined>>;
export async function lookUp<T>(
  ask: () => Promise<T>,
  absence?: new (...args: never[]) => Error,
): Promise<Lookup<T | undefined>> {
  try {
    return known(await ask());
  } catch (error) {
    if (absence !== undefined && error instanceof absence) return known(undefined);
    if (!(error instanceof Error)) return { because: String(error) };
    // DynamoDB Local knows fewer operations than DynamoDB.
    return error.name === 'UnknownOperationException' ? NOT_LOCAL : { because: `${error.name}: ${error.message}` };
  }
}
