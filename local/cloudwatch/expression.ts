import type { MetricStore, Series, Window } from './metric-store';
import type { MetricId } from './metric';
import { ExpressionError } from './expression-error';
import { parseExpression, type Node } from './expression-grammar';
import { metricsInQuery, metricsInSearch } from './metric-search';

/** The operands of an expression. */
export interface ExpressionScope {
  readonly window: Window;
  readonly store: MetricStore;
  /** The series of another metric or expression of the same widget or alarm. */
  seriesOf(id: string): Series;
}

/**
 * Evaluates an expression of CloudWatch's metric math, for every period of the window. It knows numbers, ids, `+ - * /`
 * and comparisons, `AND`, `OR`, `IF`, `FILL`, `SUM`, `MAX`, `MIN`, `AVG`, and the two forms by which a metric is
 * searched for: `SEARCH(…)` and Metrics Insights' `SELECT`. A search over several metrics results in several series.
 *
 * A missing operand or a division by zero results in a missing data point, as in CloudWatch ("Using metric math").
 *
 * @throws ExpressionError
 */
export function evaluateExpression(expression: string, scope: ExpressionScope): readonly LabelledSeries[] {
  if (/^\s*SELECT\s/.test(expression)) {
    const { metrics, statistic } = metricsInQuery(expression, scope.store);
    const all = metrics.map((metric) => scope.store.series(metric, statistic, scope.window));
    return [{ series: combine(all, scope.window, sum) }];
  }
  if (/^\s*SEARCH\(/.test(expression)) {
    const { metrics, statistic } = metricsInSearch(expression, scope.store);
    return metrics.map((metric) => ({
      label: searchLabel(metric),
      series: scope.store.series(metric, statistic, scope.window),
    }));
  }
  return [{ series: evaluate(parseExpression(expression), scope) }];
}

/** A search labels its series by itself. */
export interface LabelledSeries {
  readonly label?: string;
  readonly series: Series;
}

const searchLabel = ({ name, dimensions }: MetricId): string => [...Object.values(dimensions), name].join(' ');

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const FUNCTIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: sum,
  AVG: (values) => sum(values) / values.length,
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
};

const OPERATORS: Readonly<Record<string, (left: number, right: number) => number | undefined>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => (right === 0 ? undefined : left / right),
  '<': (left, right) => Number(left < right),
  '<=': (left, right) => Number(left <= right),
  '>': (left, right) => Number(left > right),
  '>=': (left, right) => Number(left >= right),
  '==': (left, right) => Number(left === right),
  '!=': (left, right) => Number(left !== right),
  AND: (left, right) => Number(left !== 0 && right !== 0),
  OR: (left, right) => Number(left !== 0 || right !== 0),
};

function evaluate(node: Node, scope: ExpressionScope): Series {
  const { periods } = scope.window;
  const each = (value: (index: number) => number | undefined): Series =>
    Array.from({ length: periods }, (_, i) => value(i));
  switch (node.kind) {
    case 'number':
      return each(() => node.value);
    case 'id':
      return scope.seriesOf(node.id);
    case 'operation': {
      const [left, right] = [evaluate(node.left, scope), evaluate(node.right, scope)];
      const operate = OPERATORS[node.operator];
      return each((index) => {
        const [a, b] = [left[index], right[index]];
        return a === undefined || b === undefined ? undefined : operate?.(a, b);
      });
    }
    case 'call':
      return call(node, scope, each);
  }
}

function call(
  { name, parameters }: Extract<Node, { kind: 'call' }>,
  scope: ExpressionScope,
  each: (value: (index: number) => number | undefined) => Series,
): Series {
  const series = parameters.map((parameter) => evaluate(parameter, scope));
  const [first = [], second = [], third = []] = series;
  if (name === 'IF') {
    // Without a third argument, the periods in which the condition does not hold have no data point.
    return each((index) => {
      const condition = first[index];
      return condition === undefined ? undefined : condition !== 0 ? second[index] : third[index];
    });
  }
  if (name === 'FILL') return each((index) => first[index] ?? second[index]);
  const reduce = FUNCTIONS[name];
  if (reduce === undefined) throw new ExpressionError(`The function ${name} of metric math is not known here.`);
  return combine(series, scope.window, reduce);
}

/** Per period, over the series that have a data point in it. */
const combine = (all: readonly Series[], { periods }: Window, reduce: (values: readonly number[]) => number): Series =>
  Array.from({ length: periods }, (_, index) => {
    const present = all.map((series) => series[index]).filter((value) => value !== undefined);
    return present.length === 0 ? undefined : reduce(present);
  });
