import { LocalStackError } from '../local/errors';
import type { OnProgress } from '../local/progress';
import { progressLines } from '../local/progress-lines';
import { startStack, type Stack } from '../local/stack';
import { interruptAll } from '../local/supervised-process';
import { startConsoleMode } from './demo/console-mode';
import { DemoError, parseOptions, USAGE, type DemoOptions } from './demo/options';
import { runDemo } from './demo/run';
import { progressScreen, terminalScreen } from './demo/screen';
import { isPassed, verdictLine } from './demo/verdict';
import { TOPICS } from './order-service/events';
import { silenceTimerWarning } from '../lib/kafka/timer-warning';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  silenceTimerWarning();
  const interruption = new AbortController();
  let exitCode = 1;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      exitCode = EXIT_CODES[signal];
      if (!interruption.signal.aborted) console.error('\nInterrupted; stopping …');
      interruption.abort();
    });
  }
  try {
    if (options.isConsole) {
      const mode = { eventsPerSecond: options.rate, port: options.port, signal: interruption.signal };
      const demo = await starting(interruption.signal, (onProgress) => startConsoleMode({ ...mode, onProgress }));
      await demo.run(() => process.kill(process.pid, 'SIGINT'));
      console.error('Everything that was started is stopped.');
      return exitCode;
    }
    const stack = await starting(interruption.signal, (onProgress) => startOnce(onProgress, interruption.signal));
    try {
      return await runOn(stack, options, interruption.signal);
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    console.error('Everything that was started is stopped.');
    return exitCode;
  }
}

/** Runs the start of something. If it is interrupted, every process that it started is killed, and it must reject. */
async function starting<T>(signal: AbortSignal, start: (onProgress: OnProgress) => Promise<T>): Promise<T> {
  console.error('Starting Apache Kafka, DynamoDB Local and the relay on this machine …');
  const lines = progressLines(process.stderr);
  signal.addEventListener('abort', interruptAll, { once: true });
  try {
    return await start(lines.onProgress);
  } finally {
    signal.removeEventListener('abort', interruptAll);
    lines.end();
  }
}

/** Starts the local stack. If it is interrupted, it rejects and leaves nothing running. */
async function startOnce(onProgress: OnProgress, signal: AbortSignal): Promise<Stack> {
  const stack = await startStack({ topics: TOPICS.map((topic) => ({ topic })), onProgress });
  if (signal.aborted) await stack.stop();
  signal.throwIfAborted();
  return stack;
}

async function runOn(stack: Stack, options: DemoOptions, signal: AbortSignal): Promise<number> {
  const screen = options.json ? progressScreen(process.stderr) : terminalScreen(process.stdout);
  const { verdict, failure } = await runDemo(options, stack, screen, signal);
  screen.end(verdict);
  if (failure !== undefined) console.error(messageOf(failure));
  if (options.json) console.log(verdictLine(verdict));
  const passed = failure === undefined && isPassed(verdict);
  if (!passed) console.error(`The logs of the servers and the relay: ${stack.logFolder}`);
  return passed ? 0 : 1;
}

const messageOf = (error: unknown): unknown =>
  error instanceof DemoError || error instanceof LocalStackError ? error.message : error;

main().then(
  // `process.exitCode` is not enough: a client that still tries to reconnect would keep the process alive.
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(messageOf(error));
    process.exit(1);
  },
);
