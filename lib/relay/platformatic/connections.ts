import type { Socket } from 'node:net';
import { Connection } from '@platformatic/kafka';
import type { Clock } from '../ports';
import type { PlatformaticClient } from './client';
import { KafkaCallFailed } from './errors';

/** The part of a login's lifetime that is used. A broker closes the connection of an expired login. */
const USED_LIFETIME = 0.8;

/** The connections of one session, one for each broker that it needs. */
export class Connections {
  /** Epoch milliseconds from which on a login may have expired. */
  endsAt = Number.POSITIVE_INFINITY;
  readonly #client: PlatformaticClient;
  readonly #clock: Clock;
  /** By `host:port`; those that are being made too. */
  readonly #usable = new Map<string, Promise<Connection>>();
  readonly #all = new Set<Connection>();
  #isEnded = false;

  constructor(client: PlatformaticClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The connection to a broker, after its login. A connection that failed or was closed is replaced by a new one. */
  to(broker: string): Promise<Connection> {
    const usable = this.#usable.get(broker);
    if (usable !== undefined) return usable;
    const connecting = this.#connect(broker);
    this.#usable.set(broker, connecting);
    connecting.catch(() => this.#forget(broker, connecting));
    return connecting;
  }

  /** Closes all connections at once, those that are being made too. Requests in flight fail. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await Promise.all(
      [...this.#all].map(async (connection) => {
        const closed = connection.close();
        // The client waits until all is written, which a broker that does not respond may prevent.
        destroySocket(connection);
        await closed;
      }),
    );
  }

  async #connect(broker: string): Promise<Connection> {
    if (this.#isEnded) throw new KafkaCallFailed('connect', broker, new Error('The session has ended.'));
    const { host, port } = addressOf(broker);
    const onLogin = (lifetimeMs: number): void => {
      if (lifetimeMs > 0) this.endsAt = Math.min(this.endsAt, this.#clock.now() + USED_LIFETIME * lifetimeMs);
    };
    const connection = new Connection(this.#client.clientId, this.#client.optionsFor(host, onLogin));
    this.#all.add(connection);
    // Without a listener, Node.js throws the error. The calls in progress reject by themselves.
    connection.on('error', () => this.#drop(connection));
    try {
      await connection.connect(host, port);
    } catch (error) {
      this.#drop(connection);
      throw new KafkaCallFailed('connect', broker, error);
    }
    connection.once('close', () => {
      this.#all.delete(connection);
      this.#usable.delete(broker);
    });
    return connection;
  }

  /** After a failure, the client leaves some sockets half open. */
  #drop(connection: Connection): void {
    this.#all.delete(connection);
    destroySocket(connection);
  }

  #forget(broker: string, connecting: Promise<Connection>): void {
    if (this.#usable.get(broker) === connecting) this.#usable.delete(broker);
  }
}

/** A connection has no socket if it could not even be begun, for example because the port is none. */
const destroySocket = ({ socket }: Connection): void => void (socket as Socket | undefined)?.destroy();

function addressOf(broker: string): { readonly host: string; readonly port: number } {
  const at = broker.lastIndexOf(':');
  return { host: broker.slice(0, at), port: Number(broker.slice(at + 1)) };
}
