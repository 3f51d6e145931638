import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { messageFrom } from '../child-process';

/** A TypeScript child that answers each message with one message. */
export interface RequestChild<Request extends object, Answer> {
  /** One request at a time. Rejects if the child ends before it answers. */
  ask(request: Request): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts `bench/children/<name>.ts`. */
export function startRequestChild<Request extends object, Answer>(name: string): RequestChild<Request, Answer> {
  const child = fork(join(__dirname, '..', 'children', `${name}.ts`), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return {
    async ask(request) {
      const answer = messageFrom(child);
      child.send(request);
      return (await answer) as Answer;
    },
    stop: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await ended;
}
