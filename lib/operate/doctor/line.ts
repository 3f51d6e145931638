import type { Lookup, Unknown } from './lookup';

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

/** The worst of several verdicts. */
export const worstOf = (results: readonly CheckResult[]): DoctorVerdict =>
  (['wrong', 'warn', 'unknown'] as const).find((worst) => results.some(({ verdict }) => verdict === worst)) ?? 'ok';

/** CloudFormation compares a template with the previous one, not with the deployed resources. */
export const BY_HAND = 'Deploying an unchanged template again does not undo what was changed by hand.';
