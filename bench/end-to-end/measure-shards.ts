import { setTimeout as sleep } from 'node:timers/promises';
import { deleteTopic } from '../../local/kafka/topics';
import { commitOf, judge, type Verdict } from '../delivery/judge';
import { stepOf, type Step } from '../delivery/ladder';
import { newTopic } from '../delivery/measure-drain';
import { arrived, timingsOf } from '../delivery/measure-ladder';
import { ours, STREAM_POLL_MS, type OpenOurs } from '../delivery/ours';
import { startReader } from '../delivery/reader';
import { startWriter } from '../delivery/writer';
import { seriesOf, type SeriesPoint } from './series';

/** The load of one number of shards. */
export interface ShardsResult extends Step {
  readonly shards: number;
  readonly ratePerShard: number;
  readonly pollMs: number;
  /** Latencies of each second of the measured part. */
  readonly series: readonly SeriesPoint[];
  /** Seconds of the measured part at which a shard was closed and continued by a child. */
  readonly rolls: readonly number[];
  readonly judgement: Verdict;
}

export interface ShardsOptions {
  readonly brokers: readonly string[];
  readonly logFolder: string;
  readonly shards: number;
  /** Events a second for each shard. */
  readonly rate: number;
  /** Of the measured part. */
  readonly seconds: number;
  /**
   * Each shard is read so many times less often, to take as many events with each read at a fraction of the rate: the
   * shards then share the cores as they would if the machine had so many times more of them. Default 1.
   */
  readonly stretch?: number;
}

/** With the other attributes an item has less than 1 KB: it costs two units with its transaction, and one for its mark. */
const DATA_BYTES = 600;
const KEYS = 4_000;
const TOPIC = 'shards';
const RAMP_SECONDS = 5;
const SETTLE_SECONDS = 5;

/**
 * A table with half the shards takes half the load; then each of its shards splits, and the load doubles. In the
 * measured part every shard is once closed and continued by a child, as DynamoDB does every few hours.
 */
export async function measureShards({
  brokers,
  logFolder,
  shards,
  rate,
  seconds,
  stretch = 1,
}: ShardsOptions): Promise<ShardsResult> {
  const pollMs = STREAM_POLL_MS * stretch;
  const subject = await ours({ logFolder, shards: Math.max(1, shards / 2), pollIntervalMs: pollMs });
  await newTopic(brokers, TOPIC);
  const open = await subject.open(brokers, [TOPIC]);
  const reader = await startReader(brokers, [TOPIC], subject.idHeader);
  const writer = await startWriter(open.target, { topics: [TOPIC], keys: KEYS, bytes: DATA_BYTES });
  try {
    await open.start();
    const total = rate * shards;
    const ramp = await writer.write({ rate: Math.max(1, total / 2), seconds: RAMP_SECONDS });
    if (shards > 1) await splitAll(open);
    const settle = await writer.write({ rate: total, seconds: SETTLE_SECONDS });
    const startedAt = Date.now();
    const [events, rolls] = await Promise.all([writer.write({ rate: total, seconds }), rollAll(open, seconds)]);
    const written = [...ramp, ...settle, ...events];
    await arrived(reader, written.length);
    const timings = await timingsOf(events, reader);
    const commits = written.map((event) => commitOf(event, event.committedAt));
    return {
      ...stepOf(total, timings, stretch),
      ...{ shards, ratePerShard: rate, pollMs },
      // The last commits may wait beyond the last second.
      series: seriesOf(timings, startedAt).filter(({ second }) => second < seconds),
      rolls,
      judgement: judge(commits, await reader.messages()),
    };
  } finally {
    await Promise.all([writer.stop(), reader.stop()]);
    await open.close();
    await subject.close();
    await deleteTopic(brokers, TOPIC);
  }
}

async function splitAll({ dynamodb, stack: { tableName } }: OpenOurs): Promise<void> {
  for (const { shardId, isOpen } of await dynamodb.shards(tableName)) {
    if (isOpen) await dynamodb.splitShard(tableName, shardId);
  }
}

/** Evenly over the middle half of the measured part. Resolves with the seconds. */
async function rollAll({ dynamodb, stack: { tableName } }: OpenOurs, seconds: number): Promise<readonly number[]> {
  const startedAt = Date.now();
  const open = (await dynamodb.shards(tableName)).filter(({ isOpen }) => isOpen);
  const rolls: number[] = [];
  for (const [index, { shardId }] of open.entries()) {
    const at = seconds * (0.25 + (0.5 * (index + 0.5)) / open.length);
    await sleep(Math.max(0, startedAt + at * 1_000 - Date.now()));
    await dynamodb.rollShard(tableName, shardId);
    rolls.push((Date.now() - startedAt) / 1_000);
  }
  return rolls;
}

/** 90 % of a partition's limit, in events a second. */
export const PARTITION_RATE = 300;
/** Ascending, because a rate that is too high takes minutes to drain. */
const RATES = [10, 20, 30, 45, 60, 90, 120, 180, 240, PARTITION_RATE] as const;
const PROBE_SECONDS = 8;
/** A machine at its limit keeps up, and measures its own queues. */
const PROBE_P99_MS = 1_000;

/**
 * About half of the highest rate for each shard that this machine carries with that many shards. At the highest, the
 * cores are full with the most shards and idle with one, and their queues are measured instead of the shards.
 */
export async function moderateShardRate(
  options: Omit<ShardsOptions, 'rate' | 'seconds'>,
  onRate: (rate: number) => void,
): Promise<number> {
  const highest = await highestShardRate(options, onRate);
  return highest === PARTITION_RATE ? highest : (RATES.findLast((rate) => rate <= highest / 2) ?? RATES[0]);
}

/** The lowest if it carries none. */
async function highestShardRate(
  options: Omit<ShardsOptions, 'rate' | 'seconds'>,
  onRate: (rate: number) => void,
): Promise<number> {
  let highest: number = RATES[0];
  for (const rate of RATES) {
    onRate(rate);
    const { verdict, p99Ms } = await measureShards({ ...options, rate, seconds: PROBE_SECONDS });
    if (verdict !== 'keeps up' || p99Ms > PROBE_P99_MS) return highest;
    highest = rate;
  }
  return highest;
}
