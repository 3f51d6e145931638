import { latencyOf, type Timing } from '../delivery/ladder';
import { percentile } from '../statistics';

/** The latencies of the events whose commit was called in one second. */
export interface SeriesPoint {
  readonly second: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Seconds without an event have no point. Events that did not arrive have an infinite latency. */
export function seriesOf(timings: readonly Timing[], startedAt: number): readonly SeriesPoint[] {
  const bySecond = Map.groupBy(timings, ({ calledAt }) => Math.floor((calledAt - startedAt) / 1_000));
  return [...bySecond]
    .map(([second, ofSecond]) => {
      const latencies = ofSecond.map(latencyOf);
      return { second, p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99) };
    })
    .toSorted((a, b) => a.second - b.second);
}
