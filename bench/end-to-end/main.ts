import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, newLogFolder } from '../../local/folders';
import { startKafka } from '../../local/kafka/cluster';
import { measureCrash, measureDrain, type CrashResult, type DrainResult } from '../delivery/measure-drain';
import { measureLadder, type LadderResult } from '../delivery/measure-ladder';
import { parseDeliveryOptions } from '../delivery/options';
import { ours, STREAM_POLL_MS } from '../delivery/ours';
import { attempt, runDelivery } from '../delivery/run';
import { loadAverage } from '../delivery/usage';
import { machine } from '../machine';
import { tell, type Undo } from '../main';
import { printed, writeSections } from '../written-section';
import { moderateShardRate, measureShards, PARTITION_RATE, type ShardsResult } from './measure-shards';
import { latencyPlot } from './plot';
import { CONTINUOUS_POLL_MS, endToEndSections, type EndToEndReport, type LadderReport } from './report';

const PARTS = ['ladder', 'shards', 'drain', 'crash'] as const;
const RATES = [100, 200, 400, 600, 800, 1_200, 1_600, 2_400, 3_200] as const;
const SHARDS = [1, 2, 4, 8] as const;
/** As many as the most shards, which then take the processor time that one takes at its full rate. */
const STRETCH = 8;
/** For enough reads of each shard. */
const STRETCHED_LONGER = 3;
const PAGE = join(ROOT, 'docs', 'benchmarks.md');
const PLOT = join(ROOT, 'docs', 'latency-of-shards.svg');

async function bench(undo: Undo[]): Promise<void> {
  const options = parseDeliveryOptions(process.argv.slice(2), 'bench:end-to-end', PARTS, {
    ...{ events: 100_000, rounds: 3, seconds: 15 },
  });
  const { parts, rounds, seconds, events } = options;
  const logFolder = newLogFolder();
  tell(`logs: ${logFolder}`);
  const kafka = await startKafka({ logFolder });
  undo.push(() => kafka.stop());
  const { brokers } = kafka;
  const loadAverages = [loadAverage()];
  const ladders: LadderReport[] = [];
  const shards: ShardsResult[][] = [];
  const stretched: ShardsResult[][] = [];
  const drains: (DrainResult | undefined)[] = [];
  const crashes: (CrashResult | undefined)[] = [];
  if (parts.includes('ladder')) ladders.push(...(await measureLadders(brokers, logFolder, rounds, seconds)));
  loadAverages.push(loadAverage());
  if (parts.includes('shards')) {
    const most = { brokers, logFolder, shards: Math.max(...SHARDS) };
    const rate = await moderateShardRate(most, (each) => tell(`8 shards, ${each} events a second for each`));
    const full = { rate, seconds };
    const slow = { rate: PARTITION_RATE / STRETCH, seconds: STRETCHED_LONGER * seconds, stretch: STRETCH };
    for (let round = 0; round < rounds; round++) {
      for (const [load, all] of [[full, shards] as const, [slow, stretched] as const]) {
        const results: ShardsResult[] = [];
        for (const count of SHARDS) {
          tell(`round ${round + 1}, ${shardsText(count)}, ${load.rate} events a second for each`);
          results.push(await measureShards({ brokers, logFolder, shards: count, ...load }));
        }
        all.push(results);
      }
    }
  }
  loadAverages.push(loadAverage());
  for (let round = 0; round < rounds; round++) {
    const own = await ours({ logFolder });
    const drain = { brokers, topic: 'drain', events };
    if (parts.includes('drain')) {
      drains.push(await attempt(`round ${round + 1}: drain`, () => measureDrain(own, drain)));
    }
    if (parts.includes('crash')) {
      crashes.push(await attempt(`round ${round + 1}: SIGKILL`, () => measureCrash(own, { ...drain, topic: 'crash' })));
    }
    await own.close();
  }
  loadAverages.push(loadAverage());
  const report: EndToEndReport = {
    machine: machine(),
    measuredAt: new Date().toISOString().slice(0, 10),
    options: { events, rounds, seconds },
    ...{ loadAverages, ladders, shards, stretched, drains, crashes },
  };
  const sections = endToEndSections(report);
  console.log(options.json ? JSON.stringify(report) : printed(sections));
  if (!options.write) return;
  writeSections(PAGE, sections);
  const last = shards.at(-1);
  if (last !== undefined) writeFileSync(PLOT, plotOf(last));
}

/** The two poll rates take turns within a round. */
async function measureLadders(
  brokers: readonly string[],
  logFolder: string,
  rounds: number,
  seconds: number,
): Promise<readonly LadderReport[]> {
  const polls = [STREAM_POLL_MS, CONTINUOUS_POLL_MS].map((pollMs) => ({ pollMs, rounds: [] as LadderResult[] }));
  for (let round = 0; round < rounds; round++) {
    for (const poll of polls) {
      const own = await ours({ logFolder, pollIntervalMs: poll.pollMs });
      const result = await attempt(`round ${round + 1}: ladder, a read every ${poll.pollMs} ms`, () =>
        measureLadder(own, { brokers, topic: 'ladder', rates: RATES, seconds }),
      );
      if (result !== undefined) poll.rounds.push(result);
      await own.close();
    }
  }
  return polls;
}

const shardsText = (count: number): string => `${count} ${count === 1 ? 'shard' : 'shards'}`;

const plotOf = (results: readonly ShardsResult[]): string =>
  latencyPlot(
    'Commit to consumer, with more shards',
    results.map(({ shards, rate, series, rolls }) => ({
      title: `${shardsText(shards)}, ${rate.toLocaleString('en-US')} events/s`,
      series,
      rolls,
    })),
  );

void runDelivery(bench);
