import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Console } from '../../local/console/console';
import { serveConsole } from '../../local/console/server';
import { localClientConfig } from '../../local/dynamodb';
import { startDynamoDbProxy, type DynamoDbProxy } from '../../local/dynamodb-proxy';
import type { OnProgress } from '../../local/progress';
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

/** The rate of the rule that has unavailable partitions tried again, and the sweeper's interval in the console's time. */
const PROBE_EVERY_MS = 10_000;

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
  const parts: { console?: Console; proxy?: DynamoDbProxy } = {};
  const stack = await startStack({
    topics: TOPICS.map((topic) => ({ topic })),
    onProgress,
    async relayDynamodbEndpoint(endpoint) {
      const proxy = await startDynamoDbProxy(endpoint, (consumed) => parts.console?.consumed(consumed));
      undo(() => proxy.stop());
      parts.proxy = proxy;
      return proxy.endpoint;
    },
  });
  undo(() => stack.stop());
  const { proxy } = parts;
  const services = await startPlayground({
    stack,
    clientConfig: localClientConfig(proxy?.endpoint ?? stack.dynamodbEndpoint),
    onApplied: (id) => parts.console?.lanes.applied(id, Date.now()),
    undo,
  });
  const { consumers } = services;
  const console = (parts.console = new Console({ stack, consumers, services, proxy }));
  undo(() => console.stop());
  await console.start();
  const client = new DynamoDBClient(stack.clientConfig);
  undo(() => {
    client.destroy();
    return Promise.resolve();
  });
  const server = await serveConsole(console, { stack, client, consumers }, port);
  undo(() => server.stop());

  const every = (ms: number, work: () => Promise<unknown>): void => {
    const timer = setInterval(() => void work().catch(onSweepFailure), ms);
    undo(() => {
      clearInterval(timer);
      return Promise.resolve();
    });
  };
  every(stack.template.sweeper.everyMs / console.status().scale, () => stack.sweep());
  every(PROBE_EVERY_MS, () => stack.probe());
  if (eventsPerSecond > 0) {
    const writing = new AbortController();
    const written = services.write(eventsPerSecond, writing.signal);
    undo(() => {
      writing.abort();
      return written;
    });
  }
  return { url: server.url, stack, console };
}
