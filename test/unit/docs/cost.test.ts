import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { costOf, type CostEstimate, type KafkaWorkload, PRICE_LIST } from '../../../lib/operate/cost';

const page = readFileSync(join(__dirname, '../../../docs/cost.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );

test('the page names the prices that are counted with, and how each is known', () => {
  const told = rows.filter(([name]) => name?.startsWith('per'));
  expect(Object.fromEntries(told.map(([name, price, , , basis]) => [name, { price, basis }]))).toEqual(
    Object.fromEntries(
      Object.entries(PRICE_LIST.prices).map(([name, { dollars, basis }]) => [name, { price: String(dollars), basis }]),
    ),
  );
  expect(page).toContain(`compared on ${PRICE_LIST.checkedOn}`);
});

const RATES = [1, 100, 1_000];
const monthOf = (eventsPerSecond: number, kafka: KafkaWorkload): CostEstimate['dollarsPerMonth'] =>
  costOf({ eventsPerSecond, eventBytes: 1_000, kafka, pollers: 1 }).dollarsPerMonth;
const serverless = (rate: number) => monthOf(rate, { kind: 'serverless', partitions: 12 });

test.each<[string, (rate: number) => number]>([
  ['write units', (rate) => serverless(rate).writeUnits],
  ['reads of the table', (rate) => serverless(rate).readUnits],
  ['storage of the table', (rate) => serverless(rate).storage],
  ['relay', (rate) => serverless(rate).relay],
  ['metrics and alarms', (rate) => serverless(rate).metricsAndAlarms],
  ['logs', (rate) => serverless(rate).logs],
  ['Kafka: MSK Serverless', (rate) => serverless(rate).kafka],
  ['pollers', (rate) => serverless(rate).pollers],
  ['**total**', (rate) => serverless(rate).total],
  ['Kafka with 3 Express brokers instead', (rate) => monthOf(rate, { kind: 'express', brokers: 3 }).kafka],
  [
    'Kafka with 3 Standard brokers instead',
    (rate) => monthOf(rate, { kind: 'standard', brokers: 3, storageGb: 100 }).kafka,
  ],
])('the page has the dollars of %s', (name, dollars) => {
  const row = rows.find(([first]) => first === name);
  const format = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  expect(row?.slice(1, 4)).toEqual(RATES.map((rate) => dollars(rate).toLocaleString('en-US', format)));
});
