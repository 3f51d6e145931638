import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { LocalStackError } from './errors';

/** How a process ended: by exit code or by signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that never outlives this one, even if this one is killed by SIGKILL. */
export interface SupervisedProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  readonly running: () => boolean;
  /** Sends a signal; nothing happens when the process has ended. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Sends SIGTERM, then SIGKILL after `graceMs` (0: at once), and resolves when the process has ended. */
  readonly end: (graceMs: number) => Promise<Exit>;
}

/**
 * A shell that reads lists of process ids, one list a line. When its standard input closes, it kills the processes of
 * the last list. The kernel closes that input even if this process is killed by SIGKILL.
 */
const WATCHDOG = `trap '' INT TERM HUP; pids=; while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -KILL $pids`;

const watched = new Set<number>();
let watchdog: ChildProcess | undefined;

function watch(): void {
  if (watched.size === 0) {
    watchdog?.stdin?.end();
    watchdog = undefined;
    return;
  }
  if (watchdog === undefined) {
    watchdog = spawn('sh', ['-c', WATCHDOG], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    // The watchdog waits for the end of this process, so it must not keep it alive.
    watchdog.unref();
    // A pipe is a socket, but its type has no `unref`.
    (watchdog.stdin as unknown as { unref(): void }).unref();
  }
  watchdog.stdin?.write(`${[...watched].join(' ')}\n`);
}

let interrupted = false;

/**
 * Kills every supervised process and refuses to start another, so that each caller that waits for one fails at once and
 * cleans up. For a program that must end while it is still starting processes.
 */
export function interruptAll(): void {
  interrupted = true;
  for (const pid of watched) process.kill(pid, 'SIGKILL');
}

/**
 * Starts a process in a group of its own, so that Ctrl-C reaches this process alone, which stops the others in order.
 *
 * @throws LocalStackError `missing-tool` if the command does not exist, `interrupted` after `interruptAll()`.
 */
export async function spawnSupervised(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly stdio: StdioOptions },
): Promise<SupervisedProcess> {
  if (interrupted)
    throw new LocalStackError('interrupted', `"${command}" is not started: everything is being stopped.`);
  const child = spawn(command, args, { ...options, detached: true });
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) watched.delete(child.pid);
      watch();
      resolve({ code, signal });
    });
  });
  if (child.pid === undefined) {
    const [cause] = (await once(child, 'error').catch((error: unknown) => [error])) as [unknown];
    throw new LocalStackError('missing-tool', `Cannot start "${command}": is it installed and on the PATH?`, { cause });
  }
  watched.add(child.pid);
  watch();
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals): void => {
    if (running()) child.kill(name);
  };
  const end = async (graceMs: number): Promise<Exit> => {
    if (graceMs > 0) {
      signal('SIGTERM');
      const timer = setTimeout(() => signal('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    }
    signal('SIGKILL');
    return exited;
  };
  return { pid: child.pid, child, exited, running, signal, end };
}
