import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '../local/kafka/cluster';
import { bundleChildren } from './bundles';
import {
  renderConsumerReport,
  slowKeyFigures,
  speedRatio,
  subjectFigures,
  type ConsumerReport,
} from './consumer-report';
import { runSlowKey, runThroughput, type ConsumerServers, type SlowKeyRun, type ThroughputRun } from './consumer-runs';
import { machine } from './machine';
import { runBench, tell, type Undo } from './main';
import type { BenchOptions } from './options';
import { startDynamoDbStub } from './stub';

async function bench({ events, rounds: count }: BenchOptions, undo: Undo[]): Promise<ConsumerReport> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-bench-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  tell('bundling');
  const bundles = await bundleChildren(folder);
  const stub = await startDynamoDbStub(bundles);
  undo.push(() => stub.stop());
  const kafka = await startKafka({ onProgress: ({ step, state }) => tell(`Kafka: ${step} ${state}`) });
  undo.push(() => kafka.stop());

  const servers: ConsumerServers = { brokers: kafka.brokers, stub, bundles };
  const throughput: ThroughputRun[][] = [];
  const slowKey: SlowKeyRun[][] = [];
  for (let round = 1; round <= count; round++) {
    const said = (what: string): void => tell(`round ${round} of ${count}: ${what}`);
    throughput.push(await runThroughput(round, events, servers, said));
    slowKey.push(await runSlowKey(round, servers, (isWith) => said(isWith ? 'next to a slow key' : 'fast keys alone')));
  }
  return {
    ...{ machine: machine(), events, rounds: count },
    subjects: subjectFigures(throughput),
    groupGain: speedRatio(throughput, 'grouped', 'single'),
    slowKey: slowKeyFigures(slowKey),
  };
}

void runBench('bench:consumer', bench, renderConsumerReport);
