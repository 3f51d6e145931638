import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../lib/event/errors';
import { bundle } from '../builders/without-rule';
import { isOperand, merged, unreached, type Coverage } from './coverage';
import { SIMULATIONS, type Broken, type Core } from './simulations';
import type { Report, Task, Work } from './worker';

const USAGE = `npm run simulate -- [--seeds 1000] [--seed 1] [--of relay|consumer] [--profile NAME] [--crashes]
  plays that many random histories, in turn over the profiles, from the seed on: of the relay with its sweeper, and of a
  consumer group, one for nine of the relay
  --crashes  plays one short history of each profile again and again, and ends the process at each of its calls in turn
  profiles of the relay: ${Object.keys(SIMULATIONS.relay.profiles).join('; ')}
  profiles of the consumer: ${Object.keys(SIMULATIONS.consumer.profiles).join('; ')}`;

const CORES = Object.keys(SIMULATIONS) as Core[];
/** One history of a consumer takes as long as several of the relay. */
const CONSUMER_SHARE = 10;
/** Recording the code that runs makes a history slower. */
const RECORDED_OF_EACH_PROFILE = 10;

interface Options {
  readonly seeds: number;
  readonly firstSeed: number;
  readonly of: readonly Core[];
  readonly profile?: string;
  readonly crashes: boolean;
}

class WrongOption extends Error {}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      of: { type: 'string' },
      profile: { type: 'string' },
      crashes: { type: 'boolean', default: false },
    },
  });
  const [seeds, firstSeed] = [Number(values.seeds), Number(values.seed)];
  if (!Number.isSafeInteger(seeds) || seeds < 1) throw new WrongOption('--seeds must be a positive integer.');
  if (!Number.isSafeInteger(firstSeed) || firstSeed < 0)
    throw new WrongOption('--seed must be 0 or a positive integer.');
  const chosen = CORES.filter((core) => values.of === undefined || values.of === core);
  if (chosen.length === 0) throw new WrongOption(`--of must be one of ${CORES.join(', ')}.`);
  const { profile, crashes } = values;
  const of = chosen.filter((core) => profile === undefined || profile in SIMULATIONS[core].profiles);
  if (of.length === 0) throw new WrongOption(`There is no profile "${profile ?? ''}".`);
  return { seeds, firstSeed, of, profile, crashes };
}

const profilesOf = (of: Core, { profile }: Options): readonly string[] =>
  profile === undefined ? Object.keys(SIMULATIONS[of].profiles) : [profile];

function tasksOf(options: Options): readonly Task[] {
  const { seeds, firstSeed, of, crashes } = options;
  if (crashes) {
    return of.flatMap((core) =>
      profilesOf(core, options).map((profile) => ({ kind: 'crashes' as const, of: core, profile, seed: firstSeed })),
    );
  }
  const played = new Map<Core, number>();
  return Array.from({ length: seeds }, (_, at): Task => {
    const core = of.length > 1 && at % CONSUMER_SHARE === CONSUMER_SHARE - 1 ? 'consumer' : (of[0] ?? 'relay');
    const before = played.get(core) ?? 0;
    played.set(core, before + 1);
    const profiles = profilesOf(core, options);
    const profile = profiles[before % profiles.length] ?? '';
    return { kind: 'history', of: core, profile, seed: firstSeed + Math.floor(before / profiles.length) };
  });
}

/** The results of all threads. */
class Results {
  readonly played = new Map<Core, number>();
  readonly points = new Map<Core, number>();
  readonly peaks = new Map<Core, Map<string, number>>();
  readonly broken: Broken[] = [];
  readonly coverage = new Map<Core, Coverage>();

  get count(): number {
    return [...this.played.values()].reduce((sum, count) => sum + count, 0);
  }

  add(report: Report): void {
    if ('broken' in report) {
      this.broken.push(report.broken);
      // The others may take an hour.
      console.error(describe(report.broken));
    } else if ('points' in report) this.points.set(report.of, (this.points.get(report.of) ?? 0) + report.points);
    else if ('coverage' in report) {
      for (const [of, found] of Object.entries(report.coverage) as [Core, Coverage][]) {
        this.coverage.set(of, merged(this.coverage.get(of), found));
      }
    } else {
      this.played.set(report.played, (this.played.get(report.played) ?? 0) + 1);
      const peaks = this.peaks.get(report.played) ?? new Map<string, number>();
      this.peaks.set(report.played, peaks);
      for (const [name, value] of Object.entries(report.peaks) as [string, number][])
        peaks.set(name, Math.max(value, peaks.get(name) ?? 0));
    }
  }
}

