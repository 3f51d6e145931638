import { figuresOf, renderReport, type BenchReport } from '../../../bench/relay-report';
import type { RunResult } from '../../../bench/run';
import { SCENARIOS, type Subject } from '../../../bench/scenario';
import { median } from '../../../bench/statistics';

const EVENTS = 10_000;

/** A round on a machine that was `slowdown` times slower than in another round. */
function aRound(slowdown: number, change: Partial<Record<Subject, number>> = {}): RunResult[] {
  const wallMs = { ceiling: 500, 'without-marks': 550, 'with-marks': 1_000, ...change };
  return SCENARIOS.map((scenario) => ({
    scenario,
    wallMs: wallMs[scenario.subject] * slowdown,
    cpuMs: 400,
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
  ...change,
});

test('a ratio compares runs of one round, so a slow round does not change it', () => {
  const [, withoutMarks, withMarks] = figuresOf([aRound(1), aRound(3), aRound(2)], { events: EVENTS });
  expect(withoutMarks).toMatchObject({ subject: 'without-marks', ratio: 500 / 550 });
  expect(withMarks).toMatchObject({ subject: 'with-marks', ratio: 0.5, eventsPerSecond: 5_000, cpuMsPer1000: 40 });
});

test('memory is the highest peak of all rounds', () => {
  expect(figuresOf([aRound(1), aRound(3), aRound(2)], { events: EVENTS })[0]?.peakRssMb).toBe(300);
});

test('each figure with a goal says whether it is met', () => {
  const slow = figuresOf([aRound(4, { 'without-marks': 700 })], { events: EVENTS });
  expect(renderReport(aReport())).not.toContain('missed');
  expect(renderReport(aReport({ scenarios: slow }))).toContain('2,500 (goal ≥ 3,300: missed)');
  expect(renderReport(aReport({ scenarios: slow }))).toContain('0.71 (goal ≥ 0.85: missed)');
  expect(renderReport(aReport({ scenarios: slow }))).toContain('400 (goal < 256: missed)');
  expect(renderReport(aReport({ bundleKb: 1_000 }))).toContain('1,000 (goal < 1,000: missed)');
  expect(renderReport(aReport({ initMs: 301 }))).toContain('301 (goal < 300: missed)');
});

test('all lines of a table are of one length, so that it can be pasted into the documentation', () => {
  const lengths = renderReport(aReport())
    .split('\n\n')
    .slice(1)
    .map((table) => new Set(table.split('\n').map(({ length }) => length)).size);
  expect(lengths).toEqual([1, 1]);
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
