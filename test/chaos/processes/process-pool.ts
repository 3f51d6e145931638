import { join } from 'node:path';
import { build } from 'esbuild';
import { ruleSwitchedOff, type SwitchedOff } from '../../builders/without-rule';
import { RestartedProcess } from '../../../local/restarted-process';

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

/** Processes of one program. One that ends is started again, until the pool stops. */
export class ProcessPool {
  readonly #processes: readonly RestartedProcess[];

  constructor({ folder, program, options, onMessage, logFile }: PoolOptions) {
    this.#processes = options.map(
      (each) =>
        new RestartedProcess({
          command: process.execPath,
          args: ['--enable-source-maps', join(folder, `${program}.js`), JSON.stringify(each)],
          ...{ logFile, onMessage },
        }),
    );
  }

  async start(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.start()));
  }

  get size(): number {
    return this.#processes.length;
  }

  /** How often a process ended without a stop or a kill. */
  get unexpectedEnds(): number {
    return this.#processes.reduce((sum, each) => sum + each.unexpectedEnds, 0);
  }

  /** SIGKILL; resolves when it has ended. Another process takes the place. */
  async kill(slot: number): Promise<void> {
    await this.#processes[slot]?.kill();
  }

  /** SIGSTOP: the process keeps its connections and does nothing. */
  freeze(slot: number): void {
    this.#processes[slot]?.freeze();
  }

  thaw(slot: number): void {
    this.#processes[slot]?.thaw();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop()));
  }
}
