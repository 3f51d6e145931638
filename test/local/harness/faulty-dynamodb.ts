import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MARK = 'DynamoDB_20120810.BatchExecuteStatement';

/** A request before it is passed on. */
export interface SeenRequest {
  /** Such as `PutItem`. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly userAgent: string;
}

/** A proxy between the relay and DynamoDB Local that shows requests, and fails those that a test chooses. */
export class FaultyDynamoDb {
  onRequest: ((request: SeenRequest) => void) | undefined;
  /** Answers marks with a server error. */
  failMarks = false;
  /** Answers every request with a server error. */
  failEverything = false;
  failedMarks = 0;
  #endpoint = '';
  #server: Server | undefined;
  #onMark: (() => void) | undefined;

  /** Starts the proxy before the real endpoint. Returns the proxy's endpoint. */
  async start(endpoint: string): Promise<string> {
    this.#endpoint = endpoint;
    const server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
    this.#server = server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Never responds to the next mark, and runs `meanwhile` instead. Resolves after it has run. */
  async holdNextMark(meanwhile: () => Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => (this.#onMark = resolve));
    await meanwhile();
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    await (this.#server === undefined ? undefined : once(this.#server, 'close'));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const isMark = incoming.headers['x-amz-target'] === MARK;
    if (isMark && this.#onMark !== undefined) {
      this.#onMark();
      this.#onMark = undefined;
      return;
    }
    if (this.failEverything || (isMark && this.failMarks)) {
      if (isMark) this.failedMarks++;
      incoming.resume();
      outgoing.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' });
      outgoing.end('{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"made to fail"}');
      return;
    }
    const { method, headers, url } = incoming;
    if (this.onRequest !== undefined) show(incoming, this.onRequest);
    const forwarded = request(new URL(url ?? '/', this.#endpoint), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', (error) => outgoing.destroy(error));
    incoming.pipe(forwarded);
  }
}

function show(incoming: IncomingMessage, onRequest: (request: SeenRequest) => void): void {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const target = incoming.headers['x-amz-target'];
    onRequest({
      operation: String(target).split('.').at(-1) ?? '',
      body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
      userAgent: incoming.headers['user-agent'] ?? '',
    });
  });
}
