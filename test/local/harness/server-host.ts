import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startDynamoDb } from '../../../local/dynamodb';
import { startKafka } from '../../../local/kafka/cluster';

/** This variable has the address of the host, for the processes that run the test files. */
export const SERVER_HOST = 'OUTBOX_TEST_SERVER_HOST';

interface RunningServer {
  readonly address: string;
  stop(): Promise<void>;
}

const START = {
  kafka: async (): Promise<RunningServer> => {
    const { brokers, stop } = await startKafka();
    return { address: brokers.join(), stop };
  },
  dynamodb: async (): Promise<RunningServer> => {
    const { endpoint, stop } = await startDynamoDb({ databasePerAccessKey: true });
    return { address: endpoint, stop };
  },
} as const;

export type ServerKind = keyof typeof START;

/**
 * Runs the servers that test files share, in Jest's main process, so that they outlive the files and end with the run.
 *
 * `GET /<kind>/<n>` returns the address of the server of that kind for Jest's process `n`, and starts the server the
 * first time. `POST` replaces the server with a new one.
 */
export class ServerHost {
  readonly #http: Server;
  readonly #servers = new Map<string, Promise<RunningServer>>();

  private constructor() {
    this.#http = createServer((request, response) => {
      void this.#addressFor(request.url ?? '', request.method === 'POST').then(
        (address) => response.end(address),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }

  static async start(): Promise<ServerHost> {
    const host = new ServerHost();
    host.#http.listen(0, '127.0.0.1');
    await once(host.#http, 'listening');
    return host;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    await Promise.all([...this.#servers.values()].map(stopStarted));
  }

  async #addressFor(path: string, isReplaced: boolean): Promise<string> {
    const running = this.#servers.get(path);
    if (running !== undefined && !isReplaced) return (await running).address;
    const [, kind = ''] = path.split('/');
    const next = (running === undefined ? Promise.resolve() : stopStarted(running)).then(START[kind as ServerKind]);
    this.#servers.set(path, next);
    return (await next).address;
  }
}

/** A server that did not start has nothing to stop. */
const stopStarted = (server: Promise<RunningServer>): Promise<void> =>
  server.then(
    ({ stop }) => stop(),
    () => undefined,
  );
