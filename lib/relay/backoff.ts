/** Waits `ms` milliseconds. */
export type Sleep = (ms: number) => Promise<void>;

const FIRST_MS = 25;
const LONGEST_MS = 1_000;

/** Full jitter: many relays that were throttled together do not come back together. */
export const backoffMs = (attempt: number, random = Math.random): number =>
  Math.ceil(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
