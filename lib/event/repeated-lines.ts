/** The first pause after a line; it doubles with each line of the same cause. */
const SHORTEST_MS = 10_000;
const LONGEST_MS = 300_000;
/** A cause that was quiet for so long is news again. */
const FORGOTTEN_MS = 2 * LONGEST_MS;
/** Causes with a key's or a message's name in them must not fill the memory. */
const MAX_CAUSES = 1_000;

interface Cause {
  seenAt: number;
  loggedAt: number;
  pauseMs: number;
  leftOut: number;
}

/**
 * Keeps a failure that repeats from filling the log: the first line of a cause is logged at once, the next one after 10
 * seconds, 20 seconds and so on, up to 5 minutes, with the number of lines that were left out.
 */
export class RepeatedLines {
  readonly #causes = new Map<string, Cause>();
  readonly #now: () => number;

  /** @param now - a clock in milliseconds that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Whether the line of this cause is due: how many were left out since the one before, `undefined` if this one is left
   * out too. `isFirst` tells that the cause is new.
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

/** Where lines about failures go. */
export interface FailureLog {
  warn(message: string, fields: Record<string, unknown>): void;
  error(message: string, fields: Record<string, unknown>): void;
}

/** Fields of a line that may repeat; `of` tells its causes apart, by default the error itself. */
export type RepeatedFields = Readonly<Record<string, unknown>> & { readonly of?: string };

/** Logs a failure that may repeat without end: once, and then with back-off. */
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

/** A cause as fields of a log line. The frames of its stack are logged once: repetitions would hide the rest of the log. */
export function causeFields(cause: unknown, { isFirst, leftOut } = { isFirst: true, leftOut: 0 }) {
  const described =
    cause instanceof Error
      ? { name: cause.name, message: cause.message, ...(isFirst ? { stack: cause.stack } : {}) }
      : cause;
  return { cause: described, ...(leftOut === 0 ? {} : { leftOut }) };
}

/** Tells two causes apart. */
export const causeKey = (cause: unknown): string =>
  cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
