import { refuseOption } from '../event/options';

/** The default of an option, and the values that it may have. */
export interface OptionRule<T> {
  readonly value: T;
  readonly allows: (given: unknown) => boolean;
  /** Completes the sentence "it must be …". */
  readonly allowed: string;
}

export const isCount = (value: unknown, max: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max;

export const count = (value: number, max: number, allowed = `an integer from 1 to ${max}`): OptionRule<number> => ({
  value,
  allows: (given) => isCount(given, max),
  allowed,
});

/** One of several words; the first is the default. */
export const choice = <T extends string>(value: T, ...others: T[]): OptionRule<T> => ({
  value,
  allows: (given) => [value, ...others].some((each) => each === given),
  allowed: `one of ${[value, ...others].map((each) => `"${each}"`).join(', ')}`,
});

export type DefaultsOf<R> = { readonly [O in keyof R]: R[O] extends OptionRule<infer T> ? T : never };

export const defaultsOf = <R extends Readonly<Record<string, OptionRule<unknown>>>>(rules: R): DefaultsOf<R> =>
  Object.fromEntries(Object.entries(rules).map(([option, { value }]) => [option, value])) as DefaultsOf<R>;

/** @throws OutboxError `invalid-option` for the first option that is set to a value that its rule does not allow. */
export function checkByRules(
  rules: Readonly<Record<string, OptionRule<unknown>>>,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const [option, { allows, allowed }] of Object.entries(rules)) {
    if (given[option] !== undefined && !allows(given[option])) refuseOption(option, given[option], allowed);
  }
}
