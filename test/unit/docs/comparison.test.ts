import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { costOf, type CostEstimate } from '../../../lib/operate/cost';

const read = (page: string): string => readFileSync(join(__dirname, '../../../docs', page), 'utf8');
const comparison = read('comparison.md');

const FIGURE = /\d[\d,.]*(?= (?:ms|s|events of)\b)/g;
const MEASURED = /\(((?:benchmarks|peers)\.md)#/g;
/** The cells of tables that name a benchmark's command and the page of its figures. */
const quotations = comparison
  .split('|')
  .filter((cell) => cell.includes('npm run bench') && cell.search(MEASURED) !== -1);

test('the page quotes the benchmarks', () => {
  expect(quotations).toHaveLength(4);
});

test.each(quotations)('each figure is on a page that the cell links: %s', (quotation) => {
  const measured = [...quotation.matchAll(MEASURED)].map(([, page]) => read(page!)).join('\n');
  const figures = quotation.match(FIGURE) ?? [];
  expect(figures.length).toBeGreaterThan(0);
  expect(figures.filter((figure) => !measured.includes(figure))).toEqual([]);
});

test.each<[string, (dollars: CostEstimate['dollarsPerMonth']) => number]>([
  ['table, relay, logs', ({ total, metricsAndAlarms }) => total - metricsAndAlarms],
  ['metrics and alarms', ({ metricsAndAlarms }) => metricsAndAlarms],
  ['**total**', ({ total }) => total],
])('the page has the dollars of %s, without Kafka and pollers', (name, dollars) => {
  const format = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const expected = [1, 100, 1_000].map((eventsPerSecond) =>
    dollars(costOf({ eventsPerSecond, eventBytes: 1_000 }).dollarsPerMonth).toLocaleString('en-US', format),
  );
  const row = comparison.split('\n').find((line) => line.startsWith(`| ${name} `));
  expect(row?.match(/[\d,]+\.\d\d/g)).toEqual(expected);
});

test('the page has the totals of events that fit a KB less', () => {
  const totals = [1, 100, 1_000].map((eventsPerSecond) =>
    costOf({ eventsPerSecond, eventBytes: 700 }).dollarsPerMonth.total.toLocaleString('en-US', {
      maximumFractionDigits: 2,
    }),
  );
  expect(comparison).toContain(
    `With 700 bytes it is three, and the totals are ${totals[0]}, ${totals[1]} and ${totals[2]}.`,
  );
});

test('each link to a source has an address, and each address is used', () => {
  const prose = comparison.replaceAll(/^\[[^\]]+\]: .*$/gm, '');
  const used = new Set([...prose.matchAll(/\]\[([\w-]+)\]/g)].map(([, name]) => name));
  const defined = [...comparison.matchAll(/^\[([\w-]+)\]: https:\S+$/gm)].map(([, name]) => name);
  expect([...used].toSorted()).toEqual(defined.toSorted());
});
