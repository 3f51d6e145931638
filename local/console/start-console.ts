import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Console, type ConsoleOptions } from './console';
import { serveConsole } from './server';

/** A console with its page. */
export interface StartedConsole {
  readonly console: Console;
  readonly url: string;
  /** Ends both. The stack goes on. */
  stop(): Promise<void>;
}

/**
 * Starts the console of a stack and serves its page. Resolves when the page can be opened. If it rejects, everything
 * that it started has ended.
 *
 * @param port - 0 for a free one
 */
export async function startConsole(options: ConsoleOptions, port: number): Promise<StartedConsole> {
  const { stack, consumers } = options;
  const client = new DynamoDBClient(stack.clientConfig);
  const console = new Console(options);
  const stop = async (): Promise<void> => {
    await console.stop();
    client.destroy();
  };
  try {
    await console.start();
    const server = await serveConsole(console, { stack, client, consumers }, port);
    return {
      console,
      url: server.url,
      async stop() {
        await server.stop();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
