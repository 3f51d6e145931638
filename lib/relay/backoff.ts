/** Waits `ms` milliseconds. */
export type Sleep = (ms: number) => Promise<void>;

const FIRST_MS = 25;
const LONGEST_MS = 1_000;

/** Full jitter: relays that were throttled at the same time do not retry at the same time. */
export const backoffMs = (attempt: number, random = Math.random): number =>
  Math.ceil(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
