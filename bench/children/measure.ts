import { readFileSync } from 'node:fs';
import type { DynamoDBStreamEvent } from 'aws-lambda';

/** The work of a measured process: one file for each batch, the first of them for the warm-up. */
export interface Assignment {
  readonly files: readonly string[];
  readonly warmupFiles: number;
  /** How long the records have been in the stream. Default: 0. */
  readonly recordAgeMs?: number;
}

export interface Measurement {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

/** Prepares a unit of work; the returned function is run and timed. */
export type Prepare = (event: DynamoDBStreamEvent) => () => Promise<void>;

/**
 * Times the work on each batch after the warm-up. Reading and parsing the event is left out, because Lambda's runtime
 * does it before it calls the handler; its memory counts.
 */
async function measure({ files, warmupFiles, recordAgeMs = 0 }: Assignment, prepare: Prepare): Promise<Measurement> {
  let wallMs = 0;
  let cpuUs = 0;
  for (const [at, file] of files.entries()) {
    const run = prepare(recorded(JSON.parse(readFileSync(file, 'utf8')) as DynamoDBStreamEvent, recordAgeMs));
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    await run();
    const elapsedMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuBefore);
    if (at < warmupFiles) continue;
    wallMs += elapsedMs;
    cpuUs += user + system;
  }
  return { wallMs, cpuMs: cpuUs / 1000, peakRssBytes: process.resourceUsage().maxRSS * 1024 };
}

/** The batch with records of an age: a relay looks old ones up in the table before it publishes them. */
function recorded({ Records: records }: DynamoDBStreamEvent, ageMs: number): DynamoDBStreamEvent {
  const ApproximateCreationDateTime = Math.floor((Date.now() - ageMs) / 1_000);
  return {
    Records: records.map((record) => ({ ...record, dynamodb: { ...record.dynamodb, ApproximateCreationDateTime } })),
  };
}

/** Measures the work on the assigned batches. */
export const measureOnRequest = (prepare: Prepare): void =>
  answerRequest((assignment: Assignment) => measure(assignment, prepare));

/** Waits for the assignment, sends the result of the work on it and ends the process. */
export function answerRequest(work: (assignment: never) => Promise<unknown>): void {
  // The bench has ended, and this process must not outlive it.
  process.once('disconnect', () => process.exit());
  process.once('message', (assignment) => {
    work(assignment as never).then(
      (result) => process.send?.(result, undefined, {}, () => process.exit(0)),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
