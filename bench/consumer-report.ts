import type { ConsumerSubject } from './children/consumer';
import { CONSUMER_SUBJECTS, SLOW_KEY, type SlowKeyRun, type ThroughputRun } from './consumer-runs';
import { atLeast, atMost, GROUP_GAIN, INBOX_RATIO, SLOW_KEY_RATIO } from './goals';
import type { Machine } from './machine';
import { count, judged, table } from './markdown';
import { median, percentile } from './statistics';

/** Medians over the rounds; for the memory, the maximum. */
export interface SubjectFigures {
  readonly subject: ConsumerSubject;
  readonly effectsPerSecond: number;
  /** Speed relative to the bare consumer in the same round. */
  readonly ratio: number;
  readonly cpuMsPer1000: number;
  readonly writeCallsPerEvent: number;
  readonly peakRssMb: number;
}

export interface SlowKeyFigures {
  /** Of the fast keys, from commit to effect. */
  readonly p50Ms: { readonly without: number; readonly with: number };
  readonly p99Ms: { readonly without: number; readonly with: number };
  /** p99 with a slow key divided by p99 without one: the median over the rounds. */
  readonly ratio: number;
}

export interface ConsumerReport {
  readonly machine: Machine;
  readonly events: number;
  readonly rounds: number;
  readonly subjects: readonly SubjectFigures[];
  /** Effects a second with shared transactions, relative to one transaction for each event in the same round. */
  readonly groupGain: number;
  readonly slowKey: SlowKeyFigures;
}

const BYTES_PER_MB = 1024 * 1024;

export function subjectFigures(rounds: readonly (readonly ThroughputRun[])[]): SubjectFigures[] {
  return CONSUMER_SUBJECTS.map((subject) => {
    const runs = rounds.map((round) => pick(round, subject));
    return {
      subject,
      effectsPerSecond: median(runs.map(({ events, wallMs }) => (events / wallMs) * 1000)),
      ratio: speedRatio(rounds, subject, 'bare'),
      cpuMsPer1000: median(runs.map(({ events, cpuMs }) => (cpuMs / events) * 1000)),
      writeCallsPerEvent: median(runs.map(({ writeCallsPerEvent }) => writeCallsPerEvent)),
      peakRssMb: Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes)) / BYTES_PER_MB,
    };
  });
}

/** Speed of `subject` relative to `of`: the median over the rounds. */
export const speedRatio = (
  rounds: readonly (readonly ThroughputRun[])[],
  subject: ConsumerSubject,
  of: ConsumerSubject,
): number => median(rounds.map((round) => pick(round, of).wallMs / pick(round, subject).wallMs));

export function slowKeyFigures(rounds: readonly (readonly SlowKeyRun[])[]): SlowKeyFigures {
  const of = (percent: number, withSlowKey: boolean): number[] =>
    rounds.map((round) => {
      const run = round.find((each) => each.withSlowKey === withSlowKey);
      if (run === undefined) throw new Error('A round has one run with a slow key and one without.');
      return percentile(run.latenciesMs, percent);
    });
  const both = (percent: number) => ({ without: median(of(percent, false)), with: median(of(percent, true)) });
  const [slow, plain] = [of(99, true), of(99, false)];
  return {
    p50Ms: both(50),
    p99Ms: both(99),
    ratio: median(slow.map((ms, round) => ms / (plain[round] ?? Number.NaN))),
  };
}

function pick(round: readonly ThroughputRun[], subject: ConsumerSubject): ThroughputRun {
  const found = round.find((run) => run.subject === subject);
  if (found === undefined) throw new Error(`A round has no result of ${subject}.`);
  return found;
}

const DESCRIPTIONS: Readonly<Record<ConsumerSubject, string>> = {
  bare: 'kafkajs alone, no inbox',
  single: 'consumer, a transaction per event',
  grouped: 'consumer',
};

/** The report as Markdown, as the documentation quotes it. */
export function renderConsumerReport(report: ConsumerReport): string {
  const { machine, events, rounds, subjects, groupGain, slowKey } = report;
  return [
    `${machine.cores} cores, shared by the broker, the stub of DynamoDB and the measured process; Node.js ${machine.node}, Apache Kafka ${machine.kafka}, one broker; ${rounds} rounds of ${count(events)} events of 1,024 bytes.`,
    '',
    ...table(
      [
        'measured',
        'effects/s',
        'of kafkajs alone',
        'CPU ms per 1,000 events',
        'write calls per event',
        'peak RSS in MB',
      ],
      subjects.map((figures) => [
        DESCRIPTIONS[figures.subject],
        count(figures.effectsPerSecond),
        judged(figures.ratio.toFixed(2), figures.subject === 'bare' ? undefined : atLeast(figures.ratio, INBOX_RATIO)),
        count(figures.cpuMsPer1000),
        figures.writeCallsPerEvent.toFixed(2),
        count(figures.peakRssMb),
      ]),
    ),
    '',
    `Shared transactions against one for each event: ${judged(groupGain.toFixed(2), atLeast(groupGain, GROUP_GAIN))}.`,
    '',
    ...table(
      [`${SLOW_KEY.fastKeys} fast keys, commit to effect`, 'alone', `next to a key of ${SLOW_KEY.slowMs} ms`, 'ratio'],
      [
        ['p50 in ms', count(slowKey.p50Ms.without), count(slowKey.p50Ms.with), ''],
        [
          'p99 in ms',
          count(slowKey.p99Ms.without),
          count(slowKey.p99Ms.with),
          judged(slowKey.ratio.toFixed(2), atMost(slowKey.ratio, SLOW_KEY_RATIO)),
        ],
      ],
    ),
  ].join('\n');
}
