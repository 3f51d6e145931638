import type { CrashResult, DrainResult } from '../delivery/measure-drain';
import type { MinIsrResult, OutageResult, PoisonResult } from '../delivery/measure-faults';
import type { LadderResult } from '../delivery/measure-ladder';
import {
  CRASH_GOALS,
  crashTable,
  drainTable,
  ladderTable,
  environmentLine,
  joined,
  milliseconds,
} from '../delivery/tables';
import { atMost, below, atLeast, type Goal } from '../goals';
import type { Machine } from '../machine';
import { count, judged, table } from '../markdown';
import { median } from '../statistics';
import type { Section } from '../written-section';

/** The results of one subject; `undefined` for a measurement that failed. */
export interface PeerReport {
  readonly name: string;
  readonly versions: string;
  /** The relay of this project's outbox without its store. */
  readonly isDrainOnly?: boolean;
  /** One for each round. */
  readonly drains: readonly (DrainResult | undefined)[];
  readonly crashes: readonly (CrashResult | undefined)[];
  readonly ladder?: LadderResult;
  readonly outage?: OutageResult;
  readonly poison?: PoisonResult;
  readonly minIsr?: MinIsrResult;
}

export interface PeersReport {
  readonly machine: Machine;
  readonly measuredAt: string;
  readonly options: { readonly events: number; readonly rounds: number; readonly seconds: number };
  /** Of the last minute, at the start, before each round, and at the end. */
  readonly loadAverages: readonly number[];
  /** This project's outbox first. */
  readonly subjects: readonly PeerReport[];
}

/** Goals of this project's outbox. */
const DRAIN_RATIO = 1.3;
const RSS_RATIO = 0.5;
const REFERENCE = 'Debezium';

/** The parts that each round measures. The others are measured once. */
const REPEATED: readonly string[] = ['drain', 'crash'];

/** The sections of docs/peers.md that were measured. */
export function peersSections(report: PeersReport): readonly Section[] {
  const { options } = report;
  const subjects = report.subjects.filter(({ isDrainOnly }) => isDrainOnly !== true);
  const [own] = subjects;
  const section = (
    part: string,
    title: string,
    has: (subject: PeerReport) => unknown,
    lines: () => readonly string[],
  ): readonly Section[] => {
    if (!subjects.some(has)) return [];
    const rounds = REPEATED.includes(part) ? options.rounds : 1;
    const environment = environmentLine({ ...report, options: { rounds } });
    return [{ name: `peers-${part}`, title, text: joined([environment, '', ...lines()]) }];
  };
  return [
    {
      name: 'peers-versions',
      title: 'Versions',
      text: joined(report.subjects.map(({ name, versions }) => `- **${name}**: ${versions}`)),
    },
    ...section(
      'drain',
      'Drain of a backlog',
      ({ drains }) => drains.length > 0,
      () => [
        `${count(options.events)} events of 1,024 bytes; a twentieth for pg-transactional-outbox.`,
        '',
        ...drainTable(report.subjects),
        '',
        ...report.subjects
          .filter((subject) => subject === own || subject.isDrainOnly === true)
          .flatMap((subject) => [...drainRatios(subject, report.subjects), '']),
      ],
    ),
    ...section(
      'crash',
      'SIGKILL of the relay in the middle of a drain',
      ({ crashes }) => crashes.length > 0,
      () => crashTable(subjects, (subject) => (subject === own ? CRASH_GOALS : undefined)),
    ),
    ...section(
      'ladder',
      'Commit to consumer',
      ({ ladder }) => ladder,
      () => [
        `${options.seconds} s for each rate.`,
        '',
        ...subjects.flatMap(({ name, ladder }) =>
          ladder === undefined ? [] : [`**${name}**`, '', ...ladderTable(ladder), ''],
        ),
      ],
    ),
    ...section(
      'outage',
      'The only broker is away for 30 s',
      ({ outage }) => outage,
      () => outageTable(subjects, own),
    ),
    ...section(
      'poison',
      'One event is too large for the topic',
      ({ poison }) => poison,
      () => poisonTable(subjects, own),
    ),
    ...section(
      'min-isr',
      'One topic is below its minimum of in-sync replicas for 180 s',
      ({ minIsr }) => minIsr,
      () => minIsrTable(subjects, own),
    ),
  ];
}

