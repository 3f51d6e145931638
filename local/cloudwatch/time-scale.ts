/**
 * How much shorter the periods of widgets and alarms are here than in CloudWatch. With 60, a minute of CloudWatch
 * lasts a second: an alarm that looks at five minutes looks at five seconds. Thresholds are the same.
 */
export interface TimeScale {
  readonly factor: number;
}

export const DEFAULT_SCALE: TimeScale = { factor: 60 };

const SHORTEST_MS = 1_000;

/** The local length of a period of CloudWatch, in milliseconds. At least a second, the resolution of the store. */
export const localPeriodMs = (seconds: number, { factor }: TimeScale): number =>
  Math.max(SHORTEST_MS, Math.round((seconds * 1_000) / factor));
