import type { Measurement } from './metric';

interface EmbeddedMetrics {
  readonly [name: string]: unknown;
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

/**
 * The measurements in one line of a log, in CloudWatch's embedded metric format. Lines of other kinds have none.
 *
 * Source: CloudWatch user guide, "Specification: Embedded metric format": a metric's value is a number or an array of
 * numbers, and each list of dimension names makes a metric of its own.
 */
export function measurementsIn(line: string): Measurement[] {
  if (!line.includes('"_aws"')) return [];
  const document = parse(line);
  if (!isEmbedded(document)) return [];
  const { Timestamp: atMs, CloudWatchMetrics: directives } = document._aws;
  return directives.flatMap(({ Namespace: namespace, Dimensions: sets, Metrics: metrics }) =>
    sets.flatMap((names) => {
      const dimensions = Object.fromEntries(names.map((name) => [name, String(document[name])]));
      return metrics.flatMap(({ Name: name }) => {
        const values = [document[name]].flat().filter((value): value is number => typeof value === 'number');
        return values.length === 0 ? [] : [{ namespace, name, dimensions, values, atMs }];
      });
    }),
  );
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // A log line that contains the word, or the beginning of a document that was cut when its process was killed.
    return undefined;
  }
}

const isEmbedded = (document: unknown): document is EmbeddedMetrics =>
  typeof document === 'object' &&
  document !== null &&
  Array.isArray((document as Partial<EmbeddedMetrics>)._aws?.CloudWatchMetrics);
