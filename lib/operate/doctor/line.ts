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

/** A fact, or why it is not known, and perhaps how to find out. */
export type Fact<T> = { readonly value: T } | Unknown;

export interface Unknown {
  readonly because: string;
  readonly remedy?: string;
}

export const known = <T>(value: T): Fact<T> => ({ value });

/** Derives the next fact, if the first is known. */
export const then = <T, U>(fact: Fact<T>, next: (value: T) => Fact<U>): Fact<U> =>
  'because' in fact ? fact : next(fact.value);

export const both = <T, U>(first: Fact<T>, second: Fact<U>): Fact<readonly [T, U]> =>
  then(first, (a) => then(second, (b) => known([a, b] as const)));

/** Turns `undefined`, which means not existing, into an unknown fact. */
export const existing = <T>(fact: Fact<T | undefined>, what: string): Fact<T> =>
  then(fact, (value) => (value === undefined ? { because: `there is no such ${what}` } : known(value)));

export type Judgement = Omit<DoctorLine, 'check'>;

export const line = <T>(check: string, fact: Fact<T>, decide: (value: T) => Judgement): DoctorLine => ({
  check,
  ...('because' in fact ? unknown(fact) : decide(fact.value)),
});

export const unknown = ({ because, remedy }: Unknown): Judgement => ({ verdict: 'unknown', found: because, remedy });
export const ok = (found: string): Judgement => ({ verdict: 'ok', found });
export const warn = (found: string, remedy: string): Judgement => ({ verdict: 'warn', found, remedy });
export const wrong = (found: string, remedy: string): Judgement => ({ verdict: 'wrong', found, remedy });

/** CloudFormation compares a template with the previous one, not with the deployed resources. */
export const BY_HAND = 'Deploying an unchanged template again does not undo what was changed by hand.';
