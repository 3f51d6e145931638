import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How slowly a connection forwards, in each direction. */
export interface Pace {
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

const PIECE_BYTES = 512;

/** The bytes of a request or a response on their way. */
export interface Passage {
  readonly from: 'client' | 'broker';
  readonly chunk: Buffer;
}

interface Link {
  readonly sockets: readonly Socket[];
  isSilent: boolean;
}

/** A TCP proxy in front of one broker, whose connections can become slow or silent. Its address stays the same. */
export class TcpProxy {
  readonly address: string;
  /** Sees everything before it is forwarded. With `false` the connection goes silent instead, with `'close'` it ends. */
  onPassage: ((passage: Passage) => boolean | 'close') | undefined;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #target: string | undefined;
  #pace: Pace | undefined;
  #isSilent = false;

  private constructor(server: Server) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Listens on a free port; forwards nothing before `forwardTo`. */
  static async listen(): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server);
  }

  forwardTo(target: string): void {
    this.#target = target;
  }

  /** New connections work, and no connection is slow. A silent connection stays silent. */
  restore(): void {
    this.#pace = undefined;
    this.#isSilent = false;
  }

  slowDown(pace: Pace): void {
    this.#pace = pace;
  }

  /** The connections stay open and forward nothing more, as if a firewall had forgotten them. New ones work. */
  silenceConnections(): void {
    for (const link of this.#links) link.isSilent = true;
  }

  /** As `silenceConnections`; new connections are accepted, and forward nothing either. */
  silence(): void {
    this.#isSilent = true;
    this.silenceConnections();
  }

  /** Ends all connections; resolves when the port is free. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { sockets } of this.#links) for (const socket of sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#isSilent || this.#target === undefined) {
      this.#add({ sockets: [client], isSilent: true });
      return;
    }
    const [host, port] = this.#target.split(':');
    const broker = connect({ host, port: Number(port), allowHalfOpen: true });
    const link = { sockets: [client, broker], isSilent: false };
    this.#add(link);
    void this.#pump(link, client, broker, 'client');
    void this.#pump(link, broker, client, 'broker');
  }

  #add(link: Link): void {
    this.#links.add(link);
    for (const socket of link.sockets) {
      // The other end has gone: `#pump` ends the connection.
      socket.on('error', () => undefined);
      socket.once('close', () => {
        if (link.sockets.every(({ destroyed }) => destroyed)) this.#links.delete(link);
      });
    }
  }

  /** Forwards one direction until its end. Never rejects. */
  async #pump(link: Link, from: Socket, to: Socket, side: Passage['from']): Promise<void> {
    try {
      // A silent connection stays open when its loop ends.
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        const verdict = this.onPassage?.({ from: side, chunk: chunk as Buffer });
        if (verdict === 'close') throw new Error('The connection is ended.');
        if (verdict === false) link.isSilent = true;
        if (!(await this.#forward(link, chunk as Buffer, to))) return;
      }
      to.end();
    } catch {
      for (const socket of link.sockets) socket.destroy();
    }
  }

  /** Resolves with `false` when the connection has become silent. */
  async #forward(link: Link, chunk: Buffer, to: Socket): Promise<boolean> {
    if (this.#pace !== undefined) await sleep(this.#pace.delayMs);
    for (let start = 0; start < chunk.length;) {
      const pace = this.#pace;
      const piece = chunk.subarray(start, pace === undefined ? undefined : start + PIECE_BYTES);
      if (pace !== undefined) await sleep((piece.length * 1_000) / pace.bytesPerSecond);
      if (link.isSilent) return false;
      await written(to, piece);
      start += piece.length;
    }
    return true;
  }
}

const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(bytes, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
