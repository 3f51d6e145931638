import { emitKeypressEvents } from 'node:readline';
import { styleText } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import type { Console, FaultStatus } from '../../local/console/console';
import type { OnProgress } from '../../local/progress';
import { startConsoleDemo } from './console-demo';

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
        const endKeys = listenToKeys(demo.console, print, interrupt);
        const line = setInterval(
          () => (output.isTTY ? output.write(CLEAR_LINE + statusLine(demo.console)) : print(statusLine(demo.console))),
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
  const { committed, arrived, applied } = shown.lanes.counts;
  const red = shown.alarms().filter(({ state, kind }) => state === 'ALARM' && kind === 'metric');
  const alarms = red.length === 0 ? 'no alarm' : `alarms: ${red.map(({ name }) => name).join(', ')}`;
  const waiting = shown.lanes.waiting().length;
  return `committed ${committed} → on their topic ${arrived} → applied ${applied} · ${shown.lanes.unfinished()} on their way · ${waiting} keys held · ${alarms}`;
}

function listenToKeys(shown: Console, print: (text: string) => void, interrupt: () => void): () => void {
  if (!process.stdin.isTTY) return () => undefined;
  emitKeypressEvents(process.stdin);
  process.stdin.setRawMode(true);
  const toggle = async (fault: FaultStatus): Promise<void> => {
    print(
      styleText(
        'yellow',
        `${fault.isOn ? 'End of: ' : ''}${fault.label}. ${fault.isOn ? fault.recovery : fault.expectation}`,
      ),
    );
    await shown.setFault(fault.name, !fault.isOn);
    if (fault.lasts && !fault.isOn) print(`Press ${fault.shortcut} again to end it.`);
  };
  const act = async (name: string): Promise<void> => {
    const action = shown.actions.find((each) => each.name === name);
    const plan = await action?.plan({ why: 'tried in the demo' });
    print(styleText('cyan', plan?.command ?? ''));
    for (const line of (await plan?.run()) ?? []) print(`  ${line}`);
  };
  const onKey = (_: string | undefined, key: { readonly name?: string; readonly ctrl?: boolean }): void => {
    if (key.name === 'q' || (key.ctrl === true && key.name === 'c')) {
      interrupt();
      return;
    }
    const fault = shown.status().faults.find(({ shortcut }) => shortcut === key.name);
    const action = ACTION_KEYS.find(([shortcut]) => shortcut === key.name)?.[1];
    const work = fault !== undefined ? toggle(fault) : action !== undefined ? act(action) : undefined;
    work?.catch((error: unknown) => print(styleText('red', messageOf(error))));
  };
  process.stdin.on('keypress', onKey);
  return () => {
    process.stdin.off('keypress', onKey);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  };
}

/** Keys that no fault uses. */
const ACTION_KEYS = [
  ['r', 'redrive'],
  ['v', 'verify'],
  ['w', 'sweep'],
] as const;
