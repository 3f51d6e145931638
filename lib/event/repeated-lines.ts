import { namedMessageOf } from './errors';

/** The pause after the first line of a cause; it doubles with each further line. */
const SHORTEST_MS = 10_000;
const LONGEST_MS = 300_000;
/** A cause that was quiet for this long counts as new. */
const FORGOTTEN_MS = 2 * LONGEST_MS;
/** Limits memory, because causes may contain the name of a key or a message. */
const MAX_CAUSES = 1_000;

interface Cause {
  seenAt: number;
  loggedAt: number;
  pauseMs: number;
  leftOut: number;
}

/**
 * Keeps a repeated failure from filling the log. The first line of a cause is logged at once, the next ones after 10
 * seconds, 20 seconds and so on, up to 5 minutes, each with the number of suppressed lines.
 */
export class RepeatedLines {
  readonly #causes = new Map<string, Cause>();
  readonly #now: () => number;

  /** @param now - a clock in milliseconds that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Decides whether the line of this cause is logged: returns the number of lines suppressed since the last one, or
   * `undefined` if this line is suppressed too. `isFirst`: the cause is new.
   */
  admit(cause: string): { readonly isFirst: boolean; readonly leftOut: number } | undefined {
    const now = this.#now();
    const known = this.#causes.get(cause);
    if (known === undefined || now - known.seenAt > FORGOTTEN_MS) {
      this.#forgetOldest();
      this.#causes.set(cause, { seenAt: now, loggedAt: now, pauseMs: SHORTEST_MS, leftOut: 0 });
      return { isFirst: true, leftOut: 0 };
    }
    known.seenAt = now;
    if (now - known.loggedAt < known.pauseMs) {
      known.leftOut++;
      return undefined;
    }
    const { leftOut } = known;
    known.loggedAt = now;
    known.pauseMs = Math.min(LONGEST_MS, 2 * known.pauseMs);
    known.leftOut = 0;
    return { isFirst: false, leftOut };
  }

  #forgetOldest(): void {
    const [oldest] = this.#causes.keys();
    if (this.#causes.size >= MAX_CAUSES && oldest !== undefined) this.#causes.delete(oldest);
  }
}

export interface FailureLog {
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

/** Fields of a line that may repeat. `of` distinguishes its causes; by default the error does. */
export type RepeatedFields = Readonly<Record<string, unknown>> & { readonly of?: string };

/** Logs a failure that may repeat forever: the first time at once, then with back-off. */
export const repeatedLog =
  (logger: FailureLog, lines: RepeatedLines) =>
  (
    level: 'warn' | 'error',
    message: string,
    cause: unknown,
    { of = causeKey(cause), ...fields }: RepeatedFields = {},
  ): void => {
    const line = lines.admit(`${message} ${of}`);
    if (line !== undefined) logger[level](message, { ...fields, ...causeFields(cause, line) });
  };

/** A cause as fields of a log line. Its stack is logged only once, to keep the rest of the log readable. */
export function causeFields(cause: unknown, { isFirst, leftOut } = { isFirst: true, leftOut: 0 }) {
  const described =
    cause instanceof Error
      ? { name: cause.name, message: cause.message, ...(isFirst ? { stack: cause.stack } : {}) }
      : cause;
  return { cause: described, ...(leftOut === 0 ? {} : { leftOut }) };
}

export const causeKey = namedMessageOf;
