import { evaluateExpression } from '../../../../local/cloudwatch/expression';
import { MetricStore, type Series } from '../../../../local/cloudwatch/metric-store';

const window = { fromMs: 0, periodMs: 1_000, periods: 4 };

function evaluate(
  expression: string,
  operands: Readonly<Record<string, Series>> = {},
  store = new MetricStore(60_000),
) {
  return evaluateExpression(expression, { window, store, seriesOf: (id) => operands[id] ?? [] });
}

const one = (expression: string, operands?: Readonly<Record<string, Series>>): Series | undefined =>
  evaluate(expression, operands)[0]?.series;

const operands = {
  late: [1, 2, undefined, 0],
  published: [10, 0, 5, 4],
  none: [undefined, undefined, undefined, undefined],
};

it.each<[string, Series]>([
  ['100 * (1 - late / published)', [90, undefined, undefined, 100]],
  ['(late / published) / 0.001', [100, undefined, undefined, 0]],
  ['1 + 2 * 3 - 4', [3, 3, 3, 3]],
  ['8 / 4 / 2', [1, 1, 1, 1]],
  ['-late', [-1, -2, undefined, -0]],
  ['IF(late >= 1, late / published, 0)', [0.1, undefined, undefined, 0]],
  ['IF(late > 1, 7)', [undefined, 7, undefined, undefined]],
  ['FILL(none, 0)', [0, 0, 0, 0]],
  ['IF(FILL(late, 0) > 0 AND FILL(none, 0) == 0, 1, 0)', [1, 1, 0, 0]],
  ['late > 0 OR published > 4', [1, 1, undefined, 0]],
  ['SUM(late, published)', [11, 2, 5, 4]],
  ['MAX(late, published) - MIN(late, published)', [9, 2, 0, 4]],
  ['AVG(late, published)', [5.5, 1, 5, 2]],
])('%s', (expression, expected) => {
  expect(one(expression, operands)).toEqual(expected.map((value) => (value === undefined ? undefined : value + 0)));
});

describe('searches', () => {
  const store = new MetricStore(60_000);
  const refused = (broker: string, cluster: string, value: number): void =>
    store.record({
      ...{ namespace: 'AWS/Kafka', name: 'IAMTooManyConnections', values: [value], atMs: 1_500 },
      dimensions: { 'Broker ID': broker, 'Cluster Name': cluster },
    });
  refused('1', 'orders', 3);
  refused('2', 'orders', 4);
  refused('1', 'other', 100);

  it('SEARCH results in a series for each metric, with a label', () => {
    const search = `SEARCH('{AWS/Kafka,"Broker ID","Cluster Name"} MetricName="IAMTooManyConnections" "Cluster Name"="orders"', 'Sum', 300)`;
    expect(evaluate(search, {}, store)).toEqual([
      { label: '1 orders IAMTooManyConnections', series: [undefined, 3, undefined, undefined] },
      { label: '2 orders IAMTooManyConnections', series: [undefined, 4, undefined, undefined] },
    ]);
  });

  it('SELECT adds the metrics up', () => {
    const query = `SELECT SUM(IAMTooManyConnections) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") WHERE "Cluster Name" = 'orders'`;
    expect(evaluate(query, {}, store)).toEqual([{ series: [undefined, 7, undefined, undefined] }]);
  });
});

it.each([
  ['1 +', 'its end'],
  ['late published', '"published"'],
  ['late ? 1', '"? 1"'],
  ['UNKNOWN(late)', 'The function UNKNOWN'],
  ["SEARCH('anything')", 'a form that is not known'],
])('%s is refused, with the place', (expression, where) => {
  expect(() => evaluate(expression, operands)).toThrow(where);
});
