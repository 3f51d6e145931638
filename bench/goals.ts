/** Goals are judged and printed, never enforced: the figures depend on the machine and its other load. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

const written = (limit: number): string => (Number.isInteger(limit) ? limit.toLocaleString('en-US') : limit.toFixed(2));

export const atLeast = (value: number, limit: number): Goal => ({ text: `≥ ${written(limit)}`, met: value >= limit });
export const atMost = (value: number, limit: number): Goal => ({ text: `≤ ${written(limit)}`, met: value <= limit });
export const below = (value: number, limit: number): Goal => ({ text: `< ${written(limit)}`, met: value < limit });

/** Speed relative to kafkajs alone. */
export const RELAY_RATIO = { 'without-marks': 0.85, 'with-marks': 0.35 } as const;
/** Ten times the write rate of one DynamoDB partition. */
export const EVENTS_PER_SECOND = 3_300;
export const PEAK_RSS_MB = 256;
export const BUNDLE_KB = 1_000;
export const INIT_MS = 300;

/** Effects a second with an inbox, relative to a consumer without one. */
export const INBOX_RATIO = 0.5;
/** Sharing a transaction among 25 events saves requests; the rest of the work stays. */
export const GROUP_GAIN = 1.5;
export const SLOW_KEY_RATIO = 2;
