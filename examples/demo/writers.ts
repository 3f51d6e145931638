import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { DemoError } from './options';
import type { Undo } from './read-model';
import type { Command } from './traffic';
import type { FromWriter, Outcome, ToWriter, WriterConfig } from './writer';

/** Instances of the order service, called like behind a load balancer: each command goes to the next one. */
export interface Writers {
  /** @throws DemoError `writer-failed` if the instance ends before it responds. */
  run(command: Command): Promise<{ readonly writer: number; readonly outcome: Outcome }>;
}

/** Resolves when all are ready. */
export async function startWriters(count: number, config: WriterConfig, undo: Undo): Promise<Writers> {
  const writers = Array.from({ length: count }, () => startWriter(config));
  undo(() => Promise.all(writers.map((writer) => writer.stop())));
  await Promise.all(writers.map(({ ready }) => ready));
  let turn = 0;
  return {
    async run(command) {
      const index = turn++ % writers.length;
      return { writer: index + 1, outcome: (await writers[index]?.run(command)) ?? { kind: 'failed', message: '' } };
    },
  };
}

function startWriter(config: WriterConfig) {
  const child = fork(join(__dirname, 'writer.ts'), [JSON.stringify(config)]);
  const exited = once(child, 'exit');
  /** Emits the outcome of each command under the id of its call, and an error when the process has ended. */
  const outcomes = new EventEmitter().setMaxListeners(0).on('error', () => undefined);
  child.on('message', ({ id, outcome }: FromWriter) => outcomes.emit(id, outcome));
  child.on('exit', () => outcomes.emit('error', ended()));
  let calls = 0;
  return {
    ready: once(outcomes, 'ready'),
    async run(command: Command): Promise<Outcome> {
      if (!child.connected) throw ended();
      const id = String(++calls);
      const outcome = once(outcomes, id);
      child.send({ id, command } satisfies ToWriter);
      return ((await outcome) as [Outcome])[0];
    },
    stop() {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

const ended = (): DemoError =>
  new DemoError('writer-failed', 'An instance of the order service has ended unexpectedly.');