/** Ratios inside one round, because the machine's other load changes from round to round. */
export function drainRatios(own: PeerReport, subjects: readonly PeerReport[]): readonly string[] {
  const reference = subjects.find(({ name }) => name === REFERENCE);
  if (reference === undefined || own === reference) return [];
  const rounds = own.drains.flatMap((drain, round) => {
    const other = reference.drains[round];
    return drain === undefined || other === undefined ? [] : [{ own: drain, other }];
  });
  if (rounds.length === 0) return [];
  const ratio = (value: (drain: DrainResult) => number): number =>
    median(rounds.map((each) => value(each.own) / value(each.other)));
  const row = (title: string, value: number, goal?: Goal): string[] => [title, judged(value.toFixed(2), goal)];
  const [speed, memory] = [ratio((drain) => drain.eventsPerSecond), ratio((drain) => drain.peakRssMb)];
  return table(
    [`${own.name} / ${REFERENCE}, median of ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}`, 'ratio'],
    [
      row('events/s', speed, atLeast(speed, DRAIN_RATIO)),
      row(
        'CPU ms per 1,000 events of the relay',
        ratio((drain) => drain.cpuMsPer1000),
      ),
      row('peak RSS', memory, below(memory, RSS_RATIO)),
    ],
  );
}

const ofOwn = (isOwn: boolean, goal: Goal): Goal | undefined => (isOwn ? goal : undefined);
const FAILED = 'failed';

const outageTable = (subjects: readonly PeerReport[], own: PeerReport | undefined): readonly string[] =>
  table(
    ['measured', 'events', 'missing', 'overtaken', 'duplicates', 'caught up after'],
    subjects.map((subject) => {
      const { name, outage } = subject;
      if (outage === undefined) return [name, FAILED, '', '', '', ''];
      const { lost, overtaken, duplicates } = outage.verdict;
      const isOwn = subject === own;
      return [
        name,
        count(outage.events),
        judged(count(lost), ofOwn(isOwn, atMost(lost, 0))),
        judged(count(overtaken), ofOwn(isOwn, atMost(overtaken, 0))),
        count(duplicates),
        milliseconds(outage.caughtUpMs),
      ];
    }),
  );

const poisonTable = (subjects: readonly PeerReport[], own: PeerReport | undefined): readonly string[] =>
  table(
    ['measured', 'events of other keys', 'delivered within 60 s', 'later events of its key that overtook it'],
    subjects.map((subject) => {
      const { name, poison } = subject;
      if (poison === undefined) return [name, FAILED, '', ''];
      const { others, delivered, overtookThePoison } = poison;
      const isOwn = subject === own;
      return [
        name,
        count(others),
        judged(count(delivered), ofOwn(isOwn, atLeast(delivered, others))),
        judged(count(overtookThePoison), ofOwn(isOwn, atMost(overtookThePoison, 0))),
      ];
    }),
  );

const minIsrTable = (subjects: readonly PeerReport[], own: PeerReport | undefined): readonly string[] =>
  table(
    [
      ...['measured', 'events of the healthy topic', 'delivered meanwhile', 'their p99'],
      ...['missing', 'overtaken', 'duplicates'],
    ],
    subjects.map((subject) => {
      const { name, minIsr } = subject;
      if (minIsr === undefined) return [name, FAILED, '', '', '', '', ''];
      const { lost, overtaken, duplicates } = minIsr.verdict;
      const isOwn = subject === own;
      return [
        name,
        count(minIsr.healthy),
        count(minIsr.deliveredMeanwhile),
        milliseconds(minIsr.healthyP99Ms),
        judged(count(lost), ofOwn(isOwn, atMost(lost, 0))),
        judged(count(overtaken), ofOwn(isOwn, atMost(overtaken, 0))),
        count(duplicates),
      ];
    }),
  );
