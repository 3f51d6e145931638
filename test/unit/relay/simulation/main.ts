import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { messageOf } from '../../../../lib/event/errors';
import { outsideOfJest } from '../../../builders/without-rule';
import { PROFILES, STEPS } from './profiles';
import type { SimulatedWorld as World } from './world';

const USAGE = `npm run simulate -- [--histories 1000] [--seed 1] [--profile NAME]
  plays random histories of relay and sweeper, in turn over the profiles, from that seed on
  profiles: ${Object.keys(PROFILES).join('; ')}`;

interface Work {
  readonly histories: number;
  readonly firstSeed: number;
  readonly profiles: readonly string[];
}

/** A history in which a promise was broken. */
interface Broken {
  readonly profile: string;
  readonly seed: number;
  readonly wrong: readonly string[];
}

type Report = { readonly played: true; readonly broken?: Broken };

function parseWork(): Work {
  const { values } = parseArgs({
    options: {
      histories: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      profile: { type: 'string' },
    },
  });
  const [histories, firstSeed] = [Number(values.histories), Number(values.seed)];
  if (!Number.isSafeInteger(histories) || histories < 1) throw new Error('--histories must be a positive integer.');
  if (!Number.isSafeInteger(firstSeed) || firstSeed < 0) throw new Error('--seed must be 0 or a positive integer.');
  const { profile } = values;
  if (profile !== undefined && !(profile in PROFILES)) throw new Error(`There is no profile "${profile}".`);
  return { histories, firstSeed, profiles: profile === undefined ? Object.keys(PROFILES) : [profile] };
}

/** Plays every `of`-th history of the work. */
async function play({ histories, firstSeed, profiles }: Work, at: number, of: number): Promise<void> {
  const { SimulatedWorld } = await outsideOfJest<{ readonly SimulatedWorld: typeof World }>(
    resolve(__dirname, 'world.ts'),
  );
  for (let history = at; history < histories; history += of) {
    const profile = profiles[history % profiles.length] ?? '';
    const seed = firstSeed + Math.floor(history / profiles.length);
    const wrong = await new SimulatedWorld(seed, PROFILES[profile] ?? {}).play(STEPS);
    const report: Report = { played: true, ...(wrong.length === 0 ? {} : { broken: { profile, seed, wrong } }) };
    parentPort?.postMessage(report);
  }
}

async function simulate(work: Work): Promise<number> {
  const threads = Math.min(availableParallelism(), work.histories);
  const startedAt = performance.now();
  const broken: Broken[] = [];
  let played = 0;
  const progress = setInterval(() => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const left = ((work.histories - played) * seconds) / Math.max(1, played);
    console.error(`${played} of ${work.histories} histories, ${broken.length} broken, about ${left.toFixed(0)} s left`);
  }, 10_000);
  const runOne = (at: number): Promise<void> =>
    new Promise((resolveThread, reject) => {
      const worker = new Worker(__filename, { workerData: { work, at, of: threads }, execArgv: process.execArgv });
      worker.on('message', ({ broken: found }: Report) => {
        played++;
        if (found !== undefined) broken.push(found);
      });
      worker.on('error', reject);
      worker.on('exit', () => {
        resolveThread();
      });
    });
  try {
    await Promise.all(Array.from({ length: threads }, (_, at) => runOne(at)));
  } finally {
    clearInterval(progress);
  }
  const minutes = (performance.now() - startedAt) / 60_000;
  console.log(
    `${played} histories of ${work.profiles.length} profiles in ${minutes.toFixed(1)} min: ${broken.length} broken`,
  );
  for (const { profile, seed, wrong } of broken) {
    console.log(`\n${profile}, seed ${seed}: ${wrong.slice(0, 5).join('; ')}${wrong.length > 5 ? '; …' : ''}`);
    console.log(`  npm run simulate -- --histories 1 --seed ${seed} --profile "${profile}"`);
  }
  return broken.length === 0 && played === work.histories ? 0 : 1;
}

async function main(): Promise<number> {
  try {
    return await simulate(parseWork());
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
}

if (isMainThread) void main().then((code) => (process.exitCode = code));
else {
  const { work, at, of } = workerData as { readonly work: Work; readonly at: number; readonly of: number };
  void play(work, at, of);
}
