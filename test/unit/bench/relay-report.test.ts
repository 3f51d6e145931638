import { figuresOf, renderReport, type BenchReport } from '../../../bench/relay-report';
import type { RunResult } from '../../../bench/run';
import { isBaseline, SCENARIOS, type Subject } from '../../../bench/scenario';
import { median } from '../../../bench/statistics';

const EVENTS = 10_000;
const CATCHING_UP = { 'catching-up': 900, 'baseline-catching-up': 1_200 };

/** A round on a machine that was `slowdown` times slower than in another round. */
function aRound(slowdown: number, change: Partial<Record<Subject, number>> = {}): RunResult[] {
  const wallMs = { ceiling: 500, 'without-marks': 450, 'with-marks': 700, baseline: 1_000, ...CATCHING_UP, ...change };
  return SCENARIOS.map((scenario) => ({
    scenario,
    wallMs: wallMs[scenario.subject] * slowdown,
    cpuMs: isBaseline(scenario.subject) ? 800 : 400,
    peakRssBytes: 100 * slowdown * 1024 * 1024,
  }));
}

const aReport = (change: Partial<BenchReport> = {}): BenchReport => ({
  machine: { cores: 2, node: '24.0.0', kafka: '4.1.0' },
  events: EVENTS,
  rounds: 1,
  scenarios: figuresOf([aRound(1)], { events: EVENTS }),
  bundleKb: 815,
  initMs: 100,
  latency: { warmP50Ms: 10, warmP99Ms: 20, firstMs: 300 },
  ...change,
});

test('a ratio compares runs of one round, so a slow round does not change it', () => {
  const [, withoutMarks, withMarks] = figuresOf([aRound(1), aRound(3), aRound(2)], { events: EVENTS });
  expect(withoutMarks).toMatchObject({ subject: 'without-marks', ratio: 500 / 450 });
  expect(withMarks).toMatchObject({
    ...{ subject: 'with-marks', ratio: 500 / 700, cpuMsPer1000: 40, cpuRatio: 0.5 },
    eventsPerSecond: 10_000 / 1.4,
  });
});

test('without a bundle of before, nothing is compared with it', () => {
  const round = aRound(1).filter(({ scenario }) => !isBaseline(scenario.subject));
  const scenarios = figuresOf([round], { events: EVENTS });
  expect(scenarios.map(({ subject }) => subject)).not.toContain('baseline');
  expect(renderReport(aReport({ scenarios }))).not.toContain('before');
});

test('memory is the highest peak of all rounds', () => {
  expect(figuresOf([aRound(1), aRound(3), aRound(2)], { events: EVENTS })[0]?.peakRssMb).toBe(300);
});

test('each figure with a goal says whether it is met', () => {
  const slow = figuresOf([aRound(4, { 'without-marks': 700, 'with-marks': 1_000 })], { events: EVENTS });
  expect(renderReport(aReport())).not.toContain('missed');
  expect(renderReport(aReport({ scenarios: slow }))).toContain('2,500 (goal ≥ 3,300: missed)');
  expect(renderReport(aReport({ scenarios: slow }))).toContain('0.71 (goal ≥ 1: missed)');
  expect(renderReport(aReport({ scenarios: slow }))).toContain('400 (goal < 320: missed)');
  expect(renderReport(aReport({ bundleKb: 1_000 }))).toContain('1,000 (goal < 900: missed)');
  expect(renderReport(aReport({ initMs: 301 }))).toContain('301 (goal < 150: missed)');
  const late = renderReport(aReport({ latency: { warmP50Ms: 16, warmP99Ms: 41, firstMs: 601 } }));
  for (const missed of ['16 (goal ≤ 15: missed)', '41 (goal ≤ 40: missed)', '601 (goal ≤ 600: missed)']) {
    expect(late).toContain(missed);
  }
});

test('all lines of a table are of one length, so that it can be pasted into the documentation', () => {
  const lengths = renderReport(aReport())
    .split('\n\n')
    .slice(1)
    .map((table) => new Set(table.split('\n').map(({ length }) => length)).size);
  expect(lengths).toEqual([1, 1, 1]);
});

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])('the median of %p is %p', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('there is no median of nothing', () => {
  expect(() => median([])).toThrow(RangeError);
});
