// Measures single invocations of a bundled handler, each with one record: the first of the process, and warm ones.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { streamBatch } from '../events';
import { answerRequest } from './measure';

export interface LatencyAssignment {
  readonly topic: string;
  readonly invocations: number;
}

/** Milliseconds of the first invocation after init, and of each later one. */
export interface LatencyMeasurement {
  readonly firstMs: number;
  readonly warmMs: readonly number[];
}

/** At low load a record comes alone. */
const PAUSE_MS = 20;
const WARMUP_INVOCATIONS = 200;

const { BENCH_BUNDLE: path = '' } = process.env;
const { handler } = createRequire(path)(path) as {
  readonly handler: (event: DynamoDBStreamEvent, context: object) => Promise<DynamoDBBatchResponse>;
};
const context = { getRemainingTimeInMillis: () => 90_000 };

async function invoke(topic: string): Promise<number> {
  const event = streamBatch(topic, 1);
  const startedAt = performance.now();
  const { batchItemFailures } = await handler(event, context);
  if (batchItemFailures.length > 0) throw new Error('The relay failed.');
  return performance.now() - startedAt;
}

async function measure({ topic, invocations }: LatencyAssignment): Promise<LatencyMeasurement> {
  const firstMs = await invoke(topic);
  const warmMs: number[] = [];
  const warmups = invocations === 0 ? 0 : WARMUP_INVOCATIONS;
  for (let at = 0; at < warmups + invocations; at++) {
    await sleep(PAUSE_MS);
    const ms = await invoke(topic);
    if (at >= warmups) warmMs.push(ms);
  }
  return { firstMs, warmMs };
}

answerRequest(measure);
