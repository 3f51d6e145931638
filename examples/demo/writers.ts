import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DemoError } from './errors';
import type { Command } from './plan';
import type { FromWriter, Outcome, ToWriter, WriterConfig } from './writer-protocol';

/** Instances of the order service, called like behind a load balancer: each command goes to the next one. */
export interface Writers {
  readonly pids: readonly number[];
  /** @throws DemoError `writer-failed` if the instance ends before it responds. */
  run(command: Command): Promise<{ readonly writer: number; readonly outcome: Outcome }>;
  /** Ends them all. A second call does nothing. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

class Writer {
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<unknown>;
  readonly #process: ChildProcess;
  #nextId = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#exited = once(process, 'exit');
    process.on('message', (message: FromWriter) => {
      if (message.kind !== 'done') return;
      this.#waiting.get(message.id)?.resolve(message.outcome);
      this.#waiting.delete(message.id);
    });
    process.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(ended());
      this.#waiting.clear();
    });
  }

  static async start(config: WriterConfig): Promise<Writer> {
    const child = fork(join(__dirname, 'writer.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const ready = new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(ended()));
      child.once('error', reject);
    });
    child.send(config satisfies ToWriter);
    await ready;
    return new Writer(child);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  run(command: Command): Promise<Outcome> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      if (!this.#process.connected) {
        reject(ended());
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ kind: 'run', id, command } satisfies ToWriter);
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

const ended = (): DemoError =>
  new DemoError('writer-failed', 'An instance of the order service has ended unexpectedly.');

/** Resolves when all are ready. */
export async function startWriters(count: number, config: WriterConfig): Promise<Writers> {
  const started = await Promise.allSettled(Array.from({ length: count }, () => Writer.start(config)));
  const writers = started.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  const stop = async (): Promise<void> => {
    await Promise.all(writers.map((writer) => writer.stop()));
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  let turn = 0;
  return {
    pids: writers.flatMap(({ pid }) => pid ?? []),
    stop,
    async run(command) {
      const index = turn % writers.length;
      turn += 1;
      const writer = writers[index];
      if (writer === undefined) throw ended();
      return { writer: index + 1, outcome: await writer.run(command) };
    },
  };
}
