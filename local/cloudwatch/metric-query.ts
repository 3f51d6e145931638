import { ExpressionError } from './expression-error';
import type { MetricId } from './metric';
import { evaluateExpression, type LabelledSeries } from './expression';
import type { MetricStore, Series, Window } from './metric-store';

interface QueryOptions {
  /** The name by which expressions refer to it. */
  readonly id?: string;
  readonly label?: string;
  /** Whether it is a result, or only an operand of others. */
  readonly isResult: boolean;
}

/** One metric, or one expression over others: a row of a widget, or an entry of an alarm's `Metrics`. */
export type MetricQuery = QueryOptions &
  ({ readonly metric: MetricId; readonly statistic: string } | { readonly expression: string });

export interface QueryResult extends LabelledSeries {
  readonly query: MetricQuery;
}

/**
 * The results of some queries that refer to one another, over one window.
 *
 * @throws ExpressionError for an expression that refers to an id that no query has, or that cannot be computed.
 */
export function runQueries(queries: readonly MetricQuery[], window: Window, store: MetricStore): QueryResult[] {
  const byId = new Map(queries.map((query) => [query.id, query]));
  const running = new Set<string>();
  const seriesOf = (id: string): Series => {
    const query = byId.get(id);
    if (query === undefined || running.has(id)) {
      const why = query === undefined ? 'which no metric of it has' : 'which refers to itself';
      throw new ExpressionError(`An expression refers to the id "${id}", ${why}.`);
    }
    running.add(id);
    const [{ series } = { series: [] }] = run(query);
    running.delete(id);
    return series;
  };
  const run = (query: MetricQuery): readonly LabelledSeries[] =>
    'expression' in query
      ? evaluateExpression(query.expression, { window, store, seriesOf })
      : [{ series: store.series(query.metric, query.statistic, window) }];
  return queries
    .filter(({ isResult }) => isResult)
    .flatMap((query) => run(query).map((result) => ({ label: query.label, ...result, query })));
}
