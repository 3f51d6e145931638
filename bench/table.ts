import { bundleGoal, initGoal, memoryGoal, ratioGoal, speedGoal, type Goal } from './goals';
import type { BenchReport, ScenarioFigures } from './report';
import { DESCRIPTIONS } from './scenario';

/** The report as Markdown, as it is quoted in the documentation. */
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
        ['size in kB', judged(count(bundleKb), bundleGoal(report))],
        ['init in ms', judged(count(initMs), initGoal(report))],
      ],
    ),
  ].join('\n');
}

const scenarioRow = (figures: ScenarioFigures): string[] => [
  DESCRIPTIONS[figures.subject],
  figures.compression,
  judged(count(figures.eventsPerSecond), speedGoal(figures)),
  judged(figures.ratio.toFixed(2), ratioGoal(figures)),
  count(figures.cpuMsPer1000),
  judged(count(figures.peakRssMb), memoryGoal(figures)),
];

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

export const judged = (value: string, goal: Goal | undefined): string =>
  goal === undefined ? value : `${value} (goal ${goal.text}: ${goal.met ? 'met' : 'missed'})`;

/** Columns are padded as prettier does, so that a pasted table stays as it is. */
export function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(...[head, ...body].map((row) => (row[column] ?? title).length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}
