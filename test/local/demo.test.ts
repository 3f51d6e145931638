import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(__dirname, '..', '..');
const TIMEOUT_MS = 900_000;
const POLL_MS = 200;
const GRACE_MS = 180_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that the demo started. */
  readonly started: ReadonlySet<number>;
}

/** Runs the demo as a user does; `onOutput` is called after each output, with all of both streams. */
async function runDemo(
  args: readonly string[],
  onOutput: (output: string, interrupt: () => void) => void = () => undefined,
): Promise<Ended> {
  const command = ['--import', 'tsx', join('examples', 'demo.ts'), ...args];
  const child = spawn(process.execPath, command, { cwd: ROOT });
  const started = new Set<number>();
  const poll = setInterval(() => {
    for (const pid of descendantsOf(child.pid)) started.add(pid);
  }, POLL_MS);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onOutput(stdout + stderr, () => child.kill('SIGINT'));
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onOutput(stdout + stderr, () => child.kill('SIGINT'));
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(poll);
  return { code, stdout, stderr, started };
}

/** A killed process takes a moment to end. */
async function stillRunning(pids: ReadonlySet<number>): Promise<number[]> {
  const until = Date.now() + GRACE_MS;
  for (;;) {
    const running = new Set(parents().keys());
    const left = [...pids].filter((pid) => running.has(pid));
    if (left.length === 0 || Date.now() > until) return left;
    await sleep(POLL_MS);
  }
}

function descendantsOf(root: number | undefined): number[] {
  const family = new Set([root]);
  const all = [...parents()];
  for (let before = 0; family.size > before;) {
    before = family.size;
    for (const [pid, parent] of all) if (family.has(parent)) family.add(pid);
  }
  return [...family].filter((pid) => pid !== undefined);
}

/** Every running process with its parent. */
function parents(): Map<number, number> {
  const lines = existsSync('/proc/self/stat')
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(statOf)
    : execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).split('\n');
  return new Map(
    lines
      .map((line) => line.trim().split(/\s+/))
      // A zombie has ended; only its parent has not noticed yet.
      .filter(([pid, , state]) => Number(pid) > 0 && state?.startsWith('Z') === false)
      .map(([pid, parent]) => [Number(pid), Number(parent)]),
  );
}

/** `pid ppid state`; empty if the process has ended meanwhile. */
function statOf(pid: string): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${pid} ${String(parent)} ${String(state)}`;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

describe('npm run demo', () => {
  it(
    'ends with one line of JSON that reports no loss, and leaves nothing running',
    async () => {
      const { code, stdout, stderr, started } = await runDemo(['--events', '200', '--writers', '2', '--json']);
      // Includes stderr, so that a failure shows its reason.
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) as unknown });
      expect(stdout.trimEnd().split('\n')).toHaveLength(1);
      const verdict = JSON.parse(stdout) as { shipping: { deliveredTwice: number; ignored: number } };
      expect(verdict).toEqual({
        ...{ committed: 200, delivered: 200, lost: 0, reordered: 0, pending: 0 },
        duplicates: expect.any(Number) as unknown,
        latencyMs: { p50: expect.any(Number) as unknown, p99: expect.any(Number) as unknown },
        shipping: {
          ...{ wrongOrders: 0, ownReads: 10, staleReads: 0 },
          effects: expect.any(Number) as unknown,
          deliveredTwice: expect.any(Number) as unknown,
          ignored: expect.any(Number) as unknown,
          slowestReadMs: expect.any(Number) as unknown,
        },
      });
      const { deliveredTwice, ignored } = verdict.shipping;
      expect(deliveredTwice).toBeGreaterThan(0);
      expect(ignored).toBeGreaterThanOrEqual(deliveredTwice);
      // At least Kafka, DynamoDB Local, the relay and two writers.
      expect(started.size).toBeGreaterThanOrEqual(5);
      expect(await stillRunning(started)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['while the servers start', 'Starting Apache Kafka'],
    ['while events flow', 'writers started'],
  ])(
    'stops everything when it is interrupted %s',
    async (_, trigger) => {
      let interrupted = false;
      const { code, stdout, stderr, started } = await runDemo(
        ['--events', '100000', '--writers', '2', '--json'],
        (output, interrupt) => {
          if (interrupted || !output.includes(trigger)) return;
          interrupted = true;
          setTimeout(interrupt, 1_500);
        },
      );
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(stderr).toMatch(/Everything that was started is stopped\.\n$/);
      expect(await stillRunning(started)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['while the servers of its console start', 'Starting Apache Kafka'],
    ['while it serves its console', 'http://127.0.0.1:'],
  ])(
    'stops everything when it is interrupted %s',
    async (_, trigger) => {
      let interrupted = false;
      const { code, stderr, started } = await runDemo([], (output, interrupt) => {
        if (interrupted || !output.includes(trigger)) return;
        interrupted = true;
        setTimeout(interrupt, 1_500);
      });
      expect(code).toBe(130);
      expect(stderr).toMatch(/Everything that was started is stopped\.\n$/);
      expect(await stillRunning(started)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it('refuses an unknown option before it starts anything', async () => {
    const { code, stdout, stderr } = await runDemo(['--event', '5']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/'--event'.*\nThe options are --rate, --port, --events, /s);
  });

  it('explains itself', async () => {
    const { code, stdout } = await runDemo(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: npm run demo/);
  });
});
