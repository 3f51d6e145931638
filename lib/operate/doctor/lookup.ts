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

/** `warn`: it works, but not as well as it could. `unknown`: it could not be checked. */
export type DoctorVerdict = 'ok' | 'warn' | 'wrong' | 'unknown';

/** The verdict of one check. */
export interface DoctorLine {
  readonly check: string;
  readonly verdict: DoctorVerdict;
  /** The state that was found; for `unknown`, why it is not known. */
  readonly found: string;
  /** How to fix it, or how to find out. Commands stand between backticks. */
  readonly remedy?: string;
}

export type CheckResult = Omit<DoctorLine, 'check'>;

export const line = <T>(check: string, lookup: Lookup<T>, decide: (value: T) => CheckResult): DoctorLine => ({
  check,
  ...('because' in lookup ? unknown(lookup) : decide(lookup.value)),
});

export const unknown = ({ because, remedy }: Unknown): CheckResult => ({ verdict: 'unknown', found: because, remedy });
export const ok = (found: string): CheckResult => ({ verdict: 'ok', found });
export const warn = (found: string, remedy: string): CheckResult => ({ verdict: 'warn', found, remedy });
export const wrong = (found: string, remedy: string): CheckResult => ({ verdict: 'wrong', found, remedy });

export const worstOf = (results: readonly CheckResult[]): DoctorVerdict =>
  (['wrong', 'warn', 'unknown'] as const).find((worst) => results.some(({ verdict }) => verdict === worst)) ?? 'ok';

/** CloudFormation compares a template with the previous one, not with the deployed resources. */
export const BY_HAND = 'Deploying an unchanged template again does not undo what was changed by hand.';
