import { costOf, type CostEstimate, type CostWorkload, PRICE_LIST } from '../../../lib/operate/cost';

/** Exactly a million bytes per second would be too round: messages also have headers. */
const load = (eventsPerSecond: number, more: Partial<CostWorkload> = {}): CostWorkload => ({
  eventsPerSecond,
  eventBytes: 1_000,
  ...more,
});
const HOURS = 730;
const month = ({ dollarsPerMonth }: CostEstimate): CostEstimate['dollarsPerMonth'] => dollarsPerMonth;
/** A message of `load`: its data, its key, its headers and what Kafka adds. */
const MESSAGE_BYTES = 1_448;

test('alarms and dashboard cost the same at any load; without them, only the metrics cost', () => {
  const dollars = 38 * 0.3 + 35 * 0.1 + 5 * 0.5 + 3;
  expect(month(costOf(load(1))).metricsAndAlarms).toBeCloseTo(dollars, 9);
  expect(month(costOf(load(1_000))).metricsAndAlarms).toBeCloseTo(dollars, 9);
  expect(month(costOf(load(1, { monitoring: false }))).metricsAndAlarms).toBeCloseTo(38 * 0.3, 9);
});

test('a poller costs by the hour, even if it is idle', () => {
  expect(month(costOf(load(1, { pollers: 3 }))).pollers).toBeCloseTo(3 * HOURS * 0.185, 9);
  expect(month(costOf(load(1))).pollers).toBe(0);
});

test.each([1, 100, 1_000])('MSK Serverless at %i events/s costs cluster, partitions, traffic and storage', (rate) => {
  const cost = costOf(load(rate, { kafka: { kind: 'serverless', partitions: 12 }, consumers: 2 }));
  const gb = (rate * HOURS * 3_600 * MESSAGE_BYTES) / 1e9;
  expect(cost.estimated.kafkaGb).toBeCloseTo(gb, 6);
  const kept = (rate * 7 * 86_400 * MESSAGE_BYTES) / 1e9;
  const dollars = HOURS * (0.75 + 12 * 0.0015) + gb * (0.1 + 2 * 0.05) + kept * 0.1;
  expect(month(cost).kafka).toBeCloseTo(dollars, 6);
});

test('Express brokers cost by the hour, by GB written and by GB stored', () => {
  const cost = costOf(load(100, { kafka: { kind: 'express', brokers: 3, keptSeconds: 86_400 } }));
  const { kafkaGb } = cost.estimated;
  expect(month(cost).kafka).toBeCloseTo(3 * HOURS * 0.408 + kafkaGb * 0.01 + (kafkaGb * 24 * 0.1) / HOURS, 6);
});

test('Standard brokers cost by the hour and by the disk, at any load', () => {
  const kafka = { kind: 'standard', brokers: 3, storageGb: 100 } as const;
  const dollars = 3 * (HOURS * 0.204 + 100 * 0.1);
  expect(month(costOf(load(1, { kafka }))).kafka).toBeCloseTo(dollars, 9);
  expect(month(costOf(load(1_000, { kafka }))).kafka).toBeCloseTo(dollars, 9);
});

test('logs cost by the invocation, not by the event', () => {
  const { dollarsPerMonth, estimated } = costOf(load(1_000));
  expect(estimated.logGb).toBeCloseTo((estimated.invocationsPerSecond * HOURS * 3_600 * 1_000) / 1e9, 9);
  expect(dollarsPerMonth.logs).toBeCloseTo(estimated.logGb * 0.5, 9);
});

test('the total is the sum of all parts', () => {
  const { total, ...parts } = month(costOf(load(10, { kafka: { kind: 'serverless', partitions: 12 }, pollers: 1 })));
  expect(total).toBeCloseTo(
    Object.values(parts).reduce((sum, dollars) => sum + dollars, 0),
    9,
  );
});

test('a changed price replaces only its list price', () => {
  const workload = load(1, { pollers: 1 });
  const changed = costOf(workload, { perPollerHour: 0.2 });
  expect(month(changed).pollers).toBeCloseTo(HOURS * 0.2, 9);
  expect({ ...month(changed), pollers: 0, total: 0 }).toEqual({ ...month(costOf(workload)), pollers: 0, total: 0 });
});

test('every price names its source, and only Express uses assumed prices', () => {
  const assumed = Object.entries(PRICE_LIST.prices).filter(([, { basis }]) => basis === 'assumed');
  expect(assumed.map(([name]) => name)).toEqual(['perExpressGbIn', 'perExpressGbMonth']);
  expect(PRICE_LIST.checkedOn).toMatch(/^\d{4}-\d\d-\d\d$/);
});

test.each<[Partial<CostWorkload>, string]>([
  [{ pollers: -1 }, 'pollers: -1; it must be from 0'],
  [{ consumers: Number.NaN }, 'consumers: NaN'],
  [{ kafka: { kind: 'serverless', partitions: 0 } }, 'partitions: 0; it must be from 1'],
  [{ kafka: { kind: 'express', brokers: 0 } }, 'brokers: 0; it must be from 1'],
  [{ kafka: { kind: 'standard', brokers: 3, storageGb: 0 } }, 'GB of a disk: 0; it must be from 1 to 16384'],
  [{ kafka: { kind: 'serverless', partitions: 1, keptSeconds: -1 } }, 'seconds that topics keep: -1'],
])('%p is refused', (change, message) => {
  expect(() => costOf(load(1, change))).toThrow(message);
});

test.each<[Record<string, number>, string]>([
  [{ perPoller: 1 }, 'there is no price "perPoller"'],
  [{ perPollerHour: -1 }, 'the price perPollerHour is -1; it must be dollars, 0 or more'],
  [{ perPollerHour: Number.NaN }, 'the price perPollerHour is NaN'],
])('prices %p are refused', (prices, message) => {
  expect(() => costOf(load(1), prices)).toThrow(message);
});
