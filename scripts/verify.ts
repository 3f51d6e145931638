import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { ROOT } from '../local/folders';

interface Phase {
  readonly name: string;
  readonly command: readonly string[];
  /** Its output appears at once. The output of other phases appears when they end, so that outputs do not mix. */
  readonly live?: boolean;
  /** Takes only the processor time that other phases leave. */
  readonly inBackground?: boolean;
}

interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** Processor time of the phase and its processes. Servers that outlive their parent do not count. */
  readonly cpuSeconds: number;
}

/** A script of package.json. */
const script = (name: string): Phase => ({ name, command: ['npm', 'run', '--silent', name] });

const BUILD = script('build');
/** From the longest to the shortest, so that processes that work next to each other end together. */
const CHECKS = [
  'lint',
  'check:infra',
  'types',
  'check:api',
  'format:check',
  'check:docs',
  'check:package',
  'check:imports',
].map(script);
const UNIT = script('test:unit');
const SIMULATION = script('test:simulation');
const PACKAGE = script('test:package');
const LOCAL: Phase = { ...script('test:local'), live: true };

const CORES = 2;

/** Whether this process was interrupted. */
let ended = false;
const isEnded = (): boolean => ended;
const running = new Set<number>();
const results: Result[] = [];

/** Simulations and checks have no deadlines, so they fill the time in which the local tests wait. */
async function verify(): Promise<void> {
  if (!(await run(BUILD))) return;
  await run(UNIT);
  await run(PACKAGE);
  const others = [SIMULATION, ...CHECKS].map((phase): Phase => ({ ...phase, inBackground: true }));
  await Promise.all([run(LOCAL), inLanes(1, others)]);
}

async function check(): Promise<void> {
  if (!(await run(BUILD))) return;
  await inLanes(CORES, CHECKS);
}

/** With arguments, only the tests that they choose: file names, or options of Jest. */
async function test(args: readonly string[] = []): Promise<void> {
  if (!(await run(BUILD))) return;
  const phases =
    args.length === 0 ? [UNIT, SIMULATION, PACKAGE, LOCAL] : [{ name: 'jest', command: ['jest', ...args] }];
  for (const phase of phases) await run({ ...phase, live: true });
}

/** Runs the phases in order, at most `lanes` at once. */
async function inLanes(lanes: number, phases: readonly Phase[]): Promise<void> {
  const queue = phases.values();
  const lane = async (): Promise<void> => {
    for (const phase of queue) await run(phase);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Runs a command, and then `times`, which reports the processor time of the command and its processes. */
const TIMED = '"$@"; code=$?; times >&3; exit $code';

const LOWEST_NICENESS = '19';

/**
 * Linux divides the processor time between sessions first, and the priority of a process counts only within its
 * session: see `sched(7)`, autogroups. A detached process has a session of its own, which must yield as a whole.
 */
function yieldToOthers(pid: number): void {
  setPriority(pid, constants.priority.PRIORITY_LOW);
  const session = `/proc/${pid}/autogroup`;
  if (existsSync(session)) writeFileSync(session, LOWEST_NICENESS);
}

/** A failure does not end the other phases, so that one run shows everything that is wrong. */
async function run({ name, command, live = false, inBackground = false }: Phase): Promise<boolean> {
  if (isEnded()) return false;
  const startedAt = performance.now();
  console.log(`▶ ${name}`);
  const output = live ? 'inherit' : 'pipe';
  // In a process group of its own, so that all its processes can be ended.
  const child = spawn('sh', ['-c', TIMED, 'sh', ...command], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
  });
  const { pid } = child;
  if (pid !== undefined) {
    running.add(pid);
    if (inBackground) yieldToOthers(pid);
  }
  const [printed, times] = [[child.stdout, child.stderr], [child.stdio[3]]].map((streams) => {
    const chunks: Buffer[] = [];
    for (const stream of streams) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
  });
  const ok = await new Promise<boolean>((resolve) => {
    child.once('close', (code) => resolve(code === 0));
    child.once('error', (error) => {
      console.error(error.message);
      resolve(false);
    });
  });
  if (pid !== undefined) running.delete(pid);
  if (isEnded()) return false;
  const seconds = (performance.now() - startedAt) / 1_000;
  results.push({ name, ok, seconds, cpuSeconds: cpuSecondsOf(times?.() ?? '') });
  process.stdout.write(`${ok ? '✔' : '✘'} ${name} ${seconds.toFixed(1)} s\n${printed?.() ?? ''}`);
  return ok;
}

function endAll(): void {
  ended = true;
  for (const pid of running) {
    try {
      process.kill(-pid, 'SIGTERM');
    } catch {
      // The phase has just ended by itself.
    }
  }
}

/** The second line of `times` has user and system time of all descendants: `1m2.30s 0m4.50s`. */
const cpuSecondsOf = (times: string): number =>
  [...(times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );

function printTimes(totalSeconds: number): void {
  const row = (phase: string, seconds: string, cpu: string): string =>
    `${phase.padEnd(16)}${seconds.padStart(9)}${cpu.padStart(9)}`;
  console.log(`\n${row('phase', 'seconds', 'CPU s')}`);
  for (const { name, ok, seconds, cpuSeconds } of results) {
    console.log(`${row(name, seconds.toFixed(1), cpuSeconds.toFixed(1))}${ok ? '' : '  FAILED'}`);
  }
  const cpu = results.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  console.log(row('total', totalSeconds.toFixed(1), cpu.toFixed(1)));
}

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { verify, check, test };

async function main(): Promise<void> {
  const [name = 'verify', ...args] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (command === undefined) {
    throw new Error(`"${name}" is no command of this script; the commands are ${Object.keys(COMMANDS).join(', ')}.`);
  }
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => {
      endAll();
      process.exitCode = code;
    });
  }
  await command(args);
  printTimes(performance.now() / 1_000);
  if (results.some(({ ok }) => !ok)) process.exitCode ??= 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
