import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Stryker } from '@stryker-mutator/core';
import { messageOf } from '../../lib/event/errors';

/** The files of each core: its rules, without the adapters, which the local tests run against real servers. */
const CORES = {
  event: ['lib/event/*.ts'],
  write: ['lib/write/*.ts'],
  schema: ['lib/schema/*.ts'],
  sweep: ['lib/sweep/*.ts', '!lib/sweep/{dynamodb,lambda,telemetry}-*.ts'],
  relay: ['lib/relay/*.ts', 'lib/relay/publishing/*.ts', '!lib/relay/telemetry-*.ts'],
  consume: ['lib/consume/*.ts', '!lib/consume/telemetry-*.ts'],
} satisfies Record<string, readonly string[]>;
type Core = keyof typeof CORES;

const NAMES = Object.keys(CORES) as Core[];
const USAGE = `npm run mutate -- [${NAMES.join('|')}] [--files lib/write/change.ts,lib/write/limits.ts]
  changes the code of a core at one place at a time, and expects that one of its unit tests fails; without a name, all
  cores in turn
  --files  only these files, or lines of a file: lib/write/change.ts:20-40`;

/** In percent. */
const GOAL = 90;
/** Tests notice a mutant that never ends, too. */
const DETECTED = ['Killed', 'Timeout'];
const UNDETECTED = ['Survived', 'NoCoverage'];

type StrykerOptions = ConstructorParameters<typeof Stryker>[0];
type Mutant = Awaited<ReturnType<Stryker['runMutationTest']>>[number];

class WrongOption extends Error {}

interface Run {
  readonly core: Core;
  readonly files: readonly string[];
}

const isCore = (name: string): name is Core => Object.hasOwn(CORES, name);

function parseRuns(): readonly Run[] {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { files: { type: 'string' } } });
  const unknown = positionals.find((name) => !isCore(name));
  if (unknown !== undefined) throw new WrongOption(`There is no core "${unknown}".`);
  const cores = positionals.length === 0 ? NAMES : positionals.filter(isCore);
  const files = values.files?.split(',');
  if (files !== undefined && cores.length !== 1) throw new WrongOption('--files needs the name of one core.');
  return cores.map((core) => ({ core, files: files ?? CORES[core] }));
}

function optionsOf({ core, files }: Run): StrykerOptions {
  const output = `.outbox/mutation/${core}`;
  return {
    mutate: [...files],
    testRunner: 'jest',
    plugins: ['@stryker-mutator/jest-runner'],
    jest: { configFile: 'test/mutate/jest.config.js', enableFindRelatedTests: false },
    coverageAnalysis: 'perTest',
    // A test that compares whole messages asserts a wording, not a rule. The compiler checks codes and names of fields.
    mutator: { excludedMutations: ['StringLiteral'] },
    ignorePatterns: ['dist', 'cdk.out', '.outbox', 'coverage'],
    disableTypeChecks: false,
    tempDirName: `${output}/sandbox`,
    cleanTempDir: 'always',
    incremental: true,
    incrementalFile: `${output}/incremental.json`,
    reporters: ['progress-append-only', 'html'],
    htmlReporter: { fileName: `${output}/report.html` },
    concurrency: 1,
    dryRunTimeoutMinutes: 60,
    // Longer than the pauses of a busy machine: a test that only waits for a processor must not count as a detection.
    timeoutMS: 60_000,
  };
}

/** Returns whether the core reaches the goal. */
async function mutate(run: Run): Promise<boolean> {
  const startedAt = performance.now();
  // `jest.config.js` reads it.
  process.env['MUTATED_CORE'] = run.core;
  const { Stryker } = await import('@stryker-mutator/core');
  const mutants = await new Stryker(optionsOf(run)).runMutationTest();
  const detected = mutants.filter(({ status }) => DETECTED.includes(status));
  const undetected = mutants.filter(({ status }) => UNDETECTED.includes(status));
  for (const mutant of undetected) console.log(lineOf(mutant));
  const all = detected.length + undetected.length;
  const percent = (100 * detected.length) / all;
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(`${run.core}: ${detected.length} of ${all} mutants detected (${percent.toFixed(1)} %) in ${minutes} min`);
  return percent >= GOAL;
}

function lineOf({ fileName, location, mutatorName, replacement, status }: Mutant): string {
  const reached = status === 'NoCoverage' ? ', reached by no test' : '';
  const { line, column } = location.start;
  return `${fileName}:${line}:${column} ${mutatorName}${reached}: ${replacement.replaceAll(/\s+/g, ' ')}`;
}

async function main(): Promise<number> {
  process.chdir(resolve(__dirname, '../..'));
  try {
    let failed = 0;
    for (const run of parseRuns()) if (!(await mutate(run))) failed++;
    return failed === 0 ? 0 : 1;
  } catch (error) {
    const isUsage = error instanceof WrongOption || (error instanceof TypeError && 'code' in error);
    console.error(isUsage ? `${messageOf(error)}\n\n${USAGE}` : error);
    return 2;
  }
}

void main().then((code) => (process.exitCode = code));
