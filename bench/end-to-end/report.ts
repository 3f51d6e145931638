import type { CrashResult, DrainResult } from '../delivery/measure-drain';
import type { LadderResult } from '../delivery/measure-ladder';
import { STREAM_POLL_MS } from '../delivery/ours';
import {
  CRASH_GOALS,
  crashTable,
  drainTable,
  environmentLine,
  joined,
  isFlawless,
  ladderTable,
  milliseconds,
} from '../delivery/tables';
import { atMost } from '../goals';
import type { Machine } from '../machine';
import { count, judged, table } from '../markdown';
import { median } from '../statistics';
import type { Section } from '../written-section';
import { PARTITION_RATE, type ShardsResult } from './measure-shards';

/** Milliseconds between two reads of a shard that is read continuously. */
export const CONTINUOUS_POLL_MS = 10;

export interface LadderReport {
  readonly pollMs: number;
  /** One for each round. */
  readonly rounds: readonly LadderResult[];
}

export interface EndToEndReport {
  readonly machine: Machine;
  readonly measuredAt: string;
  readonly options: { readonly events: number; readonly rounds: number; readonly seconds: number };
  readonly loadAverages: readonly number[];
  readonly ladders: readonly LadderReport[];
  /** One list for each round: 1, 2, 4 and 8 shards. */
  readonly shards: readonly (readonly ShardsResult[])[];
  /** The same, with each shard read less often and at a fraction of the rate. */
  readonly stretched: readonly (readonly ShardsResult[])[];
  readonly drains: readonly (DrainResult | undefined)[];
  readonly crashes: readonly (CrashResult | undefined)[];
}

/** Above the poll interval. */
const LATENCY_MS = 60;
/** The p99 of eight shards, relative to that of one. */
const SHARDS_RATIO = 1.2;
const NAME = 'this outbox';

/** The sections of docs/benchmarks.md that were measured. */
export function endToEndSections(report: EndToEndReport): readonly Section[] {
  const { ladders, shards, stretched, drains, crashes, options } = report;
  const section = (
    part: string,
    title: string,
    results: readonly unknown[],
    lines: () => readonly string[],
  ): readonly Section[] =>
    results.length === 0
      ? []
      : [{ name: `end-to-end-${part}`, title, text: joined([environmentLine(report), '', ...lines()]) }];
  return [
    ...section('ladder', 'More events', ladders, () =>
      ladders.flatMap((ladder) => [...renderLadder(ladder, options.seconds), '']),
    ),
    ...section('shards', 'More shards', shards, () => [...renderShards(shards), '', ...renderStretched(stretched)]),
    ...section('drain', 'A backlog', drains, () => [
      `${count(options.events)} events of 1,024 bytes, one shard, with marks.`,
      '',
      ...drainTable([{ name: NAME, drains }]),
    ]),
    ...section('crash', 'SIGKILL of the relay in the middle of a drain', crashes, () => [
      'The worst of all rounds.',
      '',
      ...crashTable([{ name: NAME, crashes }], () => CRASH_GOALS),
    ]),
  ];
}

const renderLadder = ({ pollMs, rounds }: LadderReport, seconds: number): readonly string[] => [
  `**Commit to consumer, one shard, ${seconds} s for each rate; the stream is read ${pollMs === STREAM_POLL_MS ? 'four times a second, as Lambda does' : `every ${pollMs} ms`}**`,
  '',
  ...rounds.flatMap((round, index) => [
    ...(rounds.length > 1 ? [`Round ${index + 1}:`, ''] : []),
    ...ladderTable(round, pollMs + LATENCY_MS),
    ...(index < rounds.length - 1 ? [''] : []),
  ]),
];

function renderShards(rounds: readonly (readonly ShardsResult[])[]): readonly string[] {
  const [first = []] = rounds;
  const rate = first[0]?.ratePerShard ?? 0;
  const most = first.at(-1)?.shards ?? 0;
  const carried = rounds.every((round) => round.at(-1)?.verdict === 'keeps up');
  const limit =
    rate === PARTITION_RATE
      ? `Each shard gets ${rate} events a second: 90 % of the write limit of a DynamoDB partition.`
      : `Each shard gets ${rate} events a second, ${carried ? `half of the highest rate that this machine carries with ${most} shards` : `and this machine did not even carry that with ${most} shards`}. A DynamoDB partition would take ${PARTITION_RATE} at 90 % of its write limit: here all shards, relays, table, broker, writer and reader share the same cores.`;
  return [
    `${limit} Before the measured part each shard was split; in it, each is once closed and continued by a child.`,
    '',
    ...shardsTable(rounds),
  ];
}

function renderStretched(rounds: readonly (readonly ShardsResult[])[]): readonly string[] {
  const result = rounds[0]?.[0];
  if (result === undefined) return [];
  const factor = result.pollMs / STREAM_POLL_MS;
  return [
    `The same, stretched by ${factor}: each shard is read once in ${result.pollMs / 1_000} s instead of ${factor} times, and gets ${result.ratePerShard} events a second. So a read takes as many events as at 90 % of a partition's write limit, and ${factor} shards take the processor time that one takes at its full rate: the table shows whether shards wait for each other, apart from their waiting for the same cores.`,
    '',
    ...shardsTable(rounds),
  ];
}

/** Medians of the rounds; the ratio is taken inside each round. */
function shardsTable(rounds: readonly (readonly ShardsResult[])[]): readonly string[] {
  const counts = (rounds[0] ?? []).map(({ shards }) => shards);
  const ofShards = (shards: number): readonly ShardsResult[] =>
    rounds.flatMap((round) => round.filter((result) => result.shards === shards));
  const ratios = rounds.flatMap((round) => {
    const [one, most] = [round[0], round.at(-1)];
    return one === undefined || most === undefined || one === most ? [] : [most.p99Ms / one.p99Ms];
  });
  return table(
    ['shards', 'events/s', 'p50', 'p99', 'relative to one shard', 'verdict', 'missing, overtaken, repeated'],
    counts.map((shards) => {
      const results = ofShards(shards);
      const middle = (value: (result: ShardsResult) => number): number => median(results.map(value));
      const ratio = shards === counts.at(-1) && ratios.length > 0 ? median(ratios) : undefined;
      const sum = (value: (result: ShardsResult) => number): string =>
        count(results.reduce((total, result) => total + value(result), 0));
      const isFine = results.every(({ judgement }) => isFlawless(judgement));
      return [
        count(shards),
        count(middle(({ reached }) => reached)),
        isFine ? milliseconds(middle(({ p50Ms }) => p50Ms)) : 'none',
        isFine ? milliseconds(middle(({ p99Ms }) => p99Ms)) : 'none',
        ratio === undefined ? '' : judged(ratio.toFixed(2), atMost(ratio, SHARDS_RATIO)),
        [...new Set(results.map(({ verdict }) => verdict))].join(', '),
        `${sum(({ judgement }) => judgement.lost)}, ${sum(({ judgement }) => judgement.overtaken)}, ${sum(({ judgement }) => judgement.duplicates)}`,
      ];
    }),
  );
}
