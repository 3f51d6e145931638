import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { DemoError } from './options';
import type { Command } from './traffic';
import type { FromWriter, Outcome, ToWriter, WriterConfig } from './writer';

/** Instances of the order service, called like behind a load balancer: each command goes to the next one. */
export interface Writers {
  /** @throws DemoError `writer-failed` if the instance ends before it responds. */
  run(command: Command): Promise<{ readonly writer: number; readonly outcome: Outcome }>;
  /** Ends them all. */
  stop(): Promise<unknown>;
}

/** Resolves when all are ready. */
export async function startWriters(count: number, config: WriterConfig): Promise<Writers> {
  const writers = Array.from({ length: count }, () => new Writer(config));
  const stop = (): Promise<unknown> => Promise.all(writers.map((writer) => writer.stop()));
  try {
    await Promise.all(writers.map(({ ready }) => ready));
  } catch (error) {
    await stop();
    throw error;
  }
  let turn = 0;
  return {
    stop,
    async run(command) {
      const index = turn++ % writers.length;
      return { writer: index + 1, outcome: (await writers[index]?.run(command)) ?? { kind: 'failed', message: '' } };
    },
  };
}

class Writer {
  readonly ready: Promise<unknown>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  /** Emits the outcome of each command under the id of its call, and an error when the process has ended. */
  readonly #outcomes = new EventEmitter().setMaxListeners(0).on('error', () => undefined);
  #calls = 0;

  constructor(config: WriterConfig) {
    this.#process = fork(join(__dirname, 'writer.ts'), [JSON.stringify(config)]);
    this.#exited = once(this.#process, 'exit');
    this.ready = once(this.#outcomes, 'ready');
    this.#process.on('message', ({ id, outcome }: FromWriter) => this.#outcomes.emit(id, outcome));
    this.#process.on('exit', () => this.#outcomes.emit('error', ended()));
  }

  async run(command: Command): Promise<Outcome> {
    if (!this.#process.connected) throw ended();
    const id = String(++this.#calls);
    const outcome = once(this.#outcomes, id);
    this.#process.send({ id, command } satisfies ToWriter);
    return ((await outcome) as [Outcome])[0];
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

const ended = (): DemoError =>
  new DemoError('writer-failed', 'An instance of the order service has ended unexpectedly.');
