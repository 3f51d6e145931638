import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { itemBytes, WRITE_UNIT_BYTES } from '../../../lib/dynamodb/item-size';
import { encodeItem } from '../../../lib/event/item';
import { usualMarks } from '../../../lib/event/receipt';
import { costOf, type CostEstimate, type KafkaWorkload, PRICE_LIST } from '../../../lib/operate/cost';
import { sampleItem } from '../../../lib/operate/sample-item';

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

describe('the bytes of an item', () => {
  const shape = {
    ...{ aggregate: 'order', source: '/shop/order', keyBytes: 36, hasVersions: true, events: 1, dataBytes: 0 },
    event: { type: 'order.placed', topic: 'orders', contentType: 'application/json' },
  };
  const { item, bytes, markedBytes } = sampleItem(shape);
  const attributes: Readonly<Record<string, unknown>> = { ...encodeItem(item), ...usualMarks(['orders']) };
  const [event] = attributes['events'] as readonly Readonly<Record<string, unknown>>[];
  const eventRows = Object.entries(event!).map(([name, value]) => [
    `events[].${name}`,
    // An element of a map has one byte more than an attribute of an item.
    String(1 + itemBytes({ [name]: value })),
  ]);

  test('are those of each attribute', () => {
    const own = Object.entries(attributes)
      .filter(([name]) => name !== 'events')
      .map(([name, value]) => [name, String(itemBytes({ [name]: value }))]);
    const told = rows.filter(([name = '']) => name in attributes || name.startsWith('events['));
    expect(Object.fromEntries(told.map(([name, count]) => [name, count]))).toEqual({
      ...Object.fromEntries([...own, ...eventRows]),
      events: String(itemBytes({ events: [{}] })),
    });
  });

  test('and of all together', () => {
    expect(
      rows.filter(([name]) => name === '**committed**' || name === '**marked**').map(([, count]) => count),
    ).toEqual([bytes, markedBytes].map(String));
  });

  test('of further events, of a trace context and of a position without a version', () => {
    const two = sampleItem({ ...shape, events: 2 });
    const receipt = two.markedBytes - two.bytes - (markedBytes - bytes);
    expect(page).toContain(
      `Each further event of an item has ${two.bytes - bytes} bytes beyond its data, and ${receipt} for its receipt.`,
    );
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const unversioned = sampleItem({ ...shape, hasVersions: false }).bytes - bytes;
    expect(page).toContain(
      `A \`traceparent\` has ${itemBytes({ traceparent })} bytes, a position without a version ${unversioned} more.`,
    );
  });

  test('that a repeated id takes, in write units', () => {
    const repeated = Number(eventRows.find(([name]) => name === 'events[].id')?.[1]);
    const units = (3 * repeated) / WRITE_UNIT_BYTES;
    const dollars = (units * PRICE_LIST.prices.perMillionWriteUnits.dollars).toFixed(2);
    expect(page).toContain(
      `an item would have ${repeated} bytes less: on average ${units.toFixed(2)} write units, or $${dollars} for a million items`,
    );
  });
});

test('the page has the units and dollars of compressed data', () => {
  const cells = (name: string): string[] => rows.find(([first]) => first === name)?.slice(1) ?? [];
  const sizes = cells('bytes of the item').map((text) => Number(text.replace(',', '')));
  const marks = itemBytes(usualMarks(['orders']));
  const units = sizes.map(
    (size) => 2 * Math.ceil(size / WRITE_UNIT_BYTES) + Math.ceil((size + marks) / WRITE_UNIT_BYTES),
  );
  expect(cells('write units of commit and mark')).toEqual(units.map(String));
  const price = PRICE_LIST.prices.perMillionWriteUnits.dollars;
  expect(cells('dollars for the writes of a million events')).toEqual(units.map((each) => (each * price).toFixed(2)));
});
