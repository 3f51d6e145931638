import type { Console } from '../../local/console/console';
import { startConsoleProxy, type ConsoleProxy } from '../../local/console/console-proxy';
import { startConsole } from '../../local/console/start-console';
import { localClientConfig } from '../../local/dynamodb';
import type { OnProgress } from '../../local/progress';
import { schedule } from '../../local/schedule';
import { STACK_FILE } from '../../local/stack-file';
import { startStack, type Stack } from '../../local/stack';
import { TOPICS } from '../order-service/events';
import { startPlayground } from './playground';

export interface ConsoleDemoOptions {
  /** Events a second that the order service writes. 0: none. */
  readonly eventsPerSecond: number;
  /** Port of the page; 0 for a free one. */
  readonly port: number;
  readonly onProgress?: OnProgress;
  readonly onSweepFailure: (error: unknown) => void;
}

/** A stack with services that write and consume, and a console that shows it. */
export interface ConsoleDemo {
  readonly url: string;
  readonly stack: Stack;
  readonly console: Console;
  /** Ends everything that was started. A second call waits for the first. */
  stop(): Promise<void>;
}

/** More often than a deployment does, as everything in the console. */
const PROBE_EVERY_MS = 10_000;
const PARTITION_PATIENCE_SECONDS = 20;
/** So that the graphs of the sweeper have values soon. */
const FIRST_SWEEP_AFTER_MS = 4_000;

/**
 * Starts the stack, the order service, shipping and the console. Resolves when the page can be opened; by then events
 * are being written. If it rejects, everything that it started has ended.
 */
export async function startConsoleDemo(options: ConsoleDemoOptions): Promise<ConsoleDemo> {
  const undo: (() => Promise<unknown>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      for (const step of undo.toReversed()) await step();
    })());
  try {
    return { ...(await assemble(options, (step) => undo.push(step))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  { eventsPerSecond, port, onProgress, onSweepFailure }: ConsoleDemoOptions,
  undo: (step: () => Promise<unknown>) => void,
): Promise<Omit<ConsoleDemo, 'stop'>> {
  let proxy: ConsoleProxy | undefined;
  const later: { console?: Console } = {};
  const stack = await startStack({
    topics: TOPICS.map((topic) => ({ topic })),
    onProgress,
    // So that the commands that the console shows find the stack.
    stackFile: STACK_FILE,
    async relayDynamodbEndpoint(endpoint) {
      const started = (proxy = await startConsoleProxy(endpoint));
      undo(() => started.stop());
      return started.endpoint;
    },
    environment: { OUTBOX_PARTITION_PATIENCE_SECONDS: String(PARTITION_PATIENCE_SECONDS) },
  });
  undo(() => stack.stop());
  const services = await startPlayground({
    stack,
    clientConfig: localClientConfig(proxy?.endpoint ?? stack.dynamodbEndpoint),
    onApplied: (id) => later.console?.lanes.applied(id, Date.now()),
    onMetric: (consumer, name, value) => later.console?.consumerMetric(consumer, name, value),
    undo,
  });
  const { consumers } = services;
  const started = await startConsole({ stack, consumers, services, proxy }, port);
  undo(() => started.stop());
  later.console = started.console;

  const endSchedule = schedule(stack, {
    firstSweepAfterMs: FIRST_SWEEP_AFTER_MS,
    sweepEveryMs: stack.template.sweeper.everyMs / started.console.status().scale,
    probeEveryMs: PROBE_EVERY_MS,
    onSweepFailure,
    onProbeFailure: onSweepFailure,
  });
  undo(() => {
    endSchedule();
    return Promise.resolve();
  });
  if (eventsPerSecond > 0) {
    const writing = new AbortController();
    const written = services.write(eventsPerSecond, writing.signal);
    undo(() => {
      writing.abort();
      return written;
    });
  }
  return { url: started.url, stack, console: started.console };
}
