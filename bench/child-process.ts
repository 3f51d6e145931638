import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { RELAY_MEMORY_MB } from './relay-environment';

/** Divided as in Lambda's runtime. */
const NEW_SPACE_MB = Math.floor(RELAY_MEMORY_MB / 10);
const MEMORY_FLAGS = [
  `--max-semi-space-size=${NEW_SPACE_MB >> 1}`,
  `--max-old-space-size=${RELAY_MEMORY_MB - NEW_SPACE_MB}`,
];

/** Starts a bundled child. Its stdout is dropped, its stderr is shown. */
export const startChild = (file: string, environment: Readonly<Record<string, string>>): ChildProcess =>
  fork(file, {
    execArgv: MEMORY_FLAGS,
    env: { ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });

/** The next message of a child. Rejects when the child ends before it sends one. */
export async function messageFrom(child: ChildProcess): Promise<unknown> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    const [message] = (await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(([code, killedBy]) => {
        throw new Error(`A measured process ended with ${String(killedBy ?? code)} before it answered.`);
      }),
    ])) as [unknown];
    return message;
  } finally {
    settled.abort();
  }
}
