import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../../bench/machine';
import { messageOf } from '../../lib/event/errors';
import { silenceTimerWarning } from '../../lib/kafka/timer-warning';
import { CACHE } from '../../local/folders';
import { CONTROLS, type Control } from './controls/controls';
import { printJudgement } from './print-judgement';
import { FAULTS } from './faults/all';
import { runChaos, type RunOptions, type RunResult } from './run';
import { DATABASES, type DatabaseName } from './world/database';

const USAGE = `npm run chaos -- [--seed 1] [--minutes 10] [--events N] [--rate 60] [--audited 0] [--faults NAME,…] [--publisher kafkajs|platformatic]
                 [--database simulated|local] [--history FILE] [--summary FILE] [--controls all|none|NAME,…] [--list]
  applies faults at random while services write, and judges the history of the run by the guarantees;
  then runs the controls, of which each has a part that is known to be wrong, and must be found wrong
  --events: goes on until so many are committed; --rate: transactions a second;
  --audited: at most so many further events of a change, for a topic that no consumer reads;
  --summary: a file of JSON with the counts of the run, its faults and its judgement;
  --list prints the faults and the controls`;

interface Options extends RunOptions {
  /** Where the summary of the run is written. */
  readonly summary?: string;
  readonly controls: readonly Control[];
}

const CONTROL_MINUTES = 1;
const WRITERS = 3;
/** Transactions at a time of each. */
const LOOPS = 4;

/**
 * Many keys that are refused for a missing topic within minutes are one outage: the relay stops then. So many events in
 * five minutes stay below.
 */
const MISADDRESSED = 15;
const EVENTS_PER_TRANSACTION = 1.9;
const misaddressedAt = (rate: number): number => MISADDRESSED / (300 * rate * EVENTS_PER_TRANSACTION);

function parseOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '10' },
      rate: { type: 'string', default: '60' },
      audited: { type: 'string', default: '0' },
      events: { type: 'string' },
      summary: { type: 'string' },
      faults: { type: 'string' },
      publisher: { type: 'string', default: 'kafkajs' },
      database: { type: 'string', default: 'simulated' },
      history: { type: 'string' },
      controls: { type: 'string', default: 'all' },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.list) return undefined;
  const [seed, minutes, rate] = [values.seed, values.minutes, values.rate].map(Number) as [number, number, number];
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('--seed must be a whole number.');
  if (!(minutes > 0)) throw new Error('--minutes must be a positive number.');
  if (!(rate > 0)) throw new Error('--rate must be a positive number.');
  const audited = Number(values.audited);
  if (!Number.isSafeInteger(audited) || audited < 0) throw new Error('--audited must be a whole number.');
  if (!DATABASES.includes(values.database as DatabaseName)) {
    throw new Error(`--database is "${values.database}"; it must be one of ${DATABASES.join(', ')}.`);
  }
  return {
    ...{ seed, minutes, publisher: values.publisher, database: values.database as DatabaseName },
    events: values.events === undefined ? undefined : Number(values.events),
    faults: chosen('fault', FAULTS, values.faults ?? 'all'),
    controls: chosen('control', CONTROLS, values.controls),
    ...(values.summary === undefined ? {} : { summary: values.summary }),
    history: values.history ?? join(CACHE, 'chaos', `seed-${seed}.jsonl`),
    load: {
      ...{ audited, processes: WRITERS, loops: LOOPS, pauseMs: (WRITERS * LOOPS * 1_000) / rate },
      rates: { foreign: 0.02, malformed: 0.01, misaddressed: misaddressedAt(rate), large: 0.002, unreadable: 0.001 },
    },
    tell: (text) => console.error(text),
  };
}

function chosen<T extends { readonly name: string }>(what: string, all: readonly T[], names: string): readonly T[] {
  if (names === 'all' || names === 'none') return names === 'all' ? all : [];
  const named = names.split(',');
  const unknown = named.find((name) => !all.some((each) => each.name === name));
  if (unknown !== undefined) throw new Error(`There is no ${what} "${unknown}"; --list prints them.`);
  return all.filter(({ name }) => named.includes(name));
}

/** Runs a control. Resolves with whether it was found wrong, as it must be. */
async function runControl(control: Control, options: Options): Promise<boolean> {
  const { name, title, faults, expected, rates } = control;
  console.log(`\ncontrol ${name}: ${title}`);
  const { judgement } = await runChaos({
    ...{
      ...options,
      control,
      minutes: CONTROL_MINUTES,
      history: options.history.replace(/(\.jsonl)?$/, `-${name}.jsonl`),
    },
    faults: chosen('fault', FAULTS, faults.join(',')),
    load: { ...options.load, rates: { ...options.load.rates, ...rates } },
  });
  printJudgement(judgement, 1);
  const isFound = judgement.violations.some(({ kind }) => expected.includes(kind));
  console.log(isFound ? '✔ found wrong, as it must be' : `✘ not found wrong: ${expected.join(' or ')} was expected`);
  return isFound;
}

function print({ judgement, applied, load, counts, failures, seconds }: RunResult, options: RunOptions): number {
  const minutes = (value: number): string => `${(value / 60).toFixed(1)} min`;
  console.log(`\nfaults for ${minutes(seconds.faults)}, settled after ${minutes(seconds.settling)}\n`);
  console.log('fault                           alone  together');
  const missing: string[] = [];
  for (const { name } of options.faults) {
    const each = applied.get(name);
    if (each === undefined) missing.push(name);
    else console.log(`${name.padEnd(32)}${String(each.alone).padStart(5)}${String(each.together).padStart(10)}`);
  }
  if (missing.length > 0) console.log(`not applied: ${missing.join(', ')}`);
  console.log(
    `\n${Object.entries({ ...load, ...counts })
      .map(([name, count]) => `${name}: ${count}`)
      .join('\n')}`,
  );
  for (const failure of failures) console.log(`! ${failure}`);
  console.log('');
  printJudgement(judgement, 5);
  console.log(`history: ${options.history}`);
  const isSound = judgement.violations.length + failures.length + missing.length === 0;
  return isSound ? 0 : 1;
}

/** What a run shows, without its history, which has a line for each event. */
function writeSummary(path: string, { judgement, applied, ...result }: RunResult, options: Options): void {
  const { seed, minutes, events, publisher, database, load } = options;
  const { violations, ...counts } = judgement;
  const summary = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    options: { seed, minutes, events, publisher, database, load },
    ...{ ...result, faults: Object.fromEntries(applied) },
    notApplied: options.faults.map(({ name }) => name).filter((name) => !applied.has(name)),
    judgement: { ...counts, violations: violations.map(({ kind, of, why }) => ({ kind, of, why })) },
  };
  writeFileSync(path, `${JSON.stringify(summary, undefined, 2)}\n`);
}

async function main(): Promise<number> {
  silenceTimerWarning();
  let options: Options | undefined;
  try {
    options = parseOptions();
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options === undefined) {
    for (const { name, title } of FAULTS) console.log(`${name.padEnd(32)}${title}`);
    console.log('\ncontrols');
    for (const { name, title } of CONTROLS) console.log(`${name.padEnd(32)}${title}`);
    return 0;
  }
  mkdirSync(dirname(options.history), { recursive: true });
  let code = 0;
  if (options.faults.length > 0) {
    const result = await runChaos(options);
    code = print(result, options);
    if (options.summary !== undefined) writeSummary(options.summary, result, options);
  }
  for (const control of options.controls) if (!(await runControl(control, options))) code = 1;
  return code;
}

void main().then((code) => process.exit(code));
