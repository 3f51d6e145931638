import { measurementsIn } from '../../../../local/cloudwatch/embedded-metrics';
import { MetricStore } from '../../../../local/cloudwatch/metric-store';

const id = { namespace: 'N', name: 'Latency', dimensions: { service: 'relay', Outbox: 'o' } };

function storeWith(...values: readonly [atMs: number, value: number][]): MetricStore {
  const store = new MetricStore(3_600_000);
  for (const [atMs, value] of values) store.record({ ...id, values: [value], atMs });
  return store;
}

it('has a value per period, from its beginning to before its end', () => {
  const store = storeWith([0, 1], [1_999, 2], [2_000, 4]);
  expect(store.series(id, 'Sum', { fromMs: 0, periodMs: 2_000, periods: 3 })).toEqual([3, 4, undefined]);
});

it.each([
  ['Sum', 10],
  ['Average', 2.5],
  ['Minimum', 1],
  ['Maximum', 4],
  ['SampleCount', 4],
  ['p50', 2],
  ['p99', 4],
])('%s of 1, 2, 3 and 4 in different seconds is %d', (statistic, expected) => {
  const store = storeWith([0, 1], [1_000, 2], [2_000, 3], [3_000, 4]);
  expect(store.series(id, statistic, { fromMs: 0, periodMs: 4_000, periods: 1 })).toEqual([expected]);
});

it('the order of dimensions does not matter, another dimension does', () => {
  const store = storeWith([0, 1]);
  const window = { fromMs: 0, periodMs: 1_000, periods: 1 };
  expect(store.series({ ...id, dimensions: { Outbox: 'o', service: 'relay' } }, 'Sum', window)).toEqual([1]);
  expect(store.series({ ...id, dimensions: { Outbox: 'o' } }, 'Sum', window)).toEqual([undefined]);
});

it('forgets what is older than it keeps', () => {
  const store = new MetricStore(10_000);
  for (const second of [0, 5, 12]) store.record({ ...id, values: [1], atMs: second * 1_000 });
  expect(store.series(id, 'Sum', { fromMs: 0, periodMs: 1_000, periods: 13 })).toEqual(
    Array.from({ length: 13 }, (_, second) => (second === 5 || second === 12 ? 1 : undefined)),
  );
});

it('refuses a statistic that it does not know, with the ones it knows', () => {
  expect(() => storeWith([0, 1]).series(id, 'TM(10%)', { fromMs: 0, periodMs: 1_000, periods: 1 })).toThrow(
    /"TM\(10%\)" is not known here; known are Sum/,
  );
});

describe('the embedded metric format', () => {
  const line = (document: object): string => JSON.stringify(document);
  const aws = (metrics: readonly string[], ...dimensions: string[][]) => ({
    Timestamp: 1_000,
    CloudWatchMetrics: [{ Namespace: 'N', Dimensions: dimensions, Metrics: metrics.map((Name) => ({ Name })) }],
  });

  it('makes a metric for each list of dimensions, with one value or several', () => {
    const document = {
      _aws: aws(['A', 'B'], ['service'], ['service', 'Outbox']),
      service: 's',
      Outbox: 'o',
      A: 1,
      B: [2, 3],
    };
    expect(measurementsIn(line(document))).toEqual([
      { namespace: 'N', name: 'A', dimensions: { service: 's' }, values: [1], atMs: 1_000 },
      { namespace: 'N', name: 'B', dimensions: { service: 's' }, values: [2, 3], atMs: 1_000 },
      { namespace: 'N', name: 'A', dimensions: { service: 's', Outbox: 'o' }, values: [1], atMs: 1_000 },
      { namespace: 'N', name: 'B', dimensions: { service: 's', Outbox: 'o' }, values: [2, 3], atMs: 1_000 },
    ]);
  });

  it.each([
    '',
    'a log line',
    '{"message":"not _aws"}',
    '{"_aws":{"Timestamp":1',
    line({ _aws: 1 }),
    'mentions "_aws" only',
  ])('finds none in %j', (text) => {
    expect(measurementsIn(text)).toEqual([]);
  });

  it('leaves out a metric without a value', () => {
    expect(measurementsIn(line({ _aws: aws(['A', 'B'], ['service']), service: 's', B: 2 }))).toHaveLength(1);
  });
});
