import { isDeepStrictEqual } from 'node:util';
import { OutboxError, type OutboxErrorCode } from '../../lib/event/errors';
import type { Random } from '../../lib/testing/random';

/** Code that reads what others have written. */
export interface Target {
  readonly name: string;
  /** A valid input with some changes. */
  input(random: Random): unknown;
  /**
   * Gives the input to the code.
   *
   * @returns the outcome, to be counted
   * @throws any error that shows a fault
   */
  run(input: unknown): string | Promise<string>;
}

/** The outcome of `decode`: `accepted`, or a refusal with the one code that is documented. */
export function decoded<T>(decode: () => T, code: OutboxErrorCode, check: (value: T) => void): string {
  let value: T;
  try {
    value = decode();
  } catch (error) {
    if (error instanceof OutboxError && error.is(code)) return code;
    throw error;
  }
  check(value);
  return 'accepted';
}

export function expectSame(what: string, one: unknown, other: unknown): void {
  if (!isDeepStrictEqual(one, other)) throw new Error(`${what} differs.`);
}
