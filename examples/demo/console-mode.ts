import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import type { Console } from '../../local/console/console';
import type { OnProgress } from '../../local/progress';
import { startConsoleDemo } from './console-demo';
import { ACTION_KEYS, listenToKeys, seenEffects } from './keys';

export interface ConsoleModeOptions {
  readonly eventsPerSecond: number;
  readonly port: number;
  readonly onProgress: OnProgress;
  /** Aborted when the demo is to end. */
  readonly signal: AbortSignal;
}

const CLEAR_LINE = '\r\u001b[2K';
const UPDATE_MS = 1_000;
const REPORT_MS = 10_000;

/** Services and page, ready. */
export interface ConsoleMode {
  /**
   * Shows counts and alarms in the terminal, and takes the same faults and actions by single keys, until the signal is
   * aborted. Everything has ended when it resolves. `interrupt` is called for the key that ends it.
   */
  run(interrupt: () => void): Promise<void>;
}

/** Starts the services and the page. If it rejects, everything that it started has ended. */
export async function startConsoleMode(options: ConsoleModeOptions): Promise<ConsoleMode> {
  const { signal, onProgress, eventsPerSecond, port } = options;
  const output = process.stdout;
  const print = (text: string): void => void output.write(`${output.isTTY ? CLEAR_LINE : ''}${text}\n`);
  const demo = await startConsoleDemo({
    ...{ eventsPerSecond, port, onProgress },
    onSweepFailure: (error) => {
      if (!signal.aborted) print(`A sweep failed; the next one does its work: ${messageOf(error)}`);
    },
  });
  if (signal.aborted) await demo.stop();
  signal.throwIfAborted();
  return {
    async run(interrupt) {
      try {
        print(introduction(demo.url, demo.console));
        const endKeys = listenToKeys(process.stdin, demo.console, { print, interrupt });
        const effects = seenEffects(demo.console);
        void firstArrival(demo.console, signal).then((atMs) => {
          const seconds = ((atMs - performance.timeOrigin) / 1_000).toFixed(1);
          if (!signal.aborted) print(`The first event was on its topic ${seconds} s after the start.`);
        });
        const line = setInterval(
          () => {
            for (const effect of effects()) print(effect);
            const status = statusLine(demo.console);
            if (output.isTTY) output.write(CLEAR_LINE + status.slice(0, output.columns - 1));
            else print(status);
          },
          output.isTTY ? UPDATE_MS : REPORT_MS,
        );
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        clearInterval(line);
        endKeys();
      } finally {
        await demo.stop();
      }
    },
  };
}

/** Resolves with the epoch milliseconds of the first event on its topic, or when the signal is aborted. */
async function firstArrival(shown: Console, signal: AbortSignal): Promise<number> {
  for (;;) {
    const { firstArrivedAtMs } = shown.lanes;
    if (firstArrivedAtMs !== undefined || signal.aborted) return firstArrivedAtMs ?? 0;
    await sleep(UPDATE_MS, undefined, { signal }).catch(() => undefined);
  }
}

function introduction(url: string, shown: Console): string {
  const bold = (text: string): string => styleText('bold', text, { stream: process.stdout });
  const keys = shown.status().faults.map(({ shortcut, label }) => `  ${bold(shortcut)}  ${label}`);
  const actions = ACTION_KEYS.map(([shortcut, name]) => `  ${bold(shortcut)}  ${name}`);
  return [
    '',
    `The console: ${bold(url)}`,
    'An order service writes events, the relay publishes them, shipping applies them. Break something, and watch:',
    ...(process.stdin.isTTY ? [...keys, ...actions, `  ${bold('q')}  stop everything`] : ['Ctrl-C stops everything.']),
    '',
  ].join('\n');
}

function statusLine(shown: Console): string {
  const { counts, waiting, unfinished, latency } = shown.progress();
  const red = shown.alarms().filter(({ state, kind }) => state === 'ALARM' && kind === 'metric');
  const alarms = red.length === 0 ? 'no alarm' : `alarms: ${red.map(({ name }) => name).join(', ')}`;
  return [
    `committed ${counts.committed} → on their topic ${counts.arrived} → applied ${counts.applied}`,
    `commit to effect p50 ${latency.p50Ms} ms, p99 ${latency.p99Ms} ms`,
    `${unfinished} on their way`,
    `${waiting.length} keys held`,
    alarms,
    ...(shown.status().isEmulatorBusy ? ['DynamoDB Local is the bottleneck: start with a smaller --rate'] : []),
  ].join(' · ');
}
