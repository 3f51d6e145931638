/** A metric of CloudWatch. Namespace, name and all dimensions together identify it; the order of dimensions does not. */
export interface MetricId {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** Values of one metric that were measured at about the same time. */
export interface Measurement extends MetricId {
  readonly values: readonly number[];
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** One key for a metric, whatever the order of its dimensions. */
export const metricKey = ({ namespace, name, dimensions }: MetricId): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
