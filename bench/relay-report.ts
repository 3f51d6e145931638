import {
  BUNDLE_KB,
  CPU_RATIO,
  FIRST_MS,
  WARM_P50_MS,
  WARM_P99_MS,
  EVENTS_PER_SECOND,
  INIT_MS,
  PEAK_RSS_MB,
  RELAY_RATIO,
  atLeast,
  atMost,
  below,
} from './goals';
import type { LatencyFigures } from './latency';
import type { Machine } from './machine';
import { count, judged, table } from './markdown';
import { EVENTS_PER_BATCH, type BenchOptions } from './options';
import type { RunResult } from './run';
import { DESCRIPTIONS, isBaseline, SCENARIOS, type Scenario, type Subject } from './scenario';
import { median } from './statistics';

/** Medians over the rounds; for the memory, the maximum. */
export interface ScenarioFigures extends Scenario {
  readonly eventsPerSecond: number;
  /** Speed relative to the ceiling with the same compression: the median over the rounds. */
  readonly ratio: number;
  readonly cpuMsPer1000: number;
  /** CPU relative to the baseline with the same compression: the median over the rounds. Not of the ceiling. */
  readonly cpuRatio?: number;
  readonly peakRssMb: number;
}

export interface BenchReport {
  readonly machine: Machine;
  readonly events: number;
  readonly rounds: number;
  readonly scenarios: readonly ScenarioFigures[];
  readonly bundleKb: number;
  readonly initMs: number;
  readonly latency: LatencyFigures;
}

const BYTES_PER_MB = 1024 * 1024;

/** `rounds` holds the results of each round, every scenario once. */
export function figuresOf(
  rounds: readonly (readonly RunResult[])[],
  { events }: Pick<BenchOptions, 'events'>,
): ScenarioFigures[] {
  return SCENARIOS.flatMap(({ subject, compression }) => {
    if (isBaseline(subject) && !hasBaseline(rounds)) return [];
    const runs = rounds.map((round) => pick(round, { subject, compression }));
    const before = BASELINE_OF[subject];
    const baselines =
      before === undefined || !hasBaseline(rounds)
        ? []
        : rounds.map((round) => pick(round, { subject: before, compression }));
    const ceilings = rounds.map((round) => pick(round, { subject: 'ceiling', compression }));
    return {
      subject,
      compression,
      eventsPerSecond: median(runs.map(({ wallMs }) => (events / wallMs) * 1000)),
      ratio: median(runs.map(({ wallMs }, round) => (ceilings[round]?.wallMs ?? Number.NaN) / wallMs)),
      cpuMsPer1000: median(runs.map(({ cpuMs }) => (cpuMs / events) * EVENTS_PER_BATCH)),
      cpuRatio:
        baselines.length > 0
          ? median(runs.map(({ cpuMs }, round) => cpuMs / (baselines[round]?.cpuMs ?? Number.NaN)))
          : undefined,
      peakRssMb: Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes)) / BYTES_PER_MB,
    };
  });
}

const hasBaseline = (rounds: readonly (readonly RunResult[])[]): boolean =>
  rounds[0]?.some(({ scenario }) => isBaseline(scenario.subject)) ?? false;

const BASELINE_OF: Readonly<Partial<Record<Subject, Subject>>> = {
  'with-marks': 'baseline',
  'catching-up': 'baseline-catching-up',
};

function pick(round: readonly RunResult[], { subject, compression }: Scenario): RunResult {
  const found = round.find(({ scenario }) => scenario.subject === subject && scenario.compression === compression);
  if (found === undefined) throw new Error(`A round has no result of ${subject} with ${compression}.`);
  return found;
}

/** The report as Markdown, as the documentation quotes it. */
export function renderReport(report: BenchReport): string {
  const { machine, events, rounds, scenarios, bundleKb, initMs, latency } = report;
  return [
    `${machine.cores} cores, shared by the broker, the stub of DynamoDB and the measured process; Node.js ${machine.node}, Apache Kafka ${machine.kafka}, one broker; ${rounds} rounds of ${count(events)} events of 1,024 bytes.`,
    '',
    ...table(
      ['measured', 'compression', 'events/s', 'of the ceiling', 'CPU ms per 1,000 events', 'peak RSS in MB'],
      scenarios.map(scenarioRow),
    ),
    '',
    ...table(
      ['bundle of the relay', 'value'],
      [
        ['size in kB', judged(count(bundleKb), below(bundleKb, BUNDLE_KB))],
        ['init in ms', judged(count(initMs), below(initMs, INIT_MS))],
      ],
    ),
    '',
    ...table(
      ['one record, in ms', 'value'],
      [
        [
          'invocation to acknowledgement, p50',
          judged(count(latency.warmP50Ms), atMost(latency.warmP50Ms, WARM_P50_MS)),
        ],
        [
          'invocation to acknowledgement, p99',
          judged(count(latency.warmP99Ms), atMost(latency.warmP99Ms, WARM_P99_MS)),
        ],
        ['first invocation after init', judged(count(latency.firstMs), atMost(latency.firstMs, FIRST_MS))],
      ],
    ),
  ].join('\n');
}

function scenarioRow({
  subject,
  compression,
  eventsPerSecond,
  ratio,
  cpuMsPer1000,
  cpuRatio,
  peakRssMb,
}: ScenarioFigures): string[] {
  const isRelay = subject === 'with-marks';
  const cpu = count(cpuMsPer1000);
  return [
    DESCRIPTIONS[subject],
    compression,
    judged(count(eventsPerSecond), isRelay ? atLeast(eventsPerSecond, EVENTS_PER_SECOND) : undefined),
    judged(
      ratio.toFixed(2),
      subject in RELAY_RATIO ? atLeast(ratio, RELAY_RATIO[subject as keyof typeof RELAY_RATIO]) : undefined,
    ),
    cpuRatio === undefined ? cpu : judged(`${cpu}, ${cpuRatio.toFixed(2)} of before`, atMost(cpuRatio, CPU_RATIO)),
    judged(count(peakRssMb), isRelay ? below(peakRssMb, PEAK_RSS_MB) : undefined),
  ];
}
