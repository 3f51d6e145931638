import type { Bundles } from './bundles';
import { messageFrom, startChild } from './child-process';
import { relayEnvironment } from './relay-environment';
import { median } from './statistics';

const PROCESSES_PER_ROUND = 3;

/** Median milliseconds of `require()` of the relay's bundle, over fresh processes one after the other. */
export async function measureInit(bundles: Bundles, rounds: number): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < PROCESSES_PER_ROUND * rounds; run++) {
    const child = startChild(bundles.child('init'), {
      ...relayEnvironment(['127.0.0.1:9092'], 'http://127.0.0.1:8000', 'zstd'),
      BENCH_BUNDLE: bundles.relay,
    });
    times.push((await messageFrom(child)) as number);
  }
  return median(times);
}
