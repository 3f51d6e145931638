/** Values of a metric that fell into one period, with how often each occurred. */
export interface Sample {
  count: number;
  sum: number;
  minimum: number;
  maximum: number;
  readonly occurrences: Map<number, number>;
}

export const emptySample = (): Sample => ({
  count: 0,
  sum: 0,
  minimum: Infinity,
  maximum: -Infinity,
  occurrences: new Map(),
});

export function addValue(sample: Sample, value: number, times = 1): void {
  sample.count += times;
  sample.sum += value * times;
  sample.minimum = Math.min(sample.minimum, value);
  sample.maximum = Math.max(sample.maximum, value);
  sample.occurrences.set(value, (sample.occurrences.get(value) ?? 0) + times);
}

export function mergeSamples(samples: Iterable<Sample>): Sample {
  const merged = emptySample();
  for (const { occurrences } of samples) {
    for (const [value, times] of occurrences) addValue(merged, value, times);
  }
  return merged;
}

const STATISTICS: Readonly<Record<string, (sample: Sample) => number>> = {
  Sum: ({ sum }) => sum,
  Average: ({ sum, count }) => sum / count,
  Minimum: ({ minimum }) => minimum,
  Maximum: ({ maximum }) => maximum,
  SampleCount: ({ count }) => count,
};

/**
 * A statistic as CloudWatch names it: `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount` or a percentile such as
 * `p99` (nearest rank). `undefined` for a period without values: a missing data point.
 *
 * @throws RangeError for another statistic.
 */
export function statisticOf(sample: Sample | undefined, statistic: string): number | undefined {
  const percent = /^p(\d+(?:\.\d+)?)$/.exec(statistic)?.[1];
  const compute = percent === undefined ? STATISTICS[statistic] : (taken: Sample) => percentile(taken, Number(percent));
  if (compute === undefined) {
    const known = Object.keys(STATISTICS).join(', ');
    throw new RangeError(`The statistic "${statistic}" is not known here; known are ${known} and percentiles (p99).`);
  }
  return sample === undefined || sample.count === 0 ? undefined : compute(sample);
}

function percentile({ occurrences, count, maximum }: Sample, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * count));
  let passed = 0;
  for (const [value, times] of [...occurrences].toSorted(([a], [b]) => a - b)) {
    passed += times;
    if (passed >= rank) return value;
  }
  return maximum;
}
