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
export const RELAY_RATIO = { 'without-marks': 1, 'with-marks': 0.7 } as const;
/** CPU of the relay relative to the baseline's. */
export const CPU_RATIO = 0.6;
/** Ten times the write rate of one DynamoDB partition. */
export const EVENTS_PER_SECOND = 3_300;
/** Half of the memory of the function. */
export const PEAK_RSS_MB = 320;
export const BUNDLE_KB = 900;
export const INIT_MS = 150;
/** From the invocation with one record to Kafka's acknowledgement, with connections. */
export const WARM_P50_MS = 15;
export const WARM_P99_MS = 40;
/** The first invocation after init, to its end. */
export const FIRST_MS = 600;

/** Effects a second with an inbox, relative to a consumer without one. */
export const INBOX_RATIO = 0.5;
/** Sharing a transaction among 25 events saves requests; the rest of the work stays. */
export const GROUP_GAIN = 1.5;
export const SLOW_KEY_RATIO = 2;
