import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const PRODUCE = 0;
const METADATA = 3;
const SASL_HANDSHAKE = 17;
const API_VERSIONS = 18;
const INIT_PRODUCER_ID = 22;
const SASL_AUTHENTICATE = 36;

/** A partition of a produce request, as the broker received it. */
export interface Received {
  readonly partition: string;
  readonly producerId: bigint;
  readonly firstSequence: number;
  readonly records: number;
}

/** A broker's answer for a partition: its error code, or an offset. */
export interface Answer {
  readonly code?: number;
  readonly message?: string;
  readonly offset?: bigint;
}

export interface FakePartition {
  /** Index of the broker that leads it; -1 without a leader. */
  readonly leader: number;
}

/** Error code of a topic in the metadata, or its partitions. */
type FakeTopic = number | readonly FakePartition[];

/** Some brokers on this machine that know each other. They speak the requests that the session sends. */
export class FakeCluster {
  readonly topics = new Map<string, FakeTopic>();
  /** The topics of each metadata request. */
  readonly metadataRequests: string[][] = [];
  /** The requests of each broker, by its index. */
  readonly produced: { readonly broker: number; readonly partitions: readonly Received[] }[] = [];
  readonly tokens: string[] = [];
  readonly waits: number[] = [];
  /** Connections that were made. */
  connections = 0;
  /** Error code for producers. */
  producerIdCode = 0;
  /** Lifetime of a login. */
  sessionLifetimeMs = 0;
  /** The answer for a partition; `undefined` leaves it out. */
  answer: (received: Received, nth: number) => Answer | undefined = (_, nth) => ({ offset: BigInt(nth) });
  /** Requests that get no answer, by name of the API. */
  readonly silent = new Set<'produce' | 'metadata' | 'init'>();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #answers = 0;
  #producers = 0n;

  static async start(count: number): Promise<FakeCluster> {
    const cluster = new FakeCluster();
    for (let index = 0; index < count; index++) {
      const server = createServer((socket) => cluster.#serve(index, socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cluster.#servers.push(server);
    }
    return cluster;
  }

  get brokers(): string[] {
    return this.#servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Ends the connections, as a broker does to idle ones. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.disconnect();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #serve(broker: number, socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const end = 4 + bytes.readInt32BE(0);
        const request = new Input(bytes.subarray(4, end));
        bytes = bytes.subarray(end);
        const [api, , id] = [request.int16(), request.int16(), request.int32()];
        request.text();
        const answer = this.#answer(broker, api, request);
        if (answer !== undefined) socket.write(framed(id, api === SASL_AUTHENTICATE, answer));
      }
    });
  }

  #answer(broker: number, api: number, request: Input): Buffer | undefined {
    switch (api) {
      case PRODUCE:
        return this.#produce(broker, request);
      case METADATA:
        return this.#metadata(request);
      case INIT_PRODUCER_ID:
        if (this.silent.has('init')) return undefined;
        return Buffer.concat([int32(0), int16(this.producerIdCode), int64(++this.#producers), int16(0)]);
      case API_VERSIONS:
        return Buffer.concat([int16(0), int32(1), int16(SASL_AUTHENTICATE), int16(0), int16(2), int32(0)]);
      case SASL_HANDSHAKE:
        return Buffer.concat([int16(0), int32(1), text(request.text())]);
      case SASL_AUTHENTICATE: {
        // A tagged header; one byte of length is enough for the tokens of tests.
        this.tokens.push(request.rest().subarray(2, -1).toString());
        return Buffer.concat([int16(0), Buffer.from([0, 1]), int64(BigInt(this.sessionLifetimeMs)), Buffer.from([0])]);
      }
      default:
        throw new Error(`The fake broker knows no API ${api}.`);
    }
  }

  #produce(broker: number, request: Input): Buffer | undefined {
    request.text(); // transactional id
    request.int16(); // acks
    this.waits.push(request.int32());
    const partitions: Received[] = [];
    const answered: Buffer[] = [];
    const topics = request.list(() => {
      const topic = request.text();
      const answers = request.list(() => {
        const partition = request.int32();
        const batch = request.bytes(request.int32());
        const received = {
          partition: `${topic}-${partition}`,
          producerId: batch.readBigInt64BE(43),
          firstSequence: batch.readInt32BE(53),
          records: batch.readInt32BE(57),
        };
        partitions.push(received);
        const answer = this.answer(received, this.#answers++);
        if (answer === undefined) return [];
        const { code = 0, message, offset = -1n } = answer;
        const errors = Buffer.concat([int32(0), message === undefined ? int16(-1) : text(message)]);
        return [Buffer.concat([int32(partition), int16(code), int64(offset), int64(-1n), int64(0n), errors])];
      });
      return [Buffer.concat([text(topic), listed(answers)])];
    });
    answered.push(listed(topics), int32(0));
    this.produced.push({ broker, partitions });
    return this.silent.has('produce') ? undefined : Buffer.concat(answered);
  }

  #metadata(request: Input): Buffer | undefined {
    const names = request.list(() => [request.text()]);
    this.metadataRequests.push(names);
    if (this.silent.has('metadata')) return undefined;
    const brokers = this.brokers.map((broker, index) => {
      const [host = '', port] = broker.split(':');
      return Buffer.concat([int32(index), text(host), int32(Number(port)), int16(-1)]);
    });
    const topics = names.map((name) => {
      const topic = this.topics.get(name) ?? 3;
      const partitions = typeof topic === 'number' ? [] : topic;
      const states = partitions.map(({ leader }, partition) =>
        Buffer.concat([
          ...[int16(leader < 0 ? 5 : 0), int32(partition), int32(leader), int32(0)],
          ...[listed([int32(0), int32(1)]), listed([int32(0), int32(1)]), listed([])],
        ]),
      );
      const code = typeof topic === 'number' ? topic : 0;
      return Buffer.concat([int16(code), text(name), Buffer.from([0]), listed(states), int32(0)]);
    });
    return Buffer.concat([int32(0), listed(brokers), int16(-1), int32(0), listed(topics), int32(0)]);
  }
}

function framed(id: number, hasTags: boolean, body: Buffer): Buffer {
  const answer = Buffer.concat([int32(id), hasTags ? Buffer.from([0]) : Buffer.alloc(0), body]);
  return Buffer.concat([int32(answer.length), answer]);
}

class Input {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int16(): number {
    return this.bytes(2).readInt16BE();
  }

  int32(): number {
    return this.bytes(4).readInt32BE();
  }

  bytes(length: number): Buffer {
    return this.#buffer.subarray(this.#at, (this.#at += length));
  }

  rest(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  /** A nullable text, which is empty if it is null. */
  text(): string {
    return this.bytes(Math.max(0, this.int16())).toString();
  }

  list<T>(read: () => readonly T[]): T[] {
    return Array.from({ length: this.int32() }, read).flat();
  }
}

function sized(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
}

const int16 = (value: number): Buffer => sized(2, (buffer) => buffer.writeInt16BE(value));
const int32 = (value: number): Buffer => sized(4, (buffer) => buffer.writeInt32BE(value));
const int64 = (value: bigint): Buffer => sized(8, (buffer) => buffer.writeBigInt64BE(value));
const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
const listed = (entries: readonly Buffer[]): Buffer => Buffer.concat([int32(entries.length), ...entries]);