const runThread = (work: Work, results: Results): Promise<void> =>
  new Promise((done, reject) => {
    const thread = new Worker(resolve(__dirname, 'worker.ts'), { workerData: work, execArgv: process.execArgv });
    thread.on('message', (report: Report) => results.add(report));
    thread.on('error', reject);
    thread.on('exit', () => done());
  });

async function simulate(options: Options): Promise<number> {
  const startedAt = performance.now();
  const tasks = tasksOf(options);
  const bundles: Partial<Record<Core, string>> = {};
  for (const of of new Set(tasks.map((task) => task.of))) bundles[of] = await bundle(SIMULATIONS[of].world);
  const threads = Math.min(availableParallelism(), tasks.length);
  const recorded = Math.ceil((RECORDED_OF_EACH_PROFILE * Object.keys(SIMULATIONS.relay.profiles).length) / threads);
  const results = new Results();
  const progress = setInterval(() => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const left = options.crashes
      ? ''
      : `, about ${((seconds * tasks.length) / results.count - seconds).toFixed(0)} s left`;
    console.error(`${results.count} histories played, ${results.broken.length} broken${left}`);
  }, 10_000);
  try {
    const shares = Array.from({ length: threads }, (_, at) => tasks.filter((__, task) => task % threads === at));
    await Promise.all(shares.map((share) => runThread({ tasks: share, bundles, recorded }, results)));
  } finally {
    clearInterval(progress);
  }
  print(options, results, bundles, (performance.now() - startedAt) / 60_000);
  const isWhole = options.crashes ? results.count >= sum(results.points) : results.count === tasks.length;
  return results.broken.length === 0 && isWhole ? 0 : 1;
}

const sum = (counts: ReadonlyMap<unknown, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);

function print(options: Options, results: Results, bundles: Work['bundles'], minutes: number): void {
  const perHistory = ((minutes * 60_000) / Math.max(1, results.count)).toFixed(1);
  console.log(
    `${results.count} histories in ${minutes.toFixed(1)} min, ${perHistory} ms each: ${results.broken.length} broken`,
  );
  for (const [of, count] of results.played) {
    const points = results.points.get(of);
    const ends = points === undefined ? '' : `, one for each of ${points} points at which a process may end`;
    console.log(`\n${of}: ${count} histories of ${profilesOf(of, options).length} profiles${ends}`);
    for (const [name, value] of results.peaks.get(of) ?? [])
      console.log(`  ${String(value).padStart(7)}  ${inWords(name)}`);
    const coverage = results.coverage.get(of);
    if (coverage !== undefined) printCoverage(of, bundles[of] ?? '', coverage);
  }
  for (const broken of results.broken) console.log(describe(broken));
}

/** What was wrong, and how to play the history again. */
function describe({ of, profile, seed, crashAt, wrong }: Broken): string {
  const at = crashAt === undefined ? '' : `, a process ended at point ${crashAt}`;
  const what = `${wrong.slice(0, 5).join('; ')}${wrong.length > 5 ? '; …' : ''}`;
  const how = crashAt === undefined ? '--seeds 1' : '--crashes';
  return `\n${of}, ${profile}, seed ${seed}${at}: ${what}\n  npm run simulate -- ${how} --of ${of} --seed ${seed} --profile "${profile}"`;
}

const inWords = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** Characters of never reached code that are printed. */
const EXCERPT = 100;

function printCoverage(of: Core, bundled: string, coverage: Coverage): void {
  const { called, known, never } = unreached(bundled, coverage, (file) => SIMULATIONS[of].core.test(file));
  const statements = never.filter((code) => !isOperand(code));
  console.log(`  ${called} of ${known} functions reached, and never, in the histories that were recorded:`);
  console.log(`    ${never.length - statements.length} operands of expressions, and`);
  for (const { file, code: text } of statements) {
    console.log(`    ${file}: ${text.slice(0, EXCERPT)}${text.length > EXCERPT ? ' …' : ''}`);
  }
}

async function main(): Promise<number> {
  try {
    return await simulate(parseOptions());
  } catch (error) {
    const isUsage = error instanceof WrongOption || (error instanceof TypeError && 'code' in error);
    console.error(isUsage ? `${messageOf(error)}\n\n${USAGE}` : error);
    return 2;
  }
}

void main().then((code) => (process.exitCode = code));
