import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnSupervised, type SupervisedProcess } from './supervised-process';

export interface ProcessCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly logFile: string;
  /** Called with each message of the process, which then has a channel for them. */
  readonly onMessage?: (message: unknown) => void;
}

/** As a supervisor with a short delay does. */
const RESTART_AFTER_MS = 100;
const STOP_GRACE_MS = 20_000;

/** A process that is started again whenever it ends, until it is stopped. */
export class RestartedProcess {
  /** How often it ended by itself: it was neither stopped nor killed. */
  unexpectedEnds = 0;
  readonly #command: ProcessCommand;
  #process: SupervisedProcess | undefined;
  #stopped = true;
  #isKilled = false;

  constructor(command: ProcessCommand) {
    this.#command = command;
  }

  get pids(): readonly number[] {
    return this.#process?.running() === true ? [this.#process.pid] : [];
  }

  async start(): Promise<void> {
    this.#stopped = false;
    await this.#start();
  }

  /** SIGKILL; resolves when it has ended. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    await this.#process?.end(0);
  }

  /** SIGSTOP: it keeps its connections and does nothing. */
  freeze(): void {
    this.#process?.signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#process?.signal('SIGCONT');
  }

  /** SIGTERM, and SIGKILL after 20 seconds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#process?.end(STOP_GRACE_MS);
  }

  async #start(): Promise<void> {
    const { command, args, logFile, onMessage, ...options } = this.#command;
    const log = createWriteStream(logFile, { flags: 'a' });
    await once(log, 'open');
    const started = await spawnSupervised(command, args, {
      ...options,
      stdio: ['ignore', log, log, ...(onMessage === undefined ? [] : (['ipc'] as const))],
    });
    log.close();
    this.#process = started;
    this.#isKilled = false;
    if (onMessage !== undefined) started.child.on('message', onMessage);
    void started.exited.then(() => this.#startAgain());
  }

  async #startAgain(): Promise<void> {
    if (this.#stopped) return;
    if (!this.#isKilled) this.unexpectedEnds++;
    await sleep(RESTART_AFTER_MS);
    // `stop()` may have been called meanwhile.
    if (!this.#isStopped()) await this.#start();
  }

  #isStopped(): boolean {
    return this.#stopped;
  }
}
