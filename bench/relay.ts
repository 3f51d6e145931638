import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '../local/kafka/cluster';
import { makeBundles } from './bundles';
import { measureInit } from './init-time';
import { measureLatency } from './latency';
import { machine } from './machine';
import { runBench, tell, type Undo } from './main';
import type { BenchOptions } from './options';
import { figuresOf, renderReport, type BenchReport } from './relay-report';
import { runRound, type RunResult } from './run';
import { startDynamoDbStub } from './stub';

const BYTES_PER_KB = 1_000;

async function bench(options: BenchOptions, undo: Undo[]): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-bench-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  tell('bundling');
  const bundles = await makeBundles(folder);
  const stub = await startDynamoDbStub(bundles);
  undo.push(() => stub.stop());
  const kafka = await startKafka({ onProgress: ({ step, state }) => tell(`Kafka: ${step} ${state}`) });
  undo.push(() => kafka.stop());

  const rounds: RunResult[][] = [];
  for (let round = 1; round <= options.rounds; round++) {
    rounds.push(
      await runRound(round, options, bundles, { brokers: kafka.brokers, stub }, folder, ({ subject, compression }) =>
        tell(`round ${round} of ${options.rounds}: ${subject}, ${compression}`),
      ),
    );
  }
  tell('latency');
  const latency = await measureLatency(bundles, { brokers: kafka.brokers, stub }, options.rounds);
  await kafka.stop();
  tell('init time');
  return {
    machine: machine(),
    events: options.events,
    rounds: options.rounds,
    scenarios: figuresOf(rounds, options),
    bundleKb: bundles.relayBytes / BYTES_PER_KB,
    initMs: await measureInit(bundles, options.rounds),
    latency,
  };
}

void runBench('bench', bench, renderReport);
