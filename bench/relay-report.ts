import { BUNDLE_KB, EVENTS_PER_SECOND, INIT_MS, PEAK_RSS_MB, RELAY_RATIO, atLeast, below } from './goals';
import type { Machine } from './machine';
import { count, judged, table } from './markdown';
import { EVENTS_PER_BATCH, type BenchOptions } from './options';
import type { RunResult } from './run';
import { DESCRIPTIONS, SCENARIOS, type Scenario } from './scenario';
import { median } from './statistics';

/** Medians over the rounds; for the memory, the maximum. */
export interface ScenarioFigures extends Scenario {
  readonly eventsPerSecond: number;
  /** Speed relative to the ceiling with the same compression: the median over the rounds. */
  readonly ratio: number;
  readonly cpuMsPer1000: number;
  readonly peakRssMb: number;
}

export interface BenchReport {
  readonly machine: Machine;
  readonly events: number;
  readonly rounds: number;
  readonly scenarios: readonly ScenarioFigures[];
  readonly bundleKb: number;
  readonly initMs: number;
}

const BYTES_PER_MB = 1024 * 1024;

/** `rounds` holds the results of each round, every scenario once. */
export function figuresOf(
  rounds: readonly (readonly RunResult[])[],
  { events }: Pick<BenchOptions, 'events'>,
): ScenarioFigures[] {
  return SCENARIOS.map(({ subject, compression }) => {
    const runs = rounds.map((round) => pick(round, { subject, compression }));
    const ceilings = rounds.map((round) => pick(round, { subject: 'ceiling', compression }));
    return {
      subject,
      compression,
      eventsPerSecond: median(runs.map(({ wallMs }) => (events / wallMs) * 1000)),
      ratio: median(runs.map(({ wallMs }, round) => (ceilings[round]?.wallMs ?? Number.NaN) / wallMs)),
      cpuMsPer1000: median(runs.map(({ cpuMs }) => (cpuMs / events) * EVENTS_PER_BATCH)),
      peakRssMb: Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes)) / BYTES_PER_MB,
    };
  });
}

function pick(round: readonly RunResult[], { subject, compression }: Scenario): RunResult {
  const found = round.find(({ scenario }) => scenario.subject === subject && scenario.compression === compression);
  if (found === undefined) throw new Error(`A round has no result of ${subject} with ${compression}.`);
  return found;
}

/** The report as Markdown, as the documentation quotes it. */
export function renderReport(report: BenchReport): string {
  const { machine, events, rounds, scenarios, bundleKb, initMs } = report;
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
  ].join('\n');
}

function scenarioRow({
  subject,
  compression,
  eventsPerSecond,
  ratio,
  cpuMsPer1000,
  peakRssMb,
}: ScenarioFigures): string[] {
  const isRelay = subject === 'with-marks';
  return [
    DESCRIPTIONS[subject],
    compression,
    judged(count(eventsPerSecond), isRelay ? atLeast(eventsPerSecond, EVENTS_PER_SECOND) : undefined),
    judged(ratio.toFixed(2), subject === 'ceiling' ? undefined : atLeast(ratio, RELAY_RATIO[subject])),
    count(cpuMsPer1000),
    judged(count(peakRssMb), isRelay ? below(peakRssMb, PEAK_RSS_MB) : undefined),
  ];
}
