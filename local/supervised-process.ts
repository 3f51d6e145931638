import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { LocalStackError } from './errors';

/** How a process ended: by exit code or by signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that never outlives this one, however this one ends. */
export interface SupervisedProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  readonly running: () => boolean;
  /** Sends a signal; nothing happens when the process has ended. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Asks with SIGTERM, insists with SIGKILL after `graceMs` (0: at once), and resolves when the process has ended. */
  readonly end: (graceMs: number) => Promise<Exit>;
}

/**
 * A shell that is told the process ids to care for, one list a line, and kills the last list when its standard input
 * closes: which the kernel sees to, even when this process is killed by SIGKILL.
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
    // It must not keep this process alive: its end is what the watchdog waits for.
    watchdog.unref();
    // A pipe is a socket, which its type does not say.
    (watchdog.stdin as unknown as { unref(): void }).unref();
  }
  watchdog.stdin?.write(`${[...watched].join(' ')}\n`);
}

let interrupted = false;

/**
 * Kills every supervised process and refuses to start another, so that whatever waits for one fails at once and cleans
 * up after itself. For a program that was told to end while it is still starting things.
 */
export function interruptAll(): void {
  interrupted = true;
  for (const pid of watched) process.kill(pid, 'SIGKILL');
}

/**
 * Starts a process in a group of its own, so that Ctrl-C in the terminal reaches only us and we stop things in order.
 *
 * @throws LocalStackError `missing-tool` when the command does not exist, `interrupted` after `interruptAll()`.
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
