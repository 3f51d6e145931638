import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../lib/event/errors';
import { fuzzDynamoDb } from '../local/fuzz/fuzz-dynamodb';
import type { Failure, Results } from './fuzz';
import type { Work } from './worker';

/** Those of `targets/`, and the tables of the test kit against DynamoDB Local, which runs only if it is named. */
const NAMES = [
  ...['item', 'signal', 'receipt', 'token', 'schema'],
  ...['stream', 'messages', 'kafkajs', 'lambda', 'command-line'],
];
const DYNAMODB = 'dynamodb';
const USAGE = `npm run fuzz -- [--target ${[...NAMES, DYNAMODB].join(',')}] [--seed 1] [--inputs 1000000]
  gives malformed inputs to the code that reads them: it refuses them as documented, ends in time, and acknowledges
  nothing that was not published; without --target, all but ${DYNAMODB}`;
/** A thread that begins no input for so long hangs in one. */
const HANGS_AFTER_MS = 120_000;
const PROGRESS_MS = 10_000;
const POLL_MS = 1_000;

class WrongOption extends Error {}

function parseOptions() {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', default: NAMES.join(',') },
      seed: { type: 'string', default: '1' },
      inputs: { type: 'string', default: '1000000' },
    },
  });
  const targets = values.target.split(',');
  const unknown = targets.find((name) => name !== DYNAMODB && !NAMES.includes(name));
  if (unknown !== undefined) throw new WrongOption(`There is no target "${unknown}".`);
  const [seed, inputs] = [Number(values.seed), Number(values.inputs)];
  if (!Number.isSafeInteger(seed) || seed < 0) throw new WrongOption('--seed must be 0 or a positive integer.');
  if (!Number.isSafeInteger(inputs) || inputs < 1) throw new WrongOption('--inputs must be a positive integer.');
  return { targets, seed, inputs };
}

/** Runs a thread. If it hangs, ends it and names the seed of the input. */
function runThread(work: Work): Promise<Results> {
  const shown = new Int32Array(work.progress);
  return new Promise((done, reject) => {
    const thread = new Worker(resolve(__dirname, 'worker.ts'), { workerData: work, execArgv: process.execArgv });
    let [begun, since] = [0, performance.now()];
    const watch = setInterval(() => {
      const now = Atomics.load(shown, 0);
      // Until its first input, a thread loads its code.
      if (now !== begun || now === 0) [begun, since] = [now, performance.now()];
      else if (performance.now() - since > HANGS_AFTER_MS) {
        const seed = work.first + (begun - 1) * work.step;
        const shortest: Failure = { seed, input: '', error: `It did not end within ${HANGS_AFTER_MS / 1_000} s.` };
        done({ counts: new Map(), failures: 1, slowestMs: HANGS_AFTER_MS, shortest });
        void thread.terminate();
      }
    }, POLL_MS);
    thread.on('message', done);
    thread.on('error', reject);
    thread.on('exit', () => clearInterval(watch));
  });
}

async function fuzzTarget(target: string, seed: number, inputs: number): Promise<boolean> {
  const threads = Math.min(availableParallelism(), inputs);
  const works = Array.from({ length: threads }, (_, at): Work => {
    const count = Math.floor((inputs - at + threads - 1) / threads);
    return { target, first: seed + at, count, step: threads, progress: new SharedArrayBuffer(8) };
  });
  const startedAt = performance.now();
  const progress = setInterval(() => {
    const [begun, failures] = [0, 1].map((at) =>
      works.reduce((sum, work) => sum + Atomics.load(new Int32Array(work.progress), at), 0),
    );
    console.error(`${target}: ${begun} of ${inputs} inputs, ${failures} failures`);
  }, PROGRESS_MS);
  try {
    const results = await Promise.all(works.map(runThread));
    return print(target, inputs, results, (performance.now() - startedAt) / 1_000);
  } finally {
    clearInterval(progress);
  }
}

function print(target: string, inputs: number, results: readonly Results[], seconds: number): boolean {
  const counts = new Map<string, number>();
  for (const result of results) {
    for (const [outcome, count] of result.counts) counts.set(outcome, (counts.get(outcome) ?? 0) + count);
  }
  const failures = results.reduce((sum, result) => sum + result.failures, 0);
  const slowest = Math.max(...results.map(({ slowestMs }) => slowestMs));
  console.log(
    `${target}: ${inputs} inputs in ${seconds.toFixed(0)} s, the slowest ${slowest.toFixed(0)} ms, ${failures} failures`,
  );
  for (const [outcome, count] of [...counts].toSorted(([, a], [, b]) => b - a)) console.log(`  ${count}  ${outcome}`);
  const [shortest] = results
    .flatMap((result) => result.shortest ?? [])
    .toSorted((a, b) => a.input.length - b.input.length);
  if (shortest === undefined) return true;
  console.log(`\n${shortest.error}\n${shortest.input}`);
  console.log(`  npm run fuzz -- --target ${target} --inputs 1 --seed ${shortest.seed}`);
  return false;
}

const isParseError = (error: unknown): boolean =>
  error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');

async function main(): Promise<number> {
  try {
    const { targets, seed, inputs } = parseOptions();
    let isClean = true;
    for (const target of targets) {
      const passed = target === DYNAMODB ? await fuzzDynamoDb(seed, inputs) : await fuzzTarget(target, seed, inputs);
      isClean &&= passed;
    }
    return isClean ? 0 : 1;
  } catch (error) {
    const isUsage = error instanceof WrongOption || isParseError(error);
    console.error(isUsage ? `${messageOf(error)}\n\n${USAGE}` : error);
    return 2;
  }
}

void main().then((code) => (process.exitCode = code));
