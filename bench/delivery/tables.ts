import { atMost } from '../goals';
import type { Machine } from '../machine';
import { count, judged, table } from '../markdown';
import { median } from '../statistics';
import { highestRate } from './ladder';
import type { Verdict } from './judge';
import type { CrashResult, DrainResult } from './measure-drain';
import type { LadderResult } from './measure-ladder';

/** Of a SIGKILL of this project's relay. A read of the stream has at most 1,000 records. */
export const CRASH_GOALS = { duplicates: 1_000, awayMs: 3_000 } as const;

/** The lines of a report, without repeated empty ones. */
export const joined = (lines: readonly string[]): string =>
  lines
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimEnd();

interface Named {
  readonly name: string;
}

/** `1.2 s` or `340 ms`; `never` for what did not happen. */
export function milliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return 'never';
  return ms >= 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${count(ms)} ms`;
}

export const environmentLine = ({
  machine: { cores, node, kafka },
  measuredAt,
  options: { rounds },
  loadAverages,
}: {
  readonly machine: Machine;
  readonly measuredAt: string;
  readonly options: { readonly rounds: number };
  readonly loadAverages: readonly number[];
}): string =>
  `Measured on ${measuredAt}: ${cores} cores, shared by everything that runs; Node.js ${node}, Apache Kafka ${kafka}; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}. Load average of the machine before each part: ${loadAverages.map((load) => load.toFixed(1)).join(', ')}.`;

/** A drain that lost or repeated an event, or changed an order, has no figures. */
export const isFlawless = ({ lost, invented, overtaken, duplicates }: Verdict): boolean =>
  lost + invented + overtaken + duplicates === 0;

/** The medians of each subject's rounds. */
export const drainTable = (
  subjects: readonly (Named & { readonly drains: readonly (DrainResult | undefined)[] })[],
): readonly string[] =>
  table(
    [
      ...['measured', 'events/s', 'CPU ms per 1,000 events', 'of the store besides', 'peak RSS in MB'],
      ...['start to first event', 'load average', 'missing, overtaken, repeated'],
    ],
    subjects.map(({ name, drains }) => {
      const measured = drains.filter((drain) => drain !== undefined);
      const flawless = measured.filter(({ verdict }) => isFlawless(verdict));
      const flaws = measured.map(({ verdict }) => verdict);
      const sum = (of: (verdict: Verdict) => number): string =>
        count(flaws.reduce((total, each) => total + of(each), 0));
      const counted = `${sum(({ lost }) => lost)}, ${sum(({ overtaken }) => overtaken)}, ${sum(({ duplicates }) => duplicates)}`;
      if (flawless.length === 0) return [name, measured.length === 0 ? 'failed' : 'none', '', '', '', '', '', counted];
      const middle = (value: (drain: DrainResult) => number): number => median(flawless.map(value));
      return [
        name,
        count(middle(({ eventsPerSecond }) => eventsPerSecond)),
        count(middle(({ cpuMsPer1000 }) => cpuMsPer1000)),
        count(middle(({ storeCpuMsPer1000 }) => storeCpuMsPer1000)),
        count(middle(({ peakRssMb }) => peakRssMb)),
        milliseconds(middle(({ firstMessageMs }) => firstMessageMs)),
        middle(({ loadAverage }) => loadAverage).toFixed(1),
        counted,
      ];
    }),
  );

export interface CrashGoals {
  readonly duplicates: number;
  readonly awayMs: number;
}

/** The worst of each subject's rounds: a crash has no typical one. */
export const crashTable = <S extends Named & { readonly crashes: readonly (CrashResult | undefined)[] }>(
  subjects: readonly S[],
  goalsOf: (subject: S) => CrashGoals | undefined,
): readonly string[] =>
  table(
    ['measured', 'events', 'duplicates', 'time away', 'missing', 'overtaken'],
    subjects.map((subject) => {
      const crashes = subject.crashes.filter((crash) => crash !== undefined);
      const goals = goalsOf(subject);
      if (crashes.length === 0) return [subject.name, 'failed', '', '', '', ''];
      const worst = (value: (crash: CrashResult) => number): number => Math.max(...crashes.map(value));
      const [duplicates, awayMs, lost, overtaken] = [
        worst((crash) => crash.duplicates),
        worst((crash) => crash.awayMs),
        worst(({ verdict }) => verdict.lost),
        worst(({ verdict }) => verdict.overtaken),
      ];
      return [
        subject.name,
        count(crashes[0]?.events ?? 0),
        judged(count(duplicates), goals && atMost(duplicates, goals.duplicates)),
        judged(milliseconds(awayMs), goals && atMost(awayMs, goals.awayMs)),
        judged(count(lost), goals && atMost(lost, 0)),
        judged(count(overtaken), goals && atMost(overtaken, 0)),
      ];
    }),
  );

/** @param p99Goal - for rates up to 70 % of the highest */
export function ladderTable({ steps, verdict }: LadderResult, p99Goal?: number): readonly string[] {
  const judgedUpTo = JUDGED_SHARE * highestRate(steps);
  return [
    ...table(
      ['events/s', 'reached', 'commit p50', 'p50', 'p99', 'on their way at the end', 'verdict'],
      steps.map((step) => [
        count(step.rate),
        count(step.reached),
        milliseconds(step.commitP50Ms),
        milliseconds(step.p50Ms),
        judged(
          milliseconds(step.p99Ms),
          p99Goal !== undefined && step.rate <= judgedUpTo ? atMost(step.p99Ms, p99Goal) : undefined,
        ),
        count(step.backlog),
        step.verdict,
      ]),
    ),
    ...(isFlawless(verdict) ? [] : ['', flaws(verdict)]),
  ];
}

/** Near its highest rate every queue is long. */
const JUDGED_SHARE = 0.7;

const flaws = ({ lost, overtaken, duplicates }: Verdict): string =>
  `Not counted as figures: ${count(lost)} missing, ${count(overtaken)} overtaken, ${count(duplicates)} repeated.`;
