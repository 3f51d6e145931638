import { metricKey, type Measurement, type MetricId } from './metric';
import { addValue, emptySample, mergeSamples, statisticOf, type Sample } from './statistics';

/** The store keeps one sample a second. CloudWatch keeps one a minute. */
export const RESOLUTION_MS = 1_000;

/** Values of a metric at equal distances in time. `undefined` is a missing data point. */
export type Series = readonly (number | undefined)[];

/** Periods of equal length, one after another. */
export interface Window {
  /** Epoch milliseconds of the beginning of the first period. */
  readonly fromMs: number;
  readonly periodMs: number;
  readonly periods: number;
}

interface StoredMetric extends MetricId {
  /** By second since the epoch, in ascending order. */
  readonly samples: Map<number, Sample>;
}

/** Metrics in memory, as CloudWatch stores them: by namespace, name and dimensions, with statistics by period. */
export class MetricStore {
  readonly #metrics = new Map<string, StoredMetric>();
  readonly #keptMs: number;

  /** @param keptMs samples that are older than this when their metric is written are forgotten */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  record({ values, atMs, ...id }: Measurement): void {
    const key = metricKey(id);
    let metric = this.#metrics.get(key);
    if (metric === undefined) this.#metrics.set(key, (metric = { ...id, samples: new Map() }));
    const second = Math.floor(atMs / RESOLUTION_MS);
    let sample = metric.samples.get(second);
    if (sample === undefined) {
      metric.samples.set(second, (sample = emptySample()));
      this.#forgetBefore(metric, second - this.#keptMs / RESOLUTION_MS);
    }
    for (const value of values) addValue(sample, value);
  }

  /** One value a period. A period includes its beginning and excludes its end. */
  series(id: MetricId, statistic: string, { fromMs, periodMs, periods }: Window): Series {
    const samples = this.#metrics.get(metricKey(id))?.samples;
    return Array.from({ length: periods }, (_, index) => {
      const from = Math.ceil((fromMs + index * periodMs) / RESOLUTION_MS);
      const to = Math.ceil((fromMs + (index + 1) * periodMs) / RESOLUTION_MS);
      return statisticOf(samples === undefined ? undefined : between(samples, from, to), statistic);
    });
  }

  /** The metrics of a namespace and name whose dimensions have exactly these names, for searches. */
  find(namespace: string, name: string, dimensionNames: readonly string[]): MetricId[] {
    const names = dimensionNames.toSorted().join('\n');
    return [...this.#metrics.values()].filter(
      (metric) =>
        metric.namespace === namespace &&
        metric.name === name &&
        Object.keys(metric.dimensions).toSorted().join('\n') === names,
    );
  }

  /** The sum of a metric's values from a time on, over all namespaces and dimensions. */
  sumSince(name: string, sinceMs: number): number {
    let sum = 0;
    for (const metric of this.#metrics.values()) {
      if (metric.name !== name) continue;
      for (const [second, sample] of metric.samples) {
        if (second >= Math.floor(sinceMs / RESOLUTION_MS)) sum += sample.sum;
      }
    }
    return sum;
  }

  #forgetBefore({ samples }: StoredMetric, second: number): void {
    for (const each of samples.keys()) {
      if (each >= second) return;
      samples.delete(each);
    }
  }
}

function between(samples: ReadonlyMap<number, Sample>, from: number, to: number): Sample | undefined {
  if (to - from === 1) return samples.get(from);
  const within: Sample[] = [];
  for (let second = from; second < to; second += 1) {
    const sample = samples.get(second);
    if (sample !== undefined) within.push(sample);
  }
  return within.length === 0 ? undefined : mergeSamples(within);
}
