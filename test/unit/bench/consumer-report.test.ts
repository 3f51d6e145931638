import {
  renderConsumerReport,
  slowKeyFigures,
  speedRatio,
  subjectFigures,
  type ConsumerReport,
} from '../../../bench/consumer-report';
import { CONSUMER_SUBJECTS, type SlowKeyRun, type ThroughputRun } from '../../../bench/consumer-runs';

const EVENTS = 10_000;

/** A round on a machine that was `slowdown` times slower than in another round. */
function aRound(slowdown: number, change: Partial<Record<ThroughputRun['subject'], number>> = {}): ThroughputRun[] {
  const wallMs = { bare: 4_000, single: 5_000, grouped: 2_000, ...change };
  return CONSUMER_SUBJECTS.map((subject) => ({
    kind: 'measured',
    subject,
    events: EVENTS,
    wallMs: wallMs[subject] * slowdown,
    cpuMs: 4_000,
    peakRssBytes: 100 * slowdown * 1024 * 1024,
    latenciesMs: [],
    writeCallsPerEvent: 1,
  }));
}

const aPair = (alone: number, beside: number): SlowKeyRun[] => [
  { withSlowKey: true, latenciesMs: [beside, 1] },
  { withSlowKey: false, latenciesMs: [alone, 1] },
];

const aReport = (change: Partial<ConsumerReport> = {}): ConsumerReport => ({
  machine: { cores: 2, node: '24.0.0', kafka: '4.1.0' },
  events: EVENTS,
  rounds: 1,
  subjects: subjectFigures([aRound(1)]),
  groupGain: 2.5,
  slowKey: slowKeyFigures([aPair(20, 30)]),
  ...change,
});

test('ratios compare runs of one round, so a slow round does not change them', () => {
  const rounds = [aRound(1), aRound(3), aRound(2)];
  const [, single, grouped] = subjectFigures(rounds);
  expect(single).toMatchObject({ subject: 'single', ratio: 0.8 });
  expect(grouped).toMatchObject({ subject: 'grouped', ratio: 2, effectsPerSecond: 2_500, cpuMsPer1000: 400 });
  expect(speedRatio(rounds, 'grouped', 'single')).toBe(2.5);
  expect(slowKeyFigures([aPair(20, 30), aPair(100, 150), aPair(40, 60)])).toEqual({
    p50Ms: { without: 1, with: 1 },
    p99Ms: { without: 40, with: 60 },
    ratio: 1.5,
  });
});

test('each figure with a goal says whether it is met', () => {
  expect(renderConsumerReport(aReport())).not.toContain('missed');
  const slow = renderConsumerReport(
    aReport({
      subjects: subjectFigures([aRound(1, { single: 10_000 })]),
      groupGain: 1.2,
      slowKey: slowKeyFigures([aPair(20, 50)]),
    }),
  );
  expect(slow).toContain('0.40 (goal ≥ 0.50: missed)');
  expect(slow).toContain('1.20 (goal ≥ 1.50: missed)');
  expect(slow).toContain('2.50 (goal ≤ 2: missed)');
});
