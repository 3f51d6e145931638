import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../lib/event/errors';
import { ServiceError } from '../../lib/testing/dynamodb/errors';
import { SimulatedDatabase, type Answer } from './database';
import { CONTROL, type ControlName, type ServerOptions } from './protocol';

const JSON_TYPE = 'application/x-amz-json-1.0';

/** Serves a database of its own on 127.0.0.1. */
export class SimulatedServer {
  readonly #database: SimulatedDatabase;
  readonly #http: Server;

  constructor(options: ServerOptions) {
    this.#database = new SimulatedDatabase(options);
    // Clients keep their connections as long as they want, as with DynamoDB.
    this.#http = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
    });
  }

  /** @returns the endpoint */
  async listen(port = 0): Promise<string> {
    this.#http.listen(port, '127.0.0.1');
    await once(this.#http, 'listening');
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#database.stop();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const text = await textOf(incoming);
    const [status, body] = await this.#respond(String(incoming.headers['x-amz-target']), text);
    outgoing.writeHead(status, {
      'content-type': JSON_TYPE,
      'content-length': Buffer.byteLength(body),
      'x-amzn-requestid': randomUUID(),
    });
    // As text, head and body leave in one write.
    outgoing.end(body);
  }

  async #respond(target: string, text: string): Promise<[status: number, body: string]> {
    try {
      const answer = await this.#answerTo(target, JSON.parse(text) as object);
      return [200, typeof answer === 'string' ? answer : JSON.stringify(answer)];
    } catch (error) {
      if (error instanceof ServiceError) return [400, JSON.stringify(bodyOf(error.type, error.message, error.more))];
      // An unsupported request or a bug. The client must not try again.
      return [400, JSON.stringify(bodyOf('NotSimulatedException', messageOf(error)))];
    }
  }

  #answerTo(target: string, request: object): Answer | Promise<Answer> {
    const [service = '', operation = ''] = target.split('.');
    if (service === CONTROL) return this.#database.control(operation as ControlName, request);
    return this.#database.respond(operation, request);
  }
}

const bodyOf = (type: string, message: string, more: object = {}): object => ({
  __type: `com.amazonaws.dynamodb.v20120810#${type}`,
  message,
  Message: message,
  ...more,
});

function textOf(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('end', () => resolve(Buffer.concat(chunks).toString()));
    incoming.once('error', reject);
  });
}
