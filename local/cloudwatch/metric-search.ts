import { ExpressionError } from './expression-error';
import type { MetricId } from './metric';
import type { MetricStore } from './metric-store';

export interface FoundMetrics {
  readonly metrics: readonly MetricId[];
  readonly statistic: string;
}

const SEARCH = /^\s*SEARCH\('\{(?<schema>[^}]*)\}(?<terms>[^']*)',\s*'(?<statistic>\w+)'(?:,\s*\d+)?\)\s*$/;
const QUERY =
  /^\s*SELECT (?<statistic>\w+)\((?<name>\w+)\) FROM SCHEMA\((?<schema>[^)]*)\)(?: WHERE "(?<dimension>[^"]+)" = '(?<value>[^']*)')?\s*$/;

/** The metrics of `SEARCH('{Namespace,"Dimension"} MetricName="Name" "Dimension"="value"', 'Sum', 300)`. */
export function metricsInSearch(expression: string, store: MetricStore): FoundMetrics {
  const { schema = '', terms = '', statistic = '' } = SEARCH.exec(expression)?.groups ?? unreadable(expression);
  const { MetricName: name = '', ...wanted } = Object.fromEntries(
    [...terms.matchAll(/"?([^"=]+)"?="([^"]*)"/g)].map(([, key = '', value = '']) => [key.trim(), value]),
  );
  return { metrics: findIn(store, schema, name, wanted), statistic };
}

/** The metrics of `SELECT SUM(Name) FROM SCHEMA("Namespace", "Dimension") WHERE "Dimension" = 'value'`. */
export function metricsInQuery(expression: string, store: MetricStore): FoundMetrics {
  const groups = QUERY.exec(expression)?.groups ?? unreadable(expression);
  const { statistic = '', name = '', schema = '', dimension, value = '' } = groups;
  const wanted = dimension === undefined ? {} : { [dimension]: value };
  return {
    metrics: findIn(store, schema, name, wanted),
    statistic: `${statistic[0]}${statistic.slice(1).toLowerCase()}`,
  };
}

function findIn(
  store: MetricStore,
  schema: string,
  name: string,
  wanted: Readonly<Record<string, string>>,
): readonly MetricId[] {
  const [namespace = '', ...dimensionNames] = schema.split(',').map((part) => part.trim().replaceAll('"', ''));
  return store
    .find(namespace, name, dimensionNames)
    .filter(({ dimensions }) => Object.entries(wanted).every(([key, value]) => dimensions[key] === value));
}

function unreadable(expression: string): never {
  throw new ExpressionError(`The search ${expression} has a form that is not known here.`);
}
