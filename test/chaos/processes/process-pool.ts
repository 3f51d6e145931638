import { openSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ruleSwitchedOff, type SwitchedOff } from '../../builders/without-rule';
import { spawnSupervised, type SupervisedProcess } from '../../../local/supervised-process';

export const PROGRAMS = ['writer', 'reader', 'consumer'] as const;
type Program = (typeof PROGRAMS)[number];

/**
 * One file for all processes of a program: to load the sources would take each of them a second.
 *
 * @param consumerRule - left out of the consumer
 */
export async function bundlePrograms(folder: string, consumerRule: SwitchedOff | undefined): Promise<void> {
  await Promise.all(
    PROGRAMS.map((name) =>
      build({
        ...{ entryPoints: [join(__dirname, `${name}.ts`)], outfile: join(folder, `${name}.js`) },
        ...{ bundle: true, platform: 'node', target: 'node22', logLevel: 'warning' },
        plugins: name === 'consumer' && consumerRule !== undefined ? [ruleSwitchedOff(consumerRule)] : [],
      }),
    ),
  );
}

export interface PoolOptions {
  /** Where `bundlePrograms` wrote the programs. */
  readonly folder: string;
  readonly program: Program;
  /** The options of the process in each slot. */
  readonly options: readonly object[];
  readonly onMessage?: (message: unknown) => void;
  readonly logFile: string;
}

const STOP_GRACE_MS = 20_000;
const RESTART_MS = 500;

/** Processes of one program. One that ends is started again, until the pool stops. */
export class ProcessPool {
  /** How often a process ended without a stop or a kill. */
  unexpectedEnds = 0;
  readonly #options: PoolOptions;
  readonly #processes: (SupervisedProcess | undefined)[];
  readonly #killed = new Set<number>();
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#processes = options.options.map(() => undefined);
  }

  async start(): Promise<void> {
    this.#isStopping = false;
    await Promise.all(this.#processes.map((_, slot) => this.#run(slot)));
  }

  get size(): number {
    return this.#processes.length;
  }

  /** SIGKILL. Another process takes the place. */
  kill(slot: number): void {
    const process = this.#processes[slot];
    if (process === undefined) return;
    this.#killed.add(process.pid);
    process.signal('SIGKILL');
  }

  /** SIGSTOP: the process keeps its connections and does nothing. */
  freeze(slot: number): void {
    this.#processes[slot]?.signal('SIGSTOP');
  }

  thaw(slot: number): void {
    this.#processes[slot]?.signal('SIGCONT');
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#processes.map((process) => process?.end(STOP_GRACE_MS) ?? Promise.resolve()));
  }

  async #run(slot: number): Promise<void> {
    const { folder, program, options, onMessage, logFile } = this.#options;
    const log = openSync(logFile, 'a');
    const process = await spawnSupervised(
      globalThis.process.execPath,
      ['--enable-source-maps', join(folder, `${program}.js`), JSON.stringify(options[slot])],
      { stdio: ['ignore', log, log, 'ipc'] },
    );
    this.#processes[slot] = process;
    if (onMessage !== undefined) process.child.on('message', onMessage);
    void process.exited.then(() => {
      if (this.#isStopping) return;
      if (!this.#killed.delete(process.pid)) this.unexpectedEnds++;
      setTimeout(() => void this.#restart(slot), RESTART_MS);
    });
  }

  async #restart(slot: number): Promise<void> {
    if (!this.#isStopping) await this.#run(slot);
  }
}
