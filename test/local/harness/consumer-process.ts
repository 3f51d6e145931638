import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Stack } from '../../../local/stack';

/** What the process of a consumer has to know. */
export interface ConsumerProcessOptions {
  readonly name: string;
  readonly stack: Pick<Stack, 'brokers' | 'clientConfig' | 'dynamodbEndpoint'>;
}

/** Starts a consumer in a process of its own, that it can be killed; resolves once it has joined its group. */
export async function startConsumerProcess({ name, stack }: ConsumerProcessOptions): Promise<ChildProcess> {
  const { brokers, clientConfig, dynamodbEndpoint } = stack;
  const options: ConsumerProcessOptions = { name, stack: { brokers, clientConfig, dynamodbEndpoint } };
  const child = fork(join(__dirname, 'consumer-child.ts'), [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

/** Ends it as a crash does: nothing is drained or committed, and the group learns of it by the session's timeout. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
